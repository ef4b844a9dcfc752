import type { Inputs, Params } from '../core/case.ts';
import { convolutionPadding } from '../semantics/convolution.ts';
import { dimensionsOf, modeOf, type PadAxis, type PadMode, paddingValue, sources } from '../semantics/pad.ts';
import type { Family } from '../semantics/semantics.ts';
import { reach } from '../semantics/window.ts';

/*
 * PyTorch's semantics as a plan: what to pad, convolve and crop, with nothing implied. A plan is data; one file for each thing
 * that can carry it out or print it stands beside this one.
 */

/** How many elements to put before and after an axis; negative numbers crop. */
export interface Width {
  before: number;
  after: number;
}

export const none: Width = { before: 0, after: 0 };

/** Elements of this value around the axes, after those that negative widths crop are gone. */
export interface PadStep {
  do: 'pad';
  widths: readonly Width[];
  value: number;
}

/**
 * A convolution without padding: the window stays inside. The kernel is the weight as it is, or a transposed convolution's
 * `flipped`: reversed along every spatial axis, and within each group with input and output channels exchanged.
 */
export interface ConvolveStep {
  do: 'convolve';
  kernel: 'weight' | 'flipped';
  strides: readonly number[];
  dilations: readonly number[];
  groups: number;
}

/** One step of a layer. Lists have one entry a spatial axis. */
export type LayerStep =
  | PadStep
  /** Zeros between neighbours, so that they come to lie so far apart. */
  | { do: 'spread'; distances: readonly number[] }
  | ConvolveStep
  /** A transposed convolution that crops nothing: (input − 1)·stride + dilation·(kernel − 1) + 1 elements an axis. */
  | { do: 'convolve transposed'; strides: readonly number[]; dilations: readonly number[]; groups: number }
  /** The bias of each output channel, on every element. */
  | { do: 'add bias' };

/** One step of a padding. Lists have one entry a dimension. */
export type PaddingStep =
  | PadStep
  /** Elements of one axis by their index; one may be taken more than once. */
  | { do: 'take'; axis: number; indices: readonly number[] };

interface Sizes {
  axes: number;
  /** Shape of the result; (N, C, …) where the plan is over spatial axes. */
  outputShape: readonly number[];
}

/** What the axes of the steps are: all but batch and channels, or all there are. */
export type Plan =
  | ({ over: 'spatial axes'; steps: readonly LayerStep[] } & Sizes)
  | ({ over: 'all axes'; steps: readonly PaddingStep[] } & Sizes);

/**
 * How a transposed convolution is computed: `crop` the whole output (and append to it), or `pad` the input, with zeros between its
 * elements too, and convolve with the flipped kernel. Both give the same, but for infinite and NaN weights: `pad` multiplies
 * them by its zeros. `crop` multiplies less; a runtime whose convolution is much quicker than its transposed one may still be
 * quicker with `pad`.
 */
export type Route = 'crop' | 'pad';
export const routes: readonly Route[] = ['crop', 'pad'];

/**
 * The plan of a valid call, whose parameters are normalised and whose input has its batch axis.
 *
 * Convolution pads its input and convolves. Transposed convolution is computed whole; then output_padding zeros are appended
 * and `padding` elements cropped from both ends, and only then comes the bias, which the appended elements get as well. By
 * the other route it is a convolution with stride 1 of the input with stride − 1 zeros between its elements and
 * dilation·(kernel − 1) − padding at both ends, and output_padding more at the last.
 * Padding with a value is one step; padding with the input's own elements takes them, axis by axis.
 */
export function planOf(
  family: Family,
  params: Params,
  shapes: Inputs<number[]>,
  outputShape: readonly number[],
  route: Route = 'crop',
): Plan {
  if (family === 'padding') {
    const spec = { params, shapes };
    return paddingPlan(dimensionsOf(spec), modeOf(spec), paddingValue(spec));
  }
  const kernel = shapes.weight!.slice(2);
  const strides = params.stride as number[];
  const dilations = params.dilation as number[];
  const groups = params.groups as number;
  const bias: LayerStep[] = shapes.bias === undefined ? [] : [{ do: 'add bias' }];
  const plan = { over: 'spatial axes' as const, axes: kernel.length, outputShape };
  if (family === 'transposed convolution') {
    const padding = params.padding as number[];
    const outputPadding = params.output_padding as number[];
    if (route === 'pad') {
      const widths = outputPadding.map((extra, axis) => {
        const before = reach({ kernel: kernel[axis]!, dilation: dilations[axis]! }) - padding[axis]!;
        return { before, after: before + extra };
      });
      const ones = strides.map(() => 1);
      return {
        ...plan,
        steps: [
          { do: 'spread', distances: strides },
          { do: 'pad', widths, value: 0 },
          { do: 'convolve', kernel: 'flipped', strides: ones, dilations, groups },
          ...bias,
        ],
      };
    }
    const widths = outputPadding.map((extra, axis) => ({
      before: -padding[axis]!,
      after: extra - padding[axis]!,
    }));
    return {
      ...plan,
      steps: [{ do: 'convolve transposed', strides, dilations, groups }, { do: 'pad', widths, value: 0 }, ...bias],
    };
  }
  const widths = convolutionPadding(params.padding!, kernel, dilations);
  return {
    ...plan,
    steps: [{ do: 'pad', widths, value: 0 }, { do: 'convolve', kernel: 'weight', strides, dilations, groups }, ...bias],
  };
}

/** The plan that pads these dimensions, all that the tensor has; `value` is for the mode `constant`. */
export function paddingPlan(dimensions: readonly PadAxis[], mode: PadMode, value: number): Plan {
  const outputShape = dimensions.map(({ size, before, after }) => size + before + after);
  const plan = { over: 'all axes' as const, axes: dimensions.length, outputShape };
  if (mode === 'constant') return { ...plan, steps: [{ do: 'pad', widths: dimensions, value }] };
  const steps = [...dimensions.entries()]
    .filter(([, { before, after }]) => before !== 0 || after !== 0)
    .map(([axis, dimension]) => ({ do: 'take' as const, axis, indices: sources(mode, dimension) as number[] }));
  return { ...plan, steps };
}

/** Elements that follow each other by the same step, 1, 0 or −1, from the one at `at` with index `first`. */
export interface Run {
  at: number;
  first: number;
  count: number;
  step: number;
}

/** Indices as few runs, each as long as it can be. */
export function runsOf(indices: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (const [at, index] of indices.entries()) {
    const run = runs.at(-1);
    const step = run === undefined ? 2 : index - (run.first + (run.count - 1) * run.step);
    if (run !== undefined && Math.abs(step) <= 1 && (run.count === 1 || step === run.step)) {
      run.step = step;
      run.count += 1;
    } else {
      runs.push({ at, first: index, count: 1, step: 0 });
    }
  }
  return runs;
}
