import type { OpName } from '../core/case.ts';
import { convolution } from './convolution.ts';
import type { Operator } from './operator.ts';
import { pad } from './pad.ts';
import { transposedConvolution } from './transposedConvolution.ts';

/** All operators, in the order in which people list them. A new one is one file and one line here. */
export const operators: readonly Operator[] = [
  convolution(1),
  convolution(2),
  convolution(3),
  transposedConvolution(1),
  transposedConvolution(2),
  transposedConvolution(3),
  pad,
];

const byName = new Map(operators.map((operator) => [operator.name, operator]));

export function operatorOf(name: OpName): Operator {
  const operator = byName.get(name);
  if (operator === undefined) throw new Error(`no operator ${name}`);
  return operator;
}

export function isOperator(name: string): name is OpName {
  return byName.has(name as OpName);
}
