import * as tf from '@tensorflow/tfjs-core';
import { elementCount, indexOf } from '../core/tensor.ts';
import { transposed } from './layout.ts';
import { none, type Width } from './plan.ts';

/* Moving elements about with tfjs: cropping, surrounding, taking apart and joining, in ways that are right and quick on every runtime. */

/** The list with `filler` in front where it has one entry: one axis is computed as two. */
export function atLeastTwo<T>(values: readonly T[], filler: T): T[] {
  return values.length === 1 ? [filler, values[0]!] : [...values];
}

/** What is left of each dimension between the ends that negative widths crop, or null where that is nothing. */
export function cropped(x: tf.Tensor, widths: readonly Width[]): tf.Tensor | null {
  const from = widths.map(({ before }) => Math.max(0, -before));
  const sizes = widths.map(({ after }, axis) => x.shape[axis]! - from[axis]! - Math.max(0, -after));
  if (sizes.some((size) => size <= 0)) return null;
  if (sizes.every((size, axis) => size === x.shape[axis])) return x;
  return tf.getBackend() === 'cpu' ? slicedByRuns(x, from, sizes) : tf.slice(x, from, sizes);
}

/** `tf.slice` on cpu, where it is some 200 times slower if its elements do not lie side by side: run by run of those that do. */
function slicedByRuns(x: tf.Tensor, from: readonly number[], sizes: readonly number[]): tf.Tensor {
  const innermost = sizes.findLastIndex((size, axis) => size !== x.shape[axis]);
  const inner = elementCount(x.shape.slice(innermost + 1));
  const [length, outer] = [sizes[innermost]! * inner, sizes.slice(0, innermost)];
  const runs = elementCount(outer);
  // Of short runs there are too many.
  if (runs === 1 || length < 32) return tf.slice(x, [...from], [...sizes]);
  const flat = tf.reshape(x, [x.size]);
  const slices = Array.from({ length: runs }, (_, run) => {
    const row = indexOf(run, outer).reduce((at, index, axis) => at * x.shape[axis]! + from[axis]! + index, 0);
    return tf.slice(flat, (row * x.shape[innermost]! + from[innermost]!) * inner, length);
  });
  return tf.reshape(tf.concat(slices), [...sizes]);
}

/** What widths make of a tensor's shape. */
export function shapeAround(x: tf.Tensor, widths: readonly Width[]): number[] {
  return widths.map(({ before, after }, axis) => x.shape[axis]! + before + after);
}

/** How much positive widths add to each dimension. */
export function grownBy(widths: readonly Width[]): [number, number][] {
  return widths.map(({ before, after }) => [Math.max(0, before), Math.max(0, after)]);
}

export function filled(shape: readonly number[], value: number, dtype: tf.DataType): tf.Tensor {
  return tf.fill([...shape], value, dtype as 'float32' | 'int32');
}

/**
 * Elements of a value around every dimension, without tf.pad. That is not to be trusted with values other than 0: it takes −0
 * for 0, and on wasm it rounds an int32 to float32, takes NaN for whichever value came before it in the same process, and
 * may pad by NaN for ever after.
 */
export function surrounded(x: tf.Tensor, widths: readonly [number, number][], value: number): tf.Tensor {
  return widths.reduce((inner, width, axis) => {
    const [before, after] = width.map((size) => {
      const shape = inner.shape.map((old, i) => (i === axis ? size : old));
      return size === 0 ? [] : [filled(shape, value, x.dtype)];
    }) as [tf.Tensor[], tf.Tensor[]];
    return before.length + after.length === 0 ? inner : tf.concat([...before, inner, ...after], axis);
  }, x);
}

/** Whether tf.pad is right and quick at zeros around a tensor. */
function isPadGood(x: tf.Tensor): boolean {
  const runtime = tf.getBackend();
  // It does not compile for five axes: on WebGL it throws, and on WebGPU all is 0.
  if (runtime === 'webgl' || runtime === 'webgpu') return x.rank <= 4;
  // On cpu it is several times slower than concatenation, but for tensors so small that the number of calls counts.
  return runtime !== 'cpu' || x.size < 2 ** 12;
}

/** Elements of `value` around every axis; negative widths crop. */
export function pad(x: tf.Tensor, widths: readonly Width[], value = 0): tf.Tensor {
  const inner = cropped(x, widths);
  // Where more is cropped than is there, what remains comes from what is appended on the other side.
  if (inner === null) return filled(shapeAround(x, widths), value, x.dtype);
  const grown = grownBy(widths);
  if (grown.flat().every((width) => width === 0)) return inner;
  return Object.is(value, 0) && isPadGood(inner) ? tf.pad(inner, grown) : surrounded(inner, grown, value);
}

/** Zeros around the spatial axes of (N, …, C), of which the first may be a height that is not one of the plan's. */
export function padSpatial(x: tf.Tensor, widths: readonly Width[]): tf.Tensor {
  return pad(x, [none, ...atLeastTwo(widths, none), none]);
}

/** Every `step`-th element of the spatial axes, from `from`. */
export function every(x: tf.Tensor, from: readonly number[], step: readonly number[]): tf.Tensor {
  if (from.every((first) => first === 0) && step.every((distance) => distance === 1)) return x;
  if (x.rank <= 4) return tf.stridedSlice(x, [0, ...from, 0], x.shape, [1, ...step, 1]);
  // On WebGL that does not compile for five axes: axis by axis, with the others put together.
  return from.reduce((y, first, i) => everyOf(y, i + 1, first, step[i]!), x);
}

function everyOf(x: tf.Tensor, axis: number, from: number, step: number): tf.Tensor {
  if (from === 0 && step === 1) return x;
  const [outer, size, inner] = [x.shape.slice(0, axis), x.shape[axis]!, x.shape.slice(axis + 1)];
  const flat = [elementCount(outer), size, elementCount(inner)];
  const taken = tf.stridedSlice(tf.reshape(x, flat), [0, from, 0], flat, [1, step, 1]);
  return tf.reshape(taken, [...outer, taken.shape[1]!, ...inner]);
}

/** `count` equal slices of the channels, which come last. */
export function parts(x: tf.Tensor, count: number): tf.Tensor[] {
  if (count === 1) return [x];
  if (tf.getBackend() !== 'cpu') return tf.split(x, count, x.rank - 1);
  // On cpu a slice is quick where its elements lie side by side, and very slow elsewhere.
  const [channels, outer] = [x.shape.at(-1)! / count, x.shape.slice(0, -1)];
  const apart = transposed(tf.reshape(x, [elementCount(outer), count, channels]), [1, 0, 2]);
  return Array.from({ length: count }, (_, i) => tf.reshape(tf.slice(apart, i, 1), [...outer, channels]));
}

/** What `parts` took apart. */
export function joined(slices: readonly tf.Tensor[]): tf.Tensor {
  return slices.length === 1 ? slices[0]! : tf.concat([...slices], slices[0]!.rank - 1);
}

/** Zeros between the elements of one axis, so that neighbours come to lie `step` apart. */
export function spread(x: tf.Tensor, axis: number, step: number): tf.Tensor {
  if (step === 1) return x;
  const size = x.shape[axis]!;
  const [before, after] = [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis + 1))];
  const apart = pad(tf.reshape(x, [before, size, 1, after]), [none, none, { before: 0, after: step - 1 }, none]);
  const ended = pad(tf.reshape(apart, [before, size * step, after]), [none, { before: 0, after: 1 - step }, none]);
  return tf.reshape(ended, [...x.shape.slice(0, axis), (size - 1) * step + 1, ...x.shape.slice(axis + 1)]);
}

export function sum(terms: readonly tf.Tensor[]): tf.Tensor {
  return terms.reduce((all, term) => tf.add(all, term));
}
