import * as tf from '@tensorflow/tfjs-core';
import { mapInputs } from '../core/case.ts';
import { convolve, convolveTransposed, flipped, type Window } from './convolve.ts';
import { carryOutLayer, type Operands } from './execute.ts';
import { channelsAtEnd, channelsLast, fromChannelsAtEnd, fromChannelsLast, type Layout, transposed } from './layout.ts';
import { atLeastTwo, every, joined, pad, padSpatial, parts, sum } from './move.ts';
import { type LayerStep, none, type PaddingStep, type Plan, runsOf, type Width } from './plan.ts';

/*
 * The gradients of a plan: each step's adjoint, from the last step to the first, out of the same operations as the steps.
 * Not every runtime has the kernels that tfjs's own gradients of convolutions need, and some of its operations have none.
 */

/**
 * The gradient by each operand of Σ dy·result, in the operands' layout; `dy` has the result's shape. Leaves no other tensor
 * behind.
 */
export function gradients(plan: Plan, operands: Operands, dy: tf.Tensor, layout: Layout = 'NCHW'): Operands {
  return tf.tidy((): Operands => {
    if (dy.size === 0) return mapInputs(operands, (x) => tf.zerosLike(x));
    return plan.over === 'all axes'
      ? { input: paddingGradient(plan.steps, operands.input, dy) }
      : layerGradients(plan.steps, operands, dy, layout);
  });
}

function layerGradients(
  steps: readonly LayerStep[],
  { input, weight, bias }: Operands,
  dy: tf.Tensor,
  layout: Layout,
): Operands {
  const kernel = channelsAtEnd(weight!, layout);
  // What each step is given. None after the windowed one asks for it.
  const windowed = steps.findIndex((step) => step.do === 'convolve' || step.do === 'convolve transposed');
  const given = [channelsLast(input, layout)];
  for (const step of steps.slice(0, windowed)) given.push(carryOutLayer(step, given.at(-1)!, kernel, bias));

  let gradient = channelsLast(dy, layout);
  const found: { kernel?: tf.Tensor; bias?: tf.Tensor } = {};
  for (const [at, step] of [...steps.entries()].reverse()) {
    switch (step.do) {
      case 'add bias':
        found.bias = tf.sum(gradient, [...gradient.shape.keys()].slice(0, -1));
        break;
      case 'pad':
        gradient = padSpatial(gradient, step.widths.map(opposite));
        break;
      case 'spread':
        gradient = every(
          gradient,
          atLeastTwo(
            step.distances.map(() => 0),
            0,
          ),
          atLeastTwo(step.distances, 1),
        );
        break;
      case 'convolve': {
        const used = step.kernel === 'flipped' ? flipped(kernel, step.groups) : kernel;
        const by = kernelGradient(given[at]!, gradient, used.shape, step);
        found.kernel = step.kernel === 'flipped' ? flipped(by, step.groups) : by;
        gradient = endedAs(given[at]!, convolveTransposed(gradient, used, step));
        break;
      }
      case 'convolve transposed':
        found.kernel = kernelGradient(gradient, given[at]!, kernel.shape, step);
        gradient = convolve(gradient, kernel, step);
        break;
    }
  }
  return {
    input: fromChannelsLast(gradient, input.shape, layout),
    weight: fromChannelsAtEnd(found.kernel!, weight!.shape, layout),
    ...(bias === undefined ? {} : { bias: found.bias! }),
  };
}

/** Crops what was added, and has zeros for what was cropped. */
function opposite({ before, after }: Width): Width {
  return { before: 0 - before, after: 0 - after };
}

/** Zeros up to the size of what was convolved, at the end that no window reached. */
function endedAs(given: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
  const missing = given.shape.map((size, axis) => ({ before: 0, after: size - gradient.shape[axis]! }));
  return padSpatial(gradient, missing.slice(1, -1));
}

/**
 * Of windows that move over `large` (N, …, a), each tap multiplied with an element of `small` (N, …, b):
 *
 *   gradient[k, a, b] = Σ over n, o of large[n, o·stride + k·dilation, a] · small[n, o, b],
 *
 * a group's channels with each other; (…, a / groups, b). That is a convolution with strides and dilations exchanged, of
 * `large` by `small`, where the batch takes the part of the input channels.
 */
function kernelGradient(large: tf.Tensor, small: tf.Tensor, kernel: readonly number[], step: Window): tf.Tensor {
  const [strides, dilations] = [atLeastTwo(step.strides, 1), atLeastTwo(step.dilations, 1)];
  const reached = strides.map((stride, axis) => {
    const span = (small.shape[axis + 1]! - 1) * stride + dilations[axis]! * (kernel[axis]! - 1) + 1;
    return { before: 0, after: span - large.shape[axis + 1]! };
  });
  const spatial = strides.map((_, axis) => axis + 1);
  const [batch, channels] = [0, strides.length + 1];
  const smalls = parts(small, step.groups);
  const groups = parts(padSpatial(large, reached), step.groups).map((part, group) =>
    convolve(
      transposed(part, [channels, ...spatial, batch]),
      transposed(smalls[group]!, [...spatial, batch, channels]),
      { strides: dilations, dilations: strides, groups: 1 },
    ),
  );
  return joined(groups.map((part) => transposed(part, [...spatial, 0, channels])));
}

function paddingGradient(steps: readonly PaddingStep[], input: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  // Each axis is taken from once at most, so what a step was given has the input's size there.
  return steps.reduceRight(
    (gradient, step) =>
      step.do === 'pad'
        ? pad(gradient, step.widths.map(opposite))
        : returned(gradient, step.axis, step.indices, input.shape[step.axis]!),
    tf.clone(dy),
  );
}

/** The adjoint of taking elements by their index: each goes back to where it came from, and is added up there. */
function returned(gradient: tf.Tensor, axis: number, indices: readonly number[], size: number): tf.Tensor {
  const along = (value: number, other: readonly number[]) => other.map((old, i) => (i === axis ? value : old));
  const terms = runsOf(indices).map(({ at, first, count, step }) => {
    const start = along(at, new Array<number>(gradient.rank).fill(0));
    const part = tf.slice(gradient, start, along(count, gradient.shape));
    const summed = step === 0 ? tf.sum(part, axis, true) : step < 0 ? tf.reverse(part, axis) : part;
    const lowest = Math.min(first, first + (count - 1) * step);
    const width = { before: lowest, after: size - lowest - summed.shape[axis]! };
    return pad(
      summed,
      gradient.shape.map((_, i) => (i === axis ? width : none)),
    );
  });
  return sum(terms);
}
