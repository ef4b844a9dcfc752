import * as tf from '@tensorflow/tfjs-core';
import { elementCount } from '../core/tensor.ts';
import type { Plan, Step, Width } from './plan.ts';

/*
 * Carries a plan out with tfjs operations that every runtime has: tf.pad, tf.slice, tf.stridedSlice and convolutions with
 * padding 'valid', channels last. One spatial axis is computed as two, the first of size 1.
 *
 * tfjs has no groups, no dilation in transposed convolution, and refuses stride with dilation; these are composed here, never
 * by putting zeros where they would be multiplied: 0·∞ is NaN, and PyTorch's gaps are not multiplied at all.
 */

/** The operands in PyTorch's layout: input (N, C, …), weight as PyTorch has it, bias (C). */
export interface Operands {
  input: tf.Tensor;
  weight: tf.Tensor;
  bias?: tf.Tensor;
}

type Pair = [number, number];

/** The last two entries of a list with one entry a spatial axis; a missing first axis gets `filler`. */
function pair(values: readonly number[], filler: number): Pair {
  return [values.length > 1 ? values[0]! : filler, values.at(-1)!];
}

/** (N, C, …) to (N, H, W, C). */
function toChannelsLast(x: tf.Tensor): tf.Tensor4D {
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const [height, width] = pair(spatial, 1);
  return tf.transpose(tf.reshape(x, [batch, channels, height, width]), [0, 2, 3, 1]) as tf.Tensor4D;
}

/** (a, b, …) to (H, W, b, a): how tfjs wants kernels, with the channels that PyTorch has first at the end. */
function kernelLast(weight: tf.Tensor): tf.Tensor4D {
  const [first, second, ...spatial] = weight.shape as [number, number, ...number[]];
  const [height, width] = pair(spatial, 1);
  return tf.transpose(tf.reshape(weight, [first, second, height, width]), [2, 3, 1, 0]) as tf.Tensor4D;
}

/** Zeros around height and width; negative widths crop. */
function pad(x: tf.Tensor4D, widths: readonly Width[]): tf.Tensor4D {
  const none = { before: 0, after: 0 };
  const [h, w] = widths.length > 1 ? (widths as [Width, Width]) : [none, widths[0]!];
  const [batch, height, width, channels] = x.shape;
  let cropped = x;
  if (Math.min(h.before, h.after, w.before, w.after) < 0) {
    const crop = (size: number, { before, after }: Width): Pair => {
      const from = Math.max(0, -before);
      return [from, size - from - Math.max(0, -after)];
    };
    const [fromH, sizeH] = crop(height, h);
    const [fromW, sizeW] = crop(width, w);
    // Where more is cropped than is there, what remains comes from the zeros appended on the other side.
    if (sizeH <= 0 || sizeW <= 0) {
      return tf.zeros([batch, height + h.before + h.after, width + w.before + w.after, channels]);
    }
    cropped = tf.slice(x, [0, fromH, fromW, 0], [batch, sizeH, sizeW, channels]);
  }
  const grow = ({ before, after }: Width): Pair => [Math.max(0, before), Math.max(0, after)];
  const grown = [grow(h), grow(w)];
  if (grown.flat().every((width) => width === 0)) return cropped;
  return tf.pad(cropped, [[0, 0], grown[0]!, grown[1]!, [0, 0]]);
}

/** Every `step`-th element of height and width, from `from`. */
function every(x: tf.Tensor4D, from: Pair, step: Pair): tf.Tensor4D {
  if (from[0] === 0 && from[1] === 0 && step[0] === 1 && step[1] === 1) return x;
  return tf.stridedSlice(x, [0, ...from, 0], x.shape, [1, ...step, 1]) as tf.Tensor4D;
}

/** `count` equal slices of an axis. */
function parts(x: tf.Tensor4D, count: number, axis: number): tf.Tensor4D[] {
  return count === 1 ? [x] : (tf.split(x, count, axis) as tf.Tensor4D[]);
}

/** Convolution of each group by itself. */
function convolve(x: tf.Tensor4D, weight: tf.Tensor4D, step: Extract<Step, { do: 'convolve' }>): tf.Tensor4D {
  const dilations = pair(step.dilations, 1);
  const strides = pair(step.strides, 1);
  // tfjs takes stride or dilation, not both: then all windows are computed and every stride-th is kept.
  const both = Math.max(...strides) > 1 && Math.max(...dilations) > 1;
  const direct: Pair = both ? [1, 1] : strides;
  const weights = parts(weight, step.groups, 3);
  const convolved = parts(x, step.groups, 3).map((part, group) =>
    tf.conv2d(part, weights[group]!, direct, 'valid', 'NHWC', dilations),
  );
  const result = convolved.length === 1 ? convolved[0]! : tf.concat(convolved, 3);
  return both ? every(result, [0, 0], strides) : result;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Zeros between the elements of height and width, so that neighbours come to lie `step` apart. */
function spread(x: tf.Tensor4D, step: Pair): tf.Tensor4D {
  let out = x;
  if (step[1] > 1) {
    const [batch, height, width, channels] = out.shape;
    const apart = tf.pad(tf.reshape(out, [batch * height, width, 1, channels]), [
      [0, 0],
      [0, 0],
      [0, step[1] - 1],
      [0, 0],
    ]);
    out = pad(tf.reshape(apart, [batch, height, width * step[1], channels]), [{ before: 0, after: 1 - step[1] }]);
  }
  if (step[0] > 1) {
    const [batch, height, width, channels] = out.shape;
    const apart = tf.pad(tf.reshape(out, [batch, height, 1, width * channels]), [
      [0, 0],
      [0, 0],
      [0, step[0] - 1],
      [0, 0],
    ]);
    const widths = [
      { before: 0, after: 1 - step[0] },
      { before: 0, after: 0 },
    ];
    out = pad(tf.reshape(apart, [batch, height * step[0], width, channels]), widths);
  }
  return out;
}

/** Whole transposed convolution of one group, without dilation. */
function transposedConvolution(x: tf.Tensor4D, weight: tf.Tensor4D, strides: Pair): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  const [kernelH, kernelW, outChannels] = weight.shape;
  const shape: [number, number, number, number] = [
    batch,
    (height - 1) * strides[0] + kernelH,
    (width - 1) * strides[1] + kernelW,
    outChannels,
  ];
  return tf.conv2dTranspose(x, weight, shape, strides, 'valid');
}

/**
 * Whole transposed convolution of one group, with dilation.
 *
 * Input element i and tap k meet at i·s + k·d. Let g = gcd(s, d) and i = r + (d/g)·j: then i·s + k·d = r·s + d·(j·s/g + k). So
 * the elements of each phase r = 0 … d/g − 1 make a plain transposed convolution with stride s/g, whose elements lie d apart,
 * beginning at r·s, and no two phases meet.
 */
function dilatedTransposedConvolution(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  strides: Pair,
  dilations: Pair,
): tf.Tensor4D {
  if (dilations[0] === 1 && dilations[1] === 1) return transposedConvolution(x, weight, strides);
  const common: Pair = [
    greatestCommonDivisor(strides[0], dilations[0]),
    greatestCommonDivisor(strides[1], dilations[1]),
  ];
  const phases: Pair = [dilations[0] / common[0], dilations[1] / common[1]];
  const [, height, width] = x.shape;
  const whole: Pair = [
    (height - 1) * strides[0] + dilations[0] * (weight.shape[0] - 1) + 1,
    (width - 1) * strides[1] + dilations[1] * (weight.shape[1] - 1) + 1,
  ];
  let sum: tf.Tensor4D | null = null;
  for (let r = 0; r < Math.min(phases[0], height); r++) {
    for (let c = 0; c < Math.min(phases[1], width); c++) {
      const phase = transposedConvolution(every(x, [r, c], phases), weight, [
        strides[0] / common[0],
        strides[1] / common[1],
      ]);
      const apart = spread(phase, dilations);
      const placed = pad(apart, [
        { before: r * strides[0], after: whole[0] - r * strides[0] - apart.shape[1] },
        { before: c * strides[1], after: whole[1] - c * strides[1] - apart.shape[2] },
      ]);
      sum = sum === null ? placed : tf.add(sum, placed);
    }
  }
  return sum!;
}

function convolveTransposed(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  step: Extract<Step, { do: 'convolve transposed' }>,
): tf.Tensor4D {
  const weights = parts(weight, step.groups, 3);
  const groups = parts(x, step.groups, 3).map((part, group) =>
    dilatedTransposedConvolution(part, weights[group]!, pair(step.strides, 1), pair(step.dilations, 1)),
  );
  return groups.length === 1 ? groups[0]! : tf.concat(groups, 3);
}

function carryOut(step: Step, x: tf.Tensor4D, { weight, bias }: Operands): tf.Tensor4D {
  switch (step.do) {
    case 'pad':
      return pad(x, step.widths);
    case 'convolve':
      return convolve(x, kernelLast(weight), step);
    case 'convolve transposed':
      return convolveTransposed(x, kernelLast(weight), step);
    case 'add bias':
      return tf.add(x, bias!);
  }
}

/** The result of a plan, in PyTorch's layout. Leaves no other tensor behind. */
export function execute(plan: Plan, operands: Operands): tf.Tensor {
  return tf.tidy(() => {
    const shape = [...plan.outputShape];
    if (elementCount(shape) === 0) return tf.zeros(shape, operands.input.dtype);
    let x = toChannelsLast(operands.input);
    for (const step of plan.steps) x = carryOut(step, x, operands);
    return tf.reshape(tf.transpose(x, [0, 3, 1, 2]), shape);
  });
}
