import * as tf from '@tensorflow/tfjs-core';
import { sameShape } from '../core/tensor.ts';

/* From PyTorch's layout to that of tfjs and back: shared by whatever calls tfjs. */

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

/** An input or output of a layer as (N, …, C), with a height of 1 where there is a single spatial axis. */
export function channelsLast(x: tf.Tensor, layout: Layout): tf.Tensor {
  const last = layout === 'NHWC' ? x : toChannelsLast(x);
  return last.rank === 3 ? tf.expandDims(last, 1) : last;
}

/** Back from what `channelsLast` gives, to a tensor of this shape. */
export function fromChannelsLast(x: tf.Tensor, shape: readonly number[], layout: Layout): tf.Tensor {
  return reshaped(layout === 'NHWC' ? x : toChannelsFirst(x), shape);
}

/** A weight as (…, b, a), with a height of 1 where there is a single spatial axis. */
export function channelsAtEnd(weight: tf.Tensor, layout: Layout): tf.Tensor {
  const last = layout === 'NHWC' ? weight : kernelLast(weight);
  return last.rank === 3 ? tf.expandDims(last, 0) : last;
}

/** Back from what `channelsAtEnd` gives, to a tensor of this shape. */
export function fromChannelsAtEnd(kernel: tf.Tensor, shape: readonly number[], layout: Layout): tf.Tensor {
  return reshaped(layout === 'NHWC' ? kernel : kernelFirst(kernel), shape);
}
