import * as tf from '@tensorflow/tfjs-core';
import { elementCount } from '../core/tensor.ts';
import { storedValue } from '../semantics/pad.ts';
import { convolve, convolveTransposed, flipped, type Window } from './convolve.ts';
import { channelsAtEnd, channelsLast, fromChannelsLast, type Layout } from './layout.ts';
import { atLeastTwo, pad, padSpatial, spread } from './move.ts';
import type { LayerStep, PaddingStep, Plan } from './plan.ts';

/*
 * Carries a plan out with tfjs, step by step. One spatial axis is computed as two, the first of size 1. What is multiplied by zeros is
 * what the plan says, and no more.
 */

/** The operands of a layer, input and weight in a layout, bias (C); `pad` has an input of any shape. */
// A type, not an interface: tf.tidy wants its containers to have an index signature.
export type Operands = {
  input: tf.Tensor;
  weight?: tf.Tensor;
  bias?: tf.Tensor;
};

/** What one step makes of (N, …, C), with the kernel as `channelsAtEnd` gives it. */
export function carryOutLayer(
  step: LayerStep,
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor | undefined,
): tf.Tensor {
  switch (step.do) {
    case 'pad':
      return padSpatial(x, step.widths);
    case 'spread':
      return atLeastTwo(step.distances, 1).reduce((y, distance, axis) => spread(y, axis + 1, distance), x);
    case 'convolve':
      return convolve(x, step.kernel === 'flipped' ? flipped(weight, step.groups) : weight, step);
    case 'convolve transposed':
      return convolveTransposed(x, weight, step);
    case 'add bias':
      // Over two axes: WebGPU has no kernel that adds to each channel of five.
      return tf.reshape(tf.add(tf.reshape(x, [-1, bias!.size]), bias!), x.shape);
  }
}

function carryOutPadding(step: PaddingStep, x: tf.Tensor): tf.Tensor {
  return step.do === 'pad'
    ? pad(x, step.widths, storedValue(step.value, x.dtype))
    : tf.gather(x, tf.tensor1d([...step.indices], 'int32'), step.axis);
}

/**
 * The steps with a padding that is the convolution's own SAME put into it, which saves a copy: with stride 1 and half of the kernel
 * on each side. Elsewhere SAME is another padding, or one that a runtime gets wrong.
 */
function fused(
  steps: readonly LayerStep[],
  kernel: readonly number[],
): readonly (LayerStep & Pick<Window, 'around'>)[] {
  const [padding, step, ...rest] = steps;
  if (padding?.do !== 'pad' || step?.do !== 'convolve' || step.strides.length > 2) return steps;
  const sizes = kernel.slice(0, -2).slice(-step.strides.length);
  const isSame = sizes.every((size, axis) => {
    const { before, after } = padding.widths[axis]!;
    return step.strides[axis] === 1 && step.dilations[axis] === 1 && before === after && 2 * before === size - 1;
  });
  return isSame ? [{ ...step, around: 'same' }, ...rest] : steps;
}

/** The result of a plan, in the operands' layout. Leaves no other tensor behind. */
export function execute(plan: Plan, { input, weight, bias }: Operands, layout: Layout = 'NCHW'): tf.Tensor {
  return tf.tidy(() => {
    const shape = shapeIn(plan, layout);
    if (elementCount(shape) === 0) return tf.zeros(shape, input.dtype);
    if (plan.over === 'all axes') {
      return tf.clone(plan.steps.reduce((x, step) => carryOutPadding(step, x), input));
    }
    const kernel = channelsAtEnd(weight!, layout);
    const x = fused(plan.steps, kernel.shape).reduce(
      (before, step) => carryOutLayer(step, before, kernel, bias),
      channelsLast(input, layout),
    );
    return fromChannelsLast(x, shape, layout);
  });
}

/** The shape of a plan's result, which the plan itself has as PyTorch has it. */
function shapeIn({ over, outputShape }: Plan, layout: Layout): number[] {
  if (over === 'all axes' || layout === 'NCHW') return [...outputShape];
  const [batch, channels, ...spatial] = outputShape as [number, number, ...number[]];
  return [batch, ...spatial, channels];
}
