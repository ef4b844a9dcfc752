import * as tf from '@tensorflow/tfjs-core';
import { depthwiseKernel, transposed } from './layout.ts';
import { atLeastTwo, every, joined, padSpatial, parts, spread, sum } from './move.ts';
import { none } from './plan.ts';

/*
 * Convolutions and whole transposed convolutions with tfjs, channels last, one spatial axis computed as two. What tfjs has not, or
 * not on every runtime, is composed here, never by putting zeros where they would be multiplied: 0·∞ is NaN, and PyTorch's gaps are
 * not multiplied at all.
 */

type Pair = [number, number];

/** How a window moves, with one entry a spatial axis. */
export interface Window {
  strides: readonly number[];
  dilations: readonly number[];
  groups: number;
  /** `same` puts zeros around, as many as leave the sizes as they are; for stride 1, and not over three axes. */
  around?: 'valid' | 'same';
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
  // libtensorflow's depthwise kernel wants equal strides and no dilation.
  const isDepthwise =
    step.groups > 1 && step.groups === x.shape[3] && strides[0] === strides[1] && Math.max(...dilations) === 1;
  const result = isDepthwise
    ? tf.depthwiseConv2d(x as tf.Tensor4D, depthwiseKernel(weight, step.groups), strides, around)
    : step.groups > 1 && knowsGroups()
      ? grouped(x, weight, direct, around, dilations)
      : groupwise(x, weight, step.groups, convolution);
  return both ? every(result, [0, 0], strides) : result;
}

/**
 * Convolution of all groups at once, which libtensorflow computes where the kernel has fewer channels than the input. `tf.conv2d`
 * refuses that, so its kernel is called as tfjs itself does.
 */
function grouped(x: tf.Tensor, weight: tf.Tensor, strides: Pair, pad: 'valid' | 'same', dilations: Pair): tf.Tensor {
  return tf.engine().runKernel('Conv2D', { x, filter: weight }, { strides, pad, dataFormat: 'NHWC', dilations });
}

let isGroupedRight: boolean | undefined;

/** Whether the runtime computes all groups at once. Not every libtensorflow does: it is tried once. */
function knowsGroups(): boolean {
  if (tf.getBackend() !== 'tensorflow') return false;
  isGroupedRight ??= tf.tidy(() => {
    const x = tf.reshape(tf.range(0, 2 * 3 * 3 * 4), [2, 3, 3, 4]);
    const weight = tf.reshape(tf.range(0, 2 * 2 * 2 * 4), [2, 2, 2, 4]);
    const expected = groupwise(x, weight, 2, (part, kernel) =>
      tf.conv2d(part as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'valid'),
    );
    try {
      return tf.all(tf.equal(grouped(x, weight, [1, 1], 'valid', [1, 1]), expected)).dataSync()[0] === 1;
    } catch {
      return false;
    }
  });
  return isGroupedRight;
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

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
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
