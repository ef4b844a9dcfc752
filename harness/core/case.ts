import type { DType } from './tensor.ts';

/** A parameter as PyTorch takes it: a number, a list with one entry an axis, or a mode's name. */
export type ParamValue = number | string | readonly number[];
export type Params = Record<string, ParamValue>;

/** A tensor element as JSON has it: what JSON lacks is spelled as a string. */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity' | '-0';

/** How seeded data is distributed; `core/data.ts` defines each to the bit. */
export type Values = 'lattice' | 'normal' | 'special';
export const valuesKinds: readonly Values[] = ['lattice', 'normal', 'special'];

export type DataSpec =
  | { kind: 'inline'; values: readonly JsonNumber[] }
  | { kind: 'seeded'; values: Values; seed: number };

export interface TensorSpec {
  dtype: DType;
  shape: readonly number[];
  data: DataSpec;
}

/**
 * The names of the tensors that a case may have, in the order in which PyTorch takes them. `grad_output` is what a gradient is
 * given: the gradient by the operator's result.
 */
export const inputNames = ['input', 'weight', 'bias', 'grad_output'] as const;
export type InputName = (typeof inputNames)[number];
export type Inputs<T> = { input: T } & { [name in Exclude<InputName, 'input'>]?: T };

/** The operators, named as in `torch.nn.functional`. */
export type ForwardName =
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'pad';

/** By what an operator can be differentiated. */
export const operandNames = ['input', 'weight', 'bias'] as const;
export type OperandName = (typeof operandNames)[number];

/** An operator, or its gradient by one of its operands: each is an operator of its own to a case. */
export type OpName = ForwardName | `${ForwardName}_grad_${OperandName}`;

/** The operator that a name is a gradient of, and by what; null where it is the operator itself. */
export function gradientOf(op: OpName): { op: ForwardName; by: OperandName } | null {
  const parsed = /^(.+)_grad_(input|weight|bias)$/.exec(op);
  return parsed === null ? null : { op: parsed[1] as ForwardName, by: parsed[2] as OperandName };
}

export const caseSchema = 'convdiff/case@1';

/** One operator, its parameters and its input tensors: what a case file holds. */
export interface Case {
  schema: typeof caseSchema;
  op: OpName;
  params: Params;
  inputs: Inputs<TensorSpec>;
}

/** A function of each tensor that is there, in the order of `inputNames`. */
export function mapInputs<A, B>(inputs: Inputs<A>, fn: (value: A, name: InputName) => B): Inputs<B> {
  const out: Partial<Record<InputName, B>> = {};
  for (const name of inputNames) {
    const value = inputs[name];
    if (value !== undefined) out[name] = fn(value, name);
  }
  return out as Inputs<B>;
}
