import type { ForwardName, Inputs, Params } from '../core/case.ts';
import { elementCount, type TensorData } from '../core/tensor.ts';
import { forEachProduct } from './products.ts';
import { type Differentiable, namesOf, type Oddity, type Rule, type Spec, type Visit } from './semantics.ts';
import {
  axisValues,
  batchOf,
  biasRule,
  channelsOf,
  groupsOf,
  inputSizeRule,
  isUnbatched,
  kernelOf,
  lacksChannels,
  normaliseLists,
  oncePerSpec,
  paddingFeatures,
  perAxis,
  replaced,
  span,
  spatialOf,
  tapsOf,
  type Window,
  windowFeatures,
  windowRules,
  withChannels,
  within,
  withParams,
  withShapes,
} from './window.ts';

/*
 * Convolution (cross-correlation, as in deep learning) over n spatial axes:
 *
 *   output[b, co, o] = bias[co] + Σ over ci, k of input[b, ci, o·stride + k·dilation − padding] · weight[co, ci, k]
 *
 * where the input is 0 outside its bounds, and with groups the ci of a group's channels only.
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 */

export const paramNames = ['stride', 'padding', 'dilation'] as const;
const defaults: Params = { stride: 1, padding: 0, dilation: 1, groups: 1 };

/** Padding before and after each axis. PyTorch's `same` puts the odd one after. */
export function convolutionPadding(
  padding: Params[string],
  kernel: readonly number[],
  dilation: readonly number[],
): { before: number; after: number }[] {
  return kernel.map((size, axis) => {
    if (padding === 'valid') return { before: 0, after: 0 };
    if (padding === 'same') {
      const total = dilation[axis]! * (size - 1);
      const before = Math.floor(total / 2);
      return { before, after: total - before };
    }
    const width = perAxis(padding, kernel.length)![axis]!;
    return { before: width, after: width };
  });
}

/** `remainder`: so many elements of the padded input are left beyond the last window, since another one would reach out of it. */
export interface ConvolutionWindow extends Window {
  remainder: number;
}

export const windowsOf = oncePerSpec((spec: Spec, axes: number): ConvolutionWindow[] => {
  const stride = axisValues(spec.params, 'stride', axes);
  const dilation = axisValues(spec.params, 'dilation', axes);
  const kernel = kernelOf(spec);
  const padding = convolutionPadding(spec.params.padding!, kernel, dilation);
  return spatialOf(spec, axes).map((input, axis) => {
    const { before, after } = padding[axis]!;
    const window = { input, kernel: kernel[axis]!, stride: stride[axis]!, dilation: dilation[axis]!, before };
    const moves = input + before + after - span(window);
    return { ...window, output: Math.floor(moves / window.stride) + 1, remainder: moves % window.stride };
  });
});

function rulesOf(axes: number): Rule[] {
  return [
    ...windowRules(axes, paramNames, (spec) => batchOf(spec, axes) === 0 || lacksChannels(spec, axes)),
    {
      name: 'input channels',
      about: "as many as weight's second size × groups",
      holds: (spec) => channelsOf(spec, axes) === spec.shapes.weight![1]! * groupsOf(spec),
      message: (spec) =>
        `input must have ${spec.shapes.weight![1]! * groupsOf(spec)} channels, weight's second size × groups: got ${channelsOf(spec, axes)}`,
      breaks: (spec) => {
        const channels = channelsOf(spec, axes);
        return [channels + 1, channels - 1, 3 * channels].map((wrong) =>
          withShapes(spec, { input: withChannels(spec, axes, wrong) }),
        );
      },
    },
    biasRule((spec) => spec.shapes.weight![0]!),
    {
      name: 'same with stride 1',
      about: 'padding `"same"` only with stride 1 on every axis',
      holds: (spec) =>
        spec.params.padding !== 'same' || axisValues(spec.params, 'stride', axes).every((value) => value === 1),
      message: (spec) => `padding 'same' needs stride 1: got stride ${JSON.stringify(spec.params.stride)}`,
      breaks: (spec) =>
        [2, 5].map((stride) =>
          withParams(spec, { padding: 'same', stride: replaced(new Array<number>(axes).fill(1), axes - 1, stride) }),
        ),
    },
    {
      name: 'same with a kernel',
      about: 'padding `"same"` with a kernel size of 0, which an idle call may have, only with dilation 0 or 1 there',
      holds: (spec) => {
        const dilation = axisValues(spec.params, 'dilation', axes);
        return spec.params.padding !== 'same' || kernelOf(spec).every((size, axis) => size > 0 || dilation[axis]! <= 1);
      },
      message: (spec) =>
        `padding 'same' would be negative for an empty kernel: got dilation ${JSON.stringify(spec.params.dilation)} and weight of shape ${JSON.stringify(spec.shapes.weight)}`,
      breaks: (spec) =>
        [2, 5].map((dilation) => {
          const weight = [spec.shapes.weight![0]!, 0, ...new Array<number>(axes).fill(0)];
          const empty = withShapes(spec, { input: withChannels(spec, axes, 0), weight });
          return withParams(empty, { groups: 1, stride: 1, padding: 'same', dilation });
        }),
    },
    {
      name: 'kernel fits',
      about: 'dilation·(kernel − 1) + 1 ≤ input + before + after, on every axis',
      holds: (spec) => windowsOf(spec, axes).every((window) => window.output >= 1),
      message: (spec) =>
        `the kernel must fit into the padded input: kernel ${JSON.stringify(kernelOf(spec))}, input ${JSON.stringify(spatialOf(spec, axes))}, padding ${JSON.stringify(spec.params.padding)}, dilation ${JSON.stringify(spec.params.dilation)}`,
      breaks: (spec) => {
        // One axis gets a kernel that reaches one element too far, or many.
        const explicit = spec.params.padding === 'same' ? withParams(spec, { padding: 0 }) : spec;
        const beyond = (axis: number, by: number): Spec => {
          const window = windowsOf(explicit, axes)[axis]!;
          const padding = convolutionPadding(explicit.params.padding!, kernelOf(spec), [])[axis]!;
          const padded = window.input + padding.before + padding.after;
          const tooLong = Math.floor((padded - 1) / window.dilation) + 2;
          return withShapes(explicit, { weight: replaced(spec.shapes.weight!, axis + 2, tooLong + by) });
        };
        return [beyond(axes - 1, 0), beyond(axes - 1, 9), beyond(0, 0)];
      },
    },
    inputSizeRule(axes, (spec) => {
      const weight = [...spec.shapes.weight!.slice(0, 2), ...new Array<number>(axes).fill(1)];
      return withParams(withShapes(spec, { weight }), { padding: 1 });
    }),
  ];
}

function odditiesOf(axes: number): Oddity[] {
  const batchZero = (spec: Spec): Spec =>
    withShapes(spec, { input: [0, channelsOf(spec, axes), ...spatialOf(spec, axes)] });
  return [
    { name: 'batch 0', about: 'takes it; the output is empty', apply: batchZero },
    {
      name: 'batch 0, dilation 0',
      about: 'takes it: batch 0 skips that check',
      apply: (spec) => withParams(batchZero(spec), { dilation: 0 }),
    },
    {
      name: 'no input channels',
      about: 'takes it, with no output channels',
      apply: (spec) =>
        withShapes(spec, { input: withChannels(spec, axes, 0), weight: replaced(spec.shapes.weight!, 1, 0) }),
    },
    {
      name: 'input axis 0, padded',
      about: 'refuses an empty input also where the padding would fill it',
      apply: (spec) =>
        withParams(
          withShapes(spec, {
            input: replaced(spec.shapes.input, spec.shapes.input.length - 1, 0),
            weight: replaced(spec.shapes.weight!, axes + 1, 1),
          }),
          { padding: 1 },
        ),
    },
  ];
}

function outputShape(spec: Spec, axes: number): number[] {
  // PyTorch: no input channels, no output channels.
  const channels = channelsOf(spec, axes) === 0 ? 0 : spec.shapes.weight![0]!;
  const shape = [channels, ...windowsOf(spec, axes).map((window) => window.output)];
  return isUnbatched(spec, axes) ? shape : [spec.shapes.input[0]!, ...shape];
}

/** For each tap of a window, the outputs for which it lies on the input. */
function outputsOfTaps({ input, kernel, stride, dilation, before, output }: Window) {
  return Array.from({ length: kernel }, (_, k) => within(output, stride, k * dilation - before, input));
}

/** The definition for three spatial axes, of which the first ones may have size 1. */
function evaluate(spec: Spec, inputs: Inputs<TensorData>, axes: number): Float64Array {
  const out = new Float64Array(elementCount(outputShape(spec, axes)));
  if (out.length === 0) return out;
  const { input, weight, bias } = inputs;
  const single: Window = { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, output: 1 };
  const [z, y, x] = [...new Array<Window>(3 - axes).fill(single), ...windowsOf(spec, axes)] as [Window, Window, Window];
  const groups = groupsOf(spec);
  const batch = batchOf(spec, axes);
  const outChannels = spec.shapes.weight![0]!;
  const inPerGroup = spec.shapes.weight![1]!;
  const outPerGroup = outChannels / groups;

  const along = outputsOfTaps(x);
  for (let b = 0; b < batch; b++) {
    for (let co = 0; co < outChannels; co++) {
      const firstChannel = Math.floor(co / outPerGroup) * inPerGroup;
      for (let oz = 0; oz < z.output; oz++) {
        for (let oy = 0; oy < y.output; oy++) {
          const row = (((b * outChannels + co) * z.output + oz) * y.output + oy) * x.output;
          for (let ci = 0; ci < inPerGroup; ci++) {
            const channel = b * inPerGroup * groups + firstChannel + ci;
            for (let kz = 0; kz < z.kernel; kz++) {
              const iz = oz * z.stride + kz * z.dilation - z.before;
              if (iz < 0 || iz >= z.input) continue;
              for (let ky = 0; ky < y.kernel; ky++) {
                const iy = oy * y.stride + ky * y.dilation - y.before;
                if (iy < 0 || iy >= y.input) continue;
                const inputRow = ((channel * z.input + iz) * y.input + iy) * x.input;
                const taps = (((co * inPerGroup + ci) * z.kernel + kz) * y.kernel + ky) * x.kernel;
                for (let kx = 0; kx < x.kernel; kx++) {
                  const tap = weight![taps + kx]!;
                  const from = inputRow + kx * x.dilation - x.before;
                  const { first, end } = along[kx]!;
                  for (let ox = first; ox < end; ox++) out[row + ox]! += input[from + ox * x.stride]! * tap;
                }
              }
            }
          }
          if (bias !== undefined) for (let ox = 0; ox < x.output; ox++) out[row + ox]! += bias[co]!;
        }
      }
    }
  }
  return out;
}

/** How many taps of each window lie on the input and not on padding. */
function tapsAlong(window: Window): number[] {
  const counts = new Array<number>(window.output).fill(0);
  for (const { first, end } of outputsOfTaps(window)) {
    for (let o = first; o < end; o++) counts[o]! += 1;
  }
  return counts;
}

function taps(spec: Spec, axes: number): Float64Array {
  const shape = outputShape(spec, axes);
  const leading = elementCount(shape.slice(0, -axes));
  return tapsOf(leading, spec.shapes.weight![1]!, windowsOf(spec, axes).map(tapsAlong));
}

function featuresOf(spec: Spec, axes: number): string[] {
  const windows = windowsOf(spec, axes);
  const features = windowFeatures(spec, axes, windows, spec.shapes.weight![0]!);
  const { padding } = spec.params;
  if (typeof padding === 'string') features.push(`padding ${padding}`);
  else features.push(...paddingFeatures(windows));
  return [...features, ...namesOf({ remainder: windows.some(({ remainder }) => remainder > 0) })];
}

function products(spec: Spec, visit: Visit, axes: number): void {
  const groups = groupsOf(spec);
  const [outChannels, inPerGroup] = spec.shapes.weight! as [number, number];
  const channels = { batch: batchOf(spec, axes), groups, small: outChannels / groups, large: inPerGroup };
  const sides = windowsOf(spec, axes).map((window) => ({ ...window, small: window.output, large: window.input }));
  forEachProduct(sides, channels, visit);
}

/** The convolution over this many spatial axes. */
export function convolutionSemantics(axes: 1 | 2 | 3): Differentiable {
  return {
    name: `conv${axes}d` as ForwardName,
    family: 'convolution',
    specUrl: `https://pytorch.org/docs/stable/generated/torch.nn.functional.conv${axes}d.html`,
    inputs: ['input', 'weight', 'bias'],
    dtypes: ['float32', 'float64'],
    defaults,
    unbatchedRank: axes + 1,
    rules: rulesOf(axes),
    oddities: odditiesOf(axes),
    normalise: (params) => normaliseLists(params, paramNames, axes),
    outputShape: (spec) => outputShape(spec, axes),
    evaluate: (spec, inputs) => evaluate(spec, inputs, axes),
    rounding: {
      taps: (spec) => taps(spec, axes),
      unpadded: (spec) => ({ weight: spec.shapes.weight![1]! * elementCount(kernelOf(spec)) }),
      factors: ['input', 'weight'],
      addend: 'bias',
    },
    products: (spec, visit) => products(spec, visit, axes),
    gradient: null,
    undefinedBecause: () => null,
    peakElements: (spec) => {
      const padded = windowsOf(spec, axes).map(({ input, before }) => Math.max(1, input) + 2 * before + 1);
      const channels = batchOf(spec, axes) * channelsOf(spec, axes);
      return Math.max(elementCount(outputShape(spec, axes)), channels * elementCount(padded));
    },
    features: (spec) => featuresOf(spec, axes),
  };
}
