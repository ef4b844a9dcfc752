import type { Inputs, Params } from '../core/case.ts';
import { convolutionPadding } from '../operators/convolution.ts';
import type { Family, Spec } from '../operators/operator.ts';
import { dimensionsOf, modeOf, paddingValue, sources } from '../operators/pad.ts';

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

/** One step of a layer. Lists have one entry a spatial axis. */
export type LayerStep =
  | PadStep
  /** A convolution without padding: the window stays inside. */
  | { do: 'convolve'; strides: readonly number[]; dilations: readonly number[]; groups: number }
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
 * The plan of a valid call, whose parameters are normalised and whose input has its batch axis.
 *
 * Convolution pads its input and convolves. Transposed convolution is computed whole; then output_padding zeros are appended
 * and `padding` elements cropped from both ends, and only then comes the bias, which the appended elements get as well.
 * Padding with a value is one step; padding with the input's own elements takes them, axis by axis.
 */
export function planOf(family: Family, params: Params, shapes: Inputs<number[]>, outputShape: readonly number[]): Plan {
  if (family === 'padding') return paddingPlan({ params, shapes }, outputShape);
  const kernel = shapes.weight!.slice(2);
  const strides = params.stride as number[];
  const dilations = params.dilation as number[];
  const groups = params.groups as number;
  const bias: LayerStep[] = shapes.bias === undefined ? [] : [{ do: 'add bias' }];
  const plan = { over: 'spatial axes' as const, axes: kernel.length, outputShape };
  if (family === 'transposed convolution') {
    const padding = params.padding as number[];
    const widths = (params.output_padding as number[]).map((extra, axis) => ({
      before: -padding[axis]!,
      after: extra - padding[axis]!,
    }));
    return {
      ...plan,
      steps: [{ do: 'convolve transposed', strides, dilations, groups }, { do: 'pad', widths, value: 0 }, ...bias],
    };
  }
  const widths = convolutionPadding(params.padding!, kernel, dilations);
  return { ...plan, steps: [{ do: 'pad', widths, value: 0 }, { do: 'convolve', strides, dilations, groups }, ...bias] };
}

function paddingPlan(spec: Pick<Spec, 'params' | 'shapes'>, outputShape: readonly number[]): Plan {
  const dimensions = dimensionsOf(spec);
  const mode = modeOf(spec);
  const plan = { over: 'all axes' as const, axes: dimensions.length, outputShape };
  if (mode === 'constant') return { ...plan, steps: [{ do: 'pad', widths: dimensions, value: paddingValue(spec) }] };
  const steps = [...dimensions.entries()]
    .filter(([, { before, after }]) => before !== 0 || after !== 0)
    .map(([axis, dimension]) => ({ do: 'take' as const, axis, indices: sources(mode, dimension) as number[] }));
  return { ...plan, steps };
}
