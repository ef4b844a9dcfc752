import { conductMutants } from './conduct.ts';
import { convolutionMutants, layerMutants } from './layers.ts';
import type { Mutant } from './mutant.ts';
import { numberMutants } from './numbers.ts';
import { padMutants } from './padding.ts';
import { stateMutants } from './state.ts';
import { transposedMutants } from './transposed.ts';

/** Those that take a call for another one: whether they are wrong follows from its shapes and parameters. */
export const callMutants: readonly Mutant[] = [
  ...layerMutants,
  ...convolutionMutants,
  ...transposedMutants,
  ...padMutants,
  ...conductMutants,
];

/** All mutants, by what they get wrong. */
export const mutants: readonly Mutant[] = [...callMutants, ...numberMutants, ...stateMutants];
