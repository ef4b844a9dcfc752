import { convolutionMutants, layerMutants } from './layers.ts';
import type { Mutant } from './mutant.ts';
import { numberMutants } from './numbers.ts';
import { padMutants } from './padding.ts';
import { stateMutants } from './state.ts';
import { transposedMutants } from './transposed.ts';

/** All mutants, by what they get wrong. */
export const mutants: readonly Mutant[] = [
  ...layerMutants,
  ...convolutionMutants,
  ...transposedMutants,
  ...padMutants,
  ...numberMutants,
  ...stateMutants,
];
