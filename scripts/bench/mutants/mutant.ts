import reference from '../../../harness/backends/reference.ts';
import type { Call } from '../../../harness/core/backend.ts';
import type { Inputs, OpName, Params } from '../../../harness/core/case.ts';
import { allocate, elementCount, indexOf, type Tensor } from '../../../harness/core/tensor.ts';
import { operatorOf } from '../../../harness/operators/index.ts';
import { convolutionPadding } from '../../../harness/semantics/convolution.ts';

/*
 * Mutants: the reference with one realistic mistake each, and what it takes to write them down. A mutant is right wherever its
 * mistake does not show.
 */

export const convolutions: readonly OpName[] = ['conv1d', 'conv2d', 'conv3d'];
export const transposed: readonly OpName[] = ['conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d'];
export const layers: readonly OpName[] = [...convolutions, ...transposed];
export const several: readonly OpName[] = layers.filter((op) => !op.endsWith('1d'));

/** What a mistake has to work with: a call as a backend gets it, and the right way to run it or another one. */
export interface Scene {
  op: OpName;
  params: Params;
  input: Tensor;
  weight: Tensor;
  bias: Tensor | undefined;
  inputs: Inputs<Tensor>;
  /** Spatial axes. */
  axes: number;
  groups: number;
  isTransposed: boolean;
  /** A parameter's entries; of padding `same` and `valid` the widths in front. */
  list(name: 'stride' | 'padding' | 'dilation' | 'output_padding'): number[];
  /** The right result of this call, or of one with other parameters or inputs. */
  right(params?: Params, inputs?: Partial<Inputs<Tensor>>): Tensor;
  /** The same, made to have the shape of this call's result: cut or filled with zeros at the ends. Zeros where it is refused. */
  fitted(params?: Params, inputs?: Partial<Inputs<Tensor>>): Tensor;
}

/** Computes a call with a mistake. */
export type Mistake = (scene: Scene) => Tensor;

export interface Mutant {
  name: string;
  ops: readonly OpName[];
  /** A new instance, with what it remembers from call to call. */
  start(): Mistake;
}

export function mutant(name: string, ops: readonly OpName[], mistake: Mistake): Mutant {
  return { name, ops, start: () => mistake };
}

/** The kernel's spatial sizes. */
export const kernelOf = (scene: Scene) => scene.weight.shape.slice(2);

/** How many channels of each group go in, and come out. */
export function groupsOf(scene: Scene): { inPer: number; outPer: number } {
  const [first, second] = scene.weight.shape as [number, number];
  return scene.isTransposed
    ? { inPer: first / scene.groups, outPer: second }
    : { inPer: second, outPer: first / scene.groups };
}

/** The scene of a call that PyTorch takes. */
export function sceneOf({ op, params }: Call, inputs: Inputs<Tensor>): Scene {
  const right = (other: Params = {}, others: Partial<Inputs<Tensor>> = {}) =>
    reference.run({ op, params: { ...params, ...other } }, { ...inputs, ...others }) as Tensor;
  const { input, weight, bias } = inputs;
  const axes = input.shape.length - 2;
  return {
    op,
    params,
    input,
    weight: weight!,
    bias,
    inputs,
    axes,
    groups: (params.groups ?? 1) as number,
    isTransposed: op.startsWith('conv_transpose'),
    list: (name) => {
      const value = params[name]!;
      if (typeof value !== 'string') return [...(value as number[])];
      const widths = convolutionPadding(value, weight!.shape.slice(2), params.dilation as number[]);
      return widths.map(({ before }) => before);
    },
    right,
    fitted: (other, others) => {
      const operator = operatorOf(op);
      const dtypes = { input: input.dtype };
      const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
      const shape = operator.outputShape({ params, shapes: shapes as { input: number[] }, dtypes });
      try {
        return resized(right(other, others), shape);
      } catch {
        return filled(shape, () => 0, input.dtype);
      }
    },
  };
}

/** A tensor of a shape, each element from its index. */
export function filled(
  shape: readonly number[],
  element: (index: number[]) => number,
  dtype: Tensor['dtype'] = 'float32',
): Tensor {
  const data = allocate(dtype, elementCount(shape));
  for (let at = 0; at < data.length; at++) data[at] = element(indexOf(at, shape));
  return { dtype, shape: [...shape], data };
}

/** The element at an index; 0 outside. */
export function at({ data, shape }: Tensor, index: readonly number[]): number {
  let flat = 0;
  for (const [axis, size] of shape.entries()) {
    const i = index[axis]!;
    if (i < 0 || i >= size) return 0;
    flat = flat * size + i;
  }
  return data[flat]!;
}

/** Each element from its value and index. */
export function mapped(tensor: Tensor, fn: (value: number, index: number[]) => number): Tensor {
  return filled(tensor.shape, (index) => fn(at(tensor, index), index), tensor.dtype);
}

/** The tensor whose element at `index` is that of `tensor` at `from(index)`, and 0 outside. */
export function moved(tensor: Tensor, from: (index: number[]) => number[]): Tensor {
  return mapped(tensor, (_, index) => at(tensor, from(index)));
}

export function resized(tensor: Tensor, shape: readonly number[]): Tensor {
  return filled(shape, (index) => at(tensor, index), tensor.dtype);
}

/** The input with so many elements put in front of and behind each spatial axis, by a mode of F.pad. */
export function padded({ input }: Scene, widths: readonly [number, number][], mode = 'constant', value = 0): Tensor {
  if (widths.every(([before, after]) => before === 0 && after === 0)) return input;
  return reference.run({ op: 'pad', params: { pad: [...widths].reverse().flat(), mode, value } }, { input }) as Tensor;
}

/** The last two of a list exchanged. */
export function exchanged<T>(values: readonly T[]): T[] {
  return values.length < 2 ? [...values] : [...values.slice(0, -2), values.at(-1)!, values.at(-2)!];
}

/** The right result, each element from its value, its index and the whole. */
export function onOutput(scene: Scene, fn: (value: number, index: number[], y: Tensor) => number): Tensor {
  const y = scene.right();
  return mapped(y, (value, index) => fn(value, index, y));
}

/** Whether an element is the last of a tensor of this shape. */
export const isLast = (index: readonly number[], shape: readonly number[]) =>
  index.every((i, axis) => i === shape[axis]! - 1);
