import * as tf from '@tensorflow/tfjs-core';
import { elementCount, indexOf, sameShape } from '../core/tensor.ts';
import type { Width } from './plan.ts';

/*
 * From PyTorch's layout to that of tfjs and back, and what surrounds a tensor without tf.pad: shared by whatever calls tfjs.
 */

/**
 * Whose axis order the tensors of a layer have, over any number of spatial axes. `NCHW` is PyTorch's: (N, C, …), and weights
 * (a, b, …) with a and b the channels that PyTorch has there. `NHWC` is TensorFlow's: (N, …, C), and weights (…, b, a).
 */
export type Layout = 'NCHW' | 'NHWC';
export const layouts: readonly Layout[] = ['NCHW', 'NHWC'];

/** `tf.transpose`, which traps on wasm where there are no elements. */
export function transposed(x: tf.Tensor, order: number[]): tf.Tensor {
  return x.size > 0 ? tf.transpose(x, order) : tf.zeros(order.map((dimension) => x.shape[dimension]!));
}

function spatialOf(x: tf.Tensor): number[] {
  return Array.from({ length: x.rank - 2 }, (_, i) => i + 2);
}

/** `tf.reshape`, which costs something on some runtimes, where it changes anything. */
export function reshaped(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  return sameShape(x.shape, shape) ? x : tf.reshape(x, [...shape]);
}

/** (N, C, …) to (N, …, C). */
export function toChannelsLast(x: tf.Tensor): tf.Tensor {
  return transposed(x, [0, ...spatialOf(x), 1]);
}

/** (N, …, C) to (N, C, …). */
export function toChannelsFirst(x: tf.Tensor): tf.Tensor {
  return transposed(x, [0, x.rank - 1, ...spatialOf(x).map((dimension) => dimension - 1)]);
}

/** (a, b, …) to (…, b, a): how tfjs wants kernels, with the channels that PyTorch has first at the end. */
export function kernelLast(weight: tf.Tensor): tf.Tensor {
  return transposed(weight, [...spatialOf(weight), 1, 0]);
}

/** (…, b, a) to (a, b, …). */
export function kernelFirst(kernel: tf.Tensor): tf.Tensor {
  const axes = spatialOf(kernel).map((dimension) => dimension - 2);
  return transposed(kernel, [kernel.rank - 1, kernel.rank - 2, ...axes]);
}

/** (H, W, 1, channels · multiplier), as `kernelLast` gives it, to (H, W, channels, multiplier). */
export function depthwiseKernel(kernel: tf.Tensor, channels: number): tf.Tensor4D {
  const [height, width, , outputs] = kernel.shape as [number, number, number, number];
  return tf.reshape(kernel, [height, width, channels, outputs / channels]);
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
