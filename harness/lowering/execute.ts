import * as tf from '@tensorflow/tfjs-core';
import { elementCount } from '../core/tensor.ts';
import { storedValue } from '../semantics/pad.ts';
import {
  cropped,
  depthwiseKernel,
  filled,
  grownBy,
  kernelFirst,
  kernelLast,
  type Layout,
  reshaped,
  surrounded,
  toChannelsFirst,
  toChannelsLast,
  transposed,
} from './layout.ts';
import { type LayerStep, none, type PaddingStep, type Plan, type Width } from './plan.ts';

/*
 * Carries a plan out with tfjs operations that every runtime has: tf.pad, tf.slice, tf.stridedSlice, tf.gather and convolutions
 * with padding 'valid', channels last. One spatial axis is computed as two, the first of size 1.
 *
 * tfjs has no groups, no dilation in transposed convolution, and refuses stride with dilation; its three-dimensional
 * convolutions have no dilation on every runtime, and the transposed one is wrong on one of them. These are composed here, never
 * by putting zeros where they would be multiplied: 0·∞ is NaN, and PyTorch's gaps are not multiplied at all. Only a plan that says
 * so does that.
 */

/** The operands of a layer, input and weight in a layout, bias (C); `pad` has an input of any shape. */
// A type, not an interface: tf.tidy wants its containers to have an index signature.
export type Operands = {
  input: tf.Tensor;
  weight?: tf.Tensor;
  bias?: tf.Tensor;
};

type Pair = [number, number];

/** How a window moves, with one entry a spatial axis. */
export interface Window {
  strides: readonly number[];
  dilations: readonly number[];
  groups: number;
  /** `same` puts zeros around, as many as leave the sizes as they are; for stride 1, and not over three axes. */
  around?: 'valid' | 'same';
}

/** The list with `filler` in front where it has one entry: one axis is computed as two. */
export function atLeastTwo<T>(values: readonly T[], filler: T): T[] {
  return values.length === 1 ? [filler, values[0]!] : [...values];
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

/** Elements of `value` around every axis; negative widths crop. */
export function pad(x: tf.Tensor, widths: readonly Width[], value = 0): tf.Tensor {
  const inner = cropped(x, widths);
  if (inner === null) {
    // Where more is cropped than is there, what remains comes from what is appended on the other side.
    const shape = widths.map(({ before, after }, axis) => x.shape[axis]! + before + after);
    return filled(shape, value, x.dtype);
  }
  const grown = grownBy(widths);
  if (grown.flat().every((width) => width === 0)) return inner;
  // On cpu tf.pad is several times slower than concatenation, but for tensors so small that the number of calls counts.
  const isSlow = inner.size >= 2 ** 12 && tf.getBackend() === 'cpu';
  return Object.is(value, 0) && !isSlow ? tf.pad(inner, grown) : surrounded(inner, grown, value);
}

/** Zeros around the spatial axes of (N, …, C), of which the first may be a height that is not one of the plan's. */
export function padSpatial(x: tf.Tensor, widths: readonly Width[]): tf.Tensor {
  return pad(x, [none, ...atLeastTwo(widths, none), none]);
}

/** Every `step`-th element of the spatial axes, from `from`. */
export function every(x: tf.Tensor, from: readonly number[], step: readonly number[]): tf.Tensor {
  if (from.every((first) => first === 0) && step.every((distance) => distance === 1)) return x;
  return tf.stridedSlice(x, [0, ...from, 0], x.shape, [1, ...step, 1]);
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

/** The depths of (N, D, H, W, C) as a batch, and back. */
function depthsAsBatch(x: tf.Tensor): tf.Tensor4D {
  const [batch, depth, ...rest] = x.shape as [number, number, number, number, number];
  return tf.reshape(x, [batch * depth, ...rest]);
}

function batchAsDepths(x: tf.Tensor, batch: number): tf.Tensor {
  const [all, ...rest] = x.shape;
  return tf.reshape(x, [batch, all! / batch, ...rest]);
}

/** The two-dimensional kernel at one depth of a kernel (D, H, W, …). */
function kernelAt(weight: tf.Tensor, depth: number): tf.Tensor {
  const [, ...rest] = weight.shape;
  return tf.reshape(tf.slice(weight, depth, 1), rest);
}

/** Convolution over height and width. */
function convolve2d(x: tf.Tensor, weight: tf.Tensor, step: Window): tf.Tensor {
  const [strides, dilations] = [step.strides as Pair, step.dilations as Pair];
  // tfjs takes stride or dilation, not both: then all windows are computed and every stride-th is kept.
  const both = Math.max(...strides) > 1 && Math.max(...dilations) > 1;
  const direct: Pair = both ? [1, 1] : strides;
  const around = step.around ?? 'valid';
  const convolution = (part: tf.Tensor, kernel: tf.Tensor) =>
    tf.conv2d(part as tf.Tensor4D, kernel as tf.Tensor4D, direct, around, 'NHWC', dilations);
  // libtensorflow's depthwise kernel wants equal strides and no dilation; all others go group by group.
  const isDepthwise =
    step.groups > 1 && step.groups === x.shape[3] && strides[0] === strides[1] && Math.max(...dilations) === 1;
  const result = isDepthwise
    ? tf.depthwiseConv2d(x as tf.Tensor4D, depthwiseKernel(weight, step.groups), strides, around)
    : groupwise(x, weight, step.groups, convolution);
  return both ? every(result, [0, 0], strides) : result;
}

/** What `convolution` makes of each group's channels and kernel, one after the other. */
function groupwise(
  x: tf.Tensor,
  weight: tf.Tensor,
  groups: number,
  convolution: (part: tf.Tensor, kernel: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const kernels = parts(weight, groups);
  return joined(parts(x, groups).map((part, group) => convolution(part, kernels[group]!)));
}

/** Convolution over depth, height and width. */
function convolve3d(x: tf.Tensor, weight: tf.Tensor, step: Window): tf.Tensor {
  const strides = step.strides as [number, number, number];
  if (step.dilations.every((dilation) => dilation === 1)) {
    return groupwise(x, weight, step.groups, (part, kernel) =>
      tf.conv3d(part as tf.Tensor5D, kernel as tf.Tensor5D, strides, 'valid', 'NDHWC', 1),
    );
  }
  // Not every runtime has dilation here: a sum over the kernel's depth of convolutions over height and width.
  const [stride, dilation] = [strides[0], step.dilations[0]!];
  const flat = { ...step, strides: step.strides.slice(1), dilations: step.dilations.slice(1) };
  const [batch, depth] = x.shape as [number, number];
  const outputs = Math.floor((depth - dilation * (weight.shape[0]! - 1) - 1) / stride) + 1;
  const terms = Array.from({ length: weight.shape[0]! }, (_, k) => {
    const last = k * dilation + (outputs - 1) * stride + 1;
    const depths = padSpatial(x, [{ before: -k * dilation, after: last - depth }, none, none]);
    return convolve2d(depthsAsBatch(every(depths, [0, 0, 0], [stride, 1, 1])), kernelAt(weight, k), flat);
  });
  return batchAsDepths(sum(terms), batch);
}

export function sum(terms: readonly tf.Tensor[]): tf.Tensor {
  return terms.reduce((all, term) => tf.add(all, term));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Zeros between the elements of one axis, so that neighbours come to lie `step` apart. */
function spread(x: tf.Tensor, axis: number, step: number): tf.Tensor {
  if (step === 1) return x;
  const size = x.shape[axis]!;
  const [before, after] = [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis + 1))];
  const apart = pad(tf.reshape(x, [before, size, 1, after]), [none, none, { before: 0, after: step - 1 }, none]);
  const ended = pad(tf.reshape(apart, [before, size * step, after]), [none, { before: 0, after: 1 - step }, none]);
  return tf.reshape(ended, [...x.shape.slice(0, axis), (size - 1) * step + 1, ...x.shape.slice(axis + 1)]);
}

/** Whole transposed convolution of one group over height and width, without dilation. */
function undilatedTransposed2d(x: tf.Tensor4D, weight: tf.Tensor4D, strides: Pair): tf.Tensor4D {
  const [batch, height, width, inChannels] = x.shape;
  const [kernelH, kernelW, outChannels] = weight.shape;
  // On wasm tfjs's convolution is many times quicker than its transposed one, but makes -Infinity of NaN from one channel to one.
  const isSlow = tf.getBackend() === 'wasm' && (inChannels > 1 || outChannels > 1) && strides[0] * strides[1] <= 16;
  if (isSlow) return transposedByPhases(x, weight, strides);
  const shape: [number, number, number, number] = [
    batch,
    (height - 1) * strides[0] + kernelH,
    (width - 1) * strides[1] + kernelW,
    outChannels,
  ];
  return tf.conv2dTranspose(x, weight, shape, strides, 'valid');
}

/** Every `step`-th number from `first` to before `end`, the last first. */
function reversedFrom(first: number, step: number, end: number): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((end - first) / step)) }, (_, i) => first + i * step).reverse();
}

/**
 * Whole transposed convolution of one group over height and width, without dilation, made of convolutions: with a stride s, the
 * outputs r, r + s, r + 2s … are made by the taps r, r + s, r + 2s …, as with stride 1, and by no others.
 */
function transposedByPhases(x: tf.Tensor4D, weight: tf.Tensor4D, strides: Pair): tf.Tensor4D {
  const [batch, height, width, inChannels] = x.shape;
  const [kernelH, kernelW, outChannels] = weight.shape;
  /** The most taps that a phase has. */
  const most: Pair = [Math.ceil(kernelH / strides[0]), Math.ceil(kernelW / strides[1])];
  const sizes: Pair = [height + most[0] - 1, width + most[1] - 1];
  const around = most.map((taps) => ({ before: taps - 1, after: taps - 1 }));
  const padded = padSpatial(x, around) as tf.Tensor4D;
  // Reversing, and taking every so many-th element, are slow on wasm: the taps are put together one by one.
  const taps = tf.unstack(tf.reshape(transposed(weight, [0, 1, 3, 2]), [kernelH * kernelW, inChannels, outChannels]));
  const phase = (row: number, column: number): tf.Tensor => {
    const chosen = reversedFrom(row, strides[0], kernelH).flatMap((k) =>
      reversedFrom(column, strides[1], kernelW).map((l) => taps[k * kernelW + l]!),
    );
    if (chosen.length === 0) return tf.zeros([batch, ...sizes, outChannels]);
    const [tall, wide] = [Math.ceil((kernelH - row) / strides[0]), Math.ceil((kernelW - column) / strides[1])];
    const kernel = tf.reshape(tf.stack(chosen), [tall, wide, inChannels, outChannels]) as tf.Tensor4D;
    const y = tf.conv2d(padded, kernel, 1, 'valid');
    // Where a phase has fewer taps, the first window lies further on.
    return tf.slice(y, [0, most[0] - tall, most[1] - wide, 0], [batch, ...sizes, outChannels]);
  };
  const rows = Array.from({ length: strides[0] }, (_, row) => {
    const columns = Array.from({ length: strides[1] }, (_, column) => phase(row, column));
    return tf.reshape(tf.stack(columns, 3), [batch, sizes[0], sizes[1] * strides[1], outChannels]);
  });
  const shape = [batch, sizes[0] * strides[0], sizes[1] * strides[1], outChannels];
  const whole = [batch, (height - 1) * strides[0] + kernelH, (width - 1) * strides[1] + kernelW, outChannels];
  return tf.slice(tf.reshape(tf.stack(rows, 2), shape), [0, 0, 0, 0], whole) as tf.Tensor4D;
}

/**
 * Whole transposed convolution of one group over height and width, with dilation.
 *
 * Input element i and tap k meet at i·s + k·d. Let g = gcd(s, d) and i = r + (d/g)·j: then i·s + k·d = r·s + d·(j·s/g + k). So
 * the elements of each phase r = 0 … d/g − 1 make a plain transposed convolution with stride s/g, whose elements lie d apart,
 * beginning at r·s, and no two phases meet.
 */
function transposed2d(x: tf.Tensor4D, weight: tf.Tensor4D, strides: Pair, dilations: Pair): tf.Tensor {
  if (dilations[0] === 1 && dilations[1] === 1) return undilatedTransposed2d(x, weight, strides);
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
  const placed: tf.Tensor[] = [];
  for (let r = 0; r < Math.min(phases[0], height); r++) {
    for (let c = 0; c < Math.min(phases[1], width); c++) {
      const phase = undilatedTransposed2d(every(x, [r, c], phases) as tf.Tensor4D, weight, [
        strides[0] / common[0],
        strides[1] / common[1],
      ]);
      const apart = spread(spread(phase, 1, dilations[0]), 2, dilations[1]);
      const from: Pair = [r * strides[0], c * strides[1]];
      const widths = from.map((before, i) => ({ before, after: whole[i]! - before - apart.shape[i + 1]! }));
      placed.push(padSpatial(apart, widths));
    }
  }
  return sum(placed);
}

/**
 * Whole transposed convolution of one group over depth, height and width: a sum over the kernel's depth of transposed
 * convolutions over height and width, each set apart in depth by the stride and moved by its tap's place.
 */
function transposed3d(
  x: tf.Tensor,
  weight: tf.Tensor,
  strides: readonly number[],
  dilations: readonly number[],
): tf.Tensor {
  const [stride, dilation, taps] = [strides[0]!, dilations[0]!, weight.shape[0]!];
  const flat = depthsAsBatch(x);
  const terms = Array.from({ length: taps }, (_, k) => {
    const kernel = kernelAt(weight, k) as tf.Tensor4D;
    const term = transposed2d(flat, kernel, strides.slice(1) as Pair, dilations.slice(1) as Pair);
    const apart = spread(batchAsDepths(term, x.shape[0]!), 1, stride);
    return padSpatial(apart, [{ before: k * dilation, after: (taps - 1 - k) * dilation }, none, none]);
  });
  return sum(terms);
}

export function convolve(x: tf.Tensor, weight: tf.Tensor, step: Window): tf.Tensor {
  // The axis of size 1 that is put in front of a single one moves nowhere: any stride will do, and an equal one does best.
  const full = {
    ...step,
    strides: atLeastTwo(step.strides, step.strides[0]!),
    dilations: atLeastTwo(step.dilations, 1),
  };
  return full.strides.length === 2 ? convolve2d(x, weight, full) : convolve3d(x, weight, full);
}

export function convolveTransposed(x: tf.Tensor, weight: tf.Tensor, step: Window): tf.Tensor {
  const [strides, dilations] = [atLeastTwo(step.strides, 1), atLeastTwo(step.dilations, 1)];
  return groupwise(x, weight, step.groups, (part, kernel) =>
    strides.length === 2
      ? transposed2d(part as tf.Tensor4D, kernel as tf.Tensor4D, strides as Pair, dilations as Pair)
      : transposed3d(part, kernel, strides, dilations),
  );
}

/**
 * Reversed along every spatial axis, and within each group with its channels exchanged: (…, b, a) to (…, a / groups, b · groups).
 * Twice, it is the kernel again.
 */
export function flipped(kernel: tf.Tensor, groups: number): tf.Tensor {
  const spatial = Array.from({ length: kernel.rank - 2 }, (_, axis) => axis);
  const exchanged = parts(kernel, groups).map((part) =>
    transposed(part, [...spatial, kernel.rank - 1, kernel.rank - 2]),
  );
  return tf.reverse(joined(exchanged), spatial);
}

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
      return tf.add(x, bias!);
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
