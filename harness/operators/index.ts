import { type ForwardName, gradientOf, type OperandName, type OpName } from '../core/case.ts';
import { convolution } from './convolution.ts';
import { gradient } from './gradient.ts';
import type { ForwardOperator, Operator } from './operator.ts';
import { pad } from './pad.ts';
import { transposedConvolution } from './transposedConvolution.ts';

/** All operators, in the order in which people list them. A new one is one file and one line here. */
export const operators: readonly ForwardOperator[] = [
  convolution(1),
  convolution(2),
  convolution(3),
  transposedConvolution(1),
  transposedConvolution(2),
  transposedConvolution(3),
  pad,
];

/** The gradients of each operator by each of its operands. */
export const gradients: readonly Operator[] = operators.flatMap((operator) =>
  operator.inputs.map((by) => gradient(operator, by as OperandName)),
);

const byName = new Map<string, Operator>([...operators, ...gradients].map((operator) => [operator.name, operator]));

export function operatorOf(name: OpName): Operator {
  const operator = byName.get(name);
  if (operator === undefined) throw new Error(`no operator ${name}`);
  return operator;
}

/** Whether it is an operator, or the gradient of one. */
export function isOperator(name: string): name is OpName {
  return byName.has(name);
}

/** Whether it is one of `torch.nn.functional`'s, and not a gradient. */
export function isForward(name: string): name is ForwardName {
  return isOperator(name) && gradientOf(name) === null;
}
