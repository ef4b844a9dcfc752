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
  normaliseLists,
  oncePerSpec,
  paddingFeatures,
  reach,
  replaced,
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
 * Transposed convolution over n spatial axes: the adjoint of convolution. Each input element adds a copy of the kernel to the
 * output,
 *
 *   output[b, co, i·stride + k·dilation − padding] += input[b, ci, i] · weight[ci, co, k]   over all ci, i, k,
 *
 * where what falls outside the output is dropped. `padding` crops both ends; `output_padding` makes the output longer at its
 * end; the bias is added last, everywhere.
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html
 */

export const paramNames = ['stride', 'padding', 'output_padding', 'dilation'] as const;
const defaults: Params = { stride: 1, padding: 0, output_padding: 0, groups: 1, dilation: 1 };

export interface TransposedWindow extends Window {
  outputPadding: number;
}

export const windowsOf = oncePerSpec((spec: Spec, axes: number): TransposedWindow[] => {
  const [stride, padding, outputPadding, dilation] = paramNames.map((name) => axisValues(spec.params, name, axes)) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const kernel = kernelOf(spec);
  return spatialOf(spec, axes).map((input, i) => {
    const window = {
      input,
      kernel: kernel[i]!,
      stride: stride[i]!,
      dilation: dilation[i]!,
      before: padding[i]!,
      outputPadding: outputPadding[i]!,
    };
    const output = (input - 1) * window.stride - 2 * window.before + reach(window) + window.outputPadding + 1;
    return { ...window, output };
  });
});

function outChannelsOf(spec: Spec): number {
  return spec.shapes.weight![1]! * groupsOf(spec);
}

function rulesOf(axes: number): Rule[] {
  const batchZero = (spec: Spec) => batchOf(spec, axes) === 0;
  return [
    ...windowRules(axes, paramNames, batchZero),
    {
      name: 'input channels',
      about: "as many as weight's first size",
      holds: (spec) => channelsOf(spec, axes) === spec.shapes.weight![0],
      message: (spec) =>
        `input must have ${spec.shapes.weight![0]} channels, weight's first size: got ${channelsOf(spec, axes)}`,
      breaks: (spec) => {
        const channels = channelsOf(spec, axes);
        return [channels + 1, channels - 1, 3 * channels].map((wrong) =>
          withShapes(spec, { input: withChannels(spec, axes, wrong) }),
        );
      },
    },
    {
      name: 'weight has output channels',
      about: 'its second size is ≥ 1',
      holds: (spec) => spec.shapes.weight![1]! >= 1,
      message: (spec) => `weight's second size must be ≥ 1: got shape ${JSON.stringify(spec.shapes.weight)}`,
      breaks: (spec) => [
        withShapes(spec, {
          weight: replaced(spec.shapes.weight!, 1, 0),
          ...(spec.shapes.bias === undefined ? {} : { bias: [0] }),
        }),
      ],
    },
    biasRule(outChannelsOf),
    {
      name: 'output_padding < stride or dilation',
      about: 'smaller than the larger of the two, on every axis; not asked with batch 0',
      holds: (spec) =>
        batchZero(spec) ||
        windowsOf(spec, axes).every((window) => window.outputPadding < Math.max(window.stride, window.dilation)),
      message: (spec) =>
        `output_padding must be smaller than stride or dilation on every axis: got output_padding ${JSON.stringify(spec.params.output_padding)}, stride ${JSON.stringify(spec.params.stride)}, dilation ${JSON.stringify(spec.params.dilation)}`,
      breaks: (spec) => {
        const windows = windowsOf(spec, axes);
        const values = windows.map((window) => window.outputPadding);
        const beyond = (axis: number, by: number): Spec => {
          const { stride, dilation } = windows[axis]!;
          return withParams(spec, { output_padding: replaced(values, axis, Math.max(stride, dilation) + by) });
        };
        return [beyond(axes - 1, 0), beyond(axes - 1, 6), beyond(0, 0)];
      },
    },
    {
      name: 'output not empty',
      about: 'every output size is ≥ 1; with batch 0, ≥ 0',
      holds: (spec) => windowsOf(spec, axes).every((window) => window.output >= (batchZero(spec) ? 0 : 1)),
      message: (spec) =>
        `the output must not be empty: its sizes would be ${JSON.stringify(windowsOf(spec, axes).map((window) => window.output))}`,
      breaks: (spec) => {
        // With twice the padding cropped, one axis ends at 0 or −1, or far below.
        const windows = windowsOf(spec, axes);
        const values = windows.map((window) => window.before);
        const beyond = (axis: number, by: number): Spec => {
          const { output, before } = windows[axis]!;
          return withParams(spec, { padding: replaced(values, axis, Math.ceil((output + 2 * before) / 2) + by) });
        };
        return [beyond(axes - 1, 0), beyond(axes - 1, 5), beyond(0, 0)];
      },
    },
    inputSizeRule(axes, (spec) => {
      const weight = [...spec.shapes.weight!.slice(0, 2), ...new Array<number>(axes).fill(3)];
      return withParams(withShapes(spec, { weight }), { stride: 1, dilation: 1, padding: 0, output_padding: 0 });
    }),
  ];
}

function odditiesOf(axes: number): Oddity[] {
  const batchZero = (spec: Spec): Spec =>
    withShapes(spec, { input: [0, channelsOf(spec, axes), ...spatialOf(spec, axes)] });
  const plainWindow = (spec: Spec): Spec => withParams(spec, { stride: 1, dilation: 1, padding: 0, output_padding: 0 });
  return [
    { name: 'batch 0', about: 'takes it; the output is empty', apply: batchZero },
    {
      name: 'batch 0, dilation 0',
      about: 'takes it: batch 0 skips that check',
      apply: (spec) => withParams(batchZero(spec), { dilation: 0 }),
    },
    {
      name: 'batch 0, output_padding too large',
      about: 'takes it',
      apply: (spec) => withParams(batchZero(spec), { output_padding: 11 }),
    },
    {
      name: 'batch 0, output 0',
      about: 'takes it; a negative output size it refuses',
      apply: (spec) => {
        const plain = plainWindow(batchZero(spec));
        const shapes = {
          input: replaced(plain.shapes.input, plain.shapes.input.length - 1, 1),
          weight: replaced(plain.shapes.weight!, axes + 1, 2),
        };
        return withParams(withShapes(plain, shapes), {
          padding: replaced(new Array<number>(axes).fill(0), axes - 1, 1),
        });
      },
    },
    {
      name: 'no input channels',
      about: 'refuses it',
      apply: (spec) =>
        withShapes(spec, { input: withChannels(spec, axes, 0), weight: replaced(spec.shapes.weight!, 0, 0) }),
    },
  ];
}

function outputShape(spec: Spec, axes: number): number[] {
  const shape = [outChannelsOf(spec), ...windowsOf(spec, axes).map((window) => window.output)];
  return isUnbatched(spec, axes) ? shape : [spec.shapes.input[0]!, ...shape];
}

/** For each tap of a window, the inputs whose product with it lies on the output. */
function inputsOfTaps({ input, kernel, stride, dilation, before, output }: Window) {
  return Array.from({ length: kernel }, (_, k) => within(input, stride, k * dilation - before, output));
}

/** The definition for three spatial axes, of which the first ones may have size 1. */
function evaluate(spec: Spec, inputs: Inputs<TensorData>, axes: number): Float64Array {
  const out = new Float64Array(elementCount(outputShape(spec, axes)));
  if (out.length === 0) return out;
  const { input, weight, bias } = inputs;
  const single = { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, output: 1 };
  const [z, y, x] = [...new Array<Window>(3 - axes).fill(single), ...windowsOf(spec, axes)] as [Window, Window, Window];
  const groups = groupsOf(spec);
  const batch = batchOf(spec, axes);
  const inChannels = spec.shapes.weight![0]!;
  const inPerGroup = inChannels / groups;
  const outPerGroup = spec.shapes.weight![1]!;
  const outChannels = outPerGroup * groups;

  const along = inputsOfTaps(x);
  for (let b = 0; b < batch; b++) {
    for (let ci = 0; ci < inChannels; ci++) {
      const firstChannel = Math.floor(ci / inPerGroup) * outPerGroup;
      for (let co = 0; co < outPerGroup; co++) {
        const channel = b * outChannels + firstChannel + co;
        for (let iz = 0; iz < z.input; iz++) {
          for (let iy = 0; iy < y.input; iy++) {
            const inputRow = (((b * inChannels + ci) * z.input + iz) * y.input + iy) * x.input;
            for (let kz = 0; kz < z.kernel; kz++) {
              const oz = iz * z.stride + kz * z.dilation - z.before;
              if (oz < 0 || oz >= z.output) continue;
              for (let ky = 0; ky < y.kernel; ky++) {
                const oy = iy * y.stride + ky * y.dilation - y.before;
                if (oy < 0 || oy >= y.output) continue;
                const row = ((channel * z.output + oz) * y.output + oy) * x.output;
                const taps = (((ci * outPerGroup + co) * z.kernel + kz) * y.kernel + ky) * x.kernel;
                for (let kx = 0; kx < x.kernel; kx++) {
                  const tap = weight![taps + kx]!;
                  const to = row + kx * x.dilation - x.before;
                  const { first, end } = along[kx]!;
                  for (let ix = first; ix < end; ix++) out[to + ix * x.stride]! += input[inputRow + ix]! * tap;
                }
              }
            }
          }
        }
      }
    }
  }
  if (bias !== undefined) {
    const perChannel = z.output * y.output * x.output;
    for (let at = 0; at < out.length; at++) out[at]! += bias[Math.floor(at / perChannel) % outChannels]!;
  }
  return out;
}

/** How many pairs of an input element and a tap meet at each output index. */
function tapsAlong(window: Window): number[] {
  const counts = new Array<number>(window.output).fill(0);
  for (const [k, { first, end }] of inputsOfTaps(window).entries()) {
    const to = k * window.dilation - window.before;
    for (let i = first; i < end; i++) counts[to + i * window.stride]! += 1;
  }
  return counts;
}

function taps(spec: Spec, axes: number): Float64Array {
  const shape = outputShape(spec, axes);
  const leading = elementCount(shape.slice(0, -axes));
  return tapsOf(leading, spec.shapes.weight![0]! / groupsOf(spec), windowsOf(spec, axes).map(tapsAlong));
}

function featuresOf(spec: Spec, axes: number): string[] {
  const windows = windowsOf(spec, axes);
  return [
    ...windowFeatures(spec, axes, windows, outChannelsOf(spec)),
    ...paddingFeatures(windows),
    ...namesOf({
      overlap: windows.some((window) => window.kernel > 1 && reach(window) >= window.stride && window.input > 1),
      output_padding: windows.some(({ outputPadding }) => outputPadding > 0),
      'output_padding ≥ stride': windows.some(({ outputPadding, stride }) => outputPadding >= stride),
    }),
  ];
}

function products(spec: Spec, visit: Visit, axes: number): void {
  const groups = groupsOf(spec);
  const [inChannels, outPerGroup] = spec.shapes.weight! as [number, number];
  const channels = { batch: batchOf(spec, axes), groups, small: inChannels / groups, large: outPerGroup };
  const sides = windowsOf(spec, axes).map((window) => ({ ...window, small: window.input, large: window.output }));
  forEachProduct(sides, channels, (input, output, weight) => visit(output, input, weight));
}

/** The transposed convolution over this many spatial axes. */
export function transposedConvolutionSemantics(axes: 1 | 2 | 3): Differentiable {
  return {
    name: `conv_transpose${axes}d` as ForwardName,
    family: 'transposed convolution',
    specUrl: `https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose${axes}d.html`,
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
      unpadded: (spec) => ({ weight: (spec.shapes.weight![0]! / groupsOf(spec)) * elementCount(kernelOf(spec)) }),
      factors: ['input', 'weight'],
      addend: 'bias',
    },
    products: (spec, visit) => products(spec, visit, axes),
    gradient: null,
    undefinedBecause: () => null,
    peakElements: (spec) => {
      const full = windowsOf(spec, axes).map(
        (window) => Math.max(1, window.input) * window.stride + reach(window) + window.outputPadding,
      );
      const channels = Math.max(channelsOf(spec, axes), outChannelsOf(spec));
      return batchOf(spec, axes) * channels * elementCount(full);
    },
    features: (spec) => featuresOf(spec, axes),
  };
}
