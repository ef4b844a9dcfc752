import type { OperandName, OpName } from '../core/case.ts';
import { convolutionSemantics } from './convolution.ts';
import { gradientSemantics } from './gradient.ts';
import { padSemantics } from './pad.ts';
import type { Differentiable, Semantics } from './semantics.ts';
import { transposedConvolutionSemantics } from './transposedConvolution.ts';

const forward: readonly Differentiable[] = [
  convolutionSemantics(1),
  convolutionSemantics(2),
  convolutionSemantics(3),
  transposedConvolutionSemantics(1),
  transposedConvolutionSemantics(2),
  transposedConvolutionSemantics(3),
  padSemantics,
];

const gradients = forward.flatMap((of) => of.inputs.map((by) => gradientSemantics(of, by as OperandName)));

const byName = new Map<string, Semantics>([...forward, ...gradients].map((semantics) => [semantics.name, semantics]));

/** What PyTorch means by an operator, or by the gradient of one, for who draws no calls of it: nothing here needs Node. */
export function semanticsOf(name: OpName): Semantics {
  const semantics = byName.get(name);
  if (semantics === undefined) throw new Error(`no operator ${name}`);
  return semantics;
}
