import type { Inputs, OpName, Params } from '../core/case.ts';
import { convolutionPadding } from '../operators/convolution.ts';

/*
 * PyTorch's semantics as a plan: what to pad, convolve and crop, with nothing implied. A plan is data; one file for each thing
 * that can carry it out or print it stands beside this one.
 */

/** How many zeros to put before and after an axis; negative numbers crop. */
export interface Width {
  before: number;
  after: number;
}

/** One step. Lists have one entry a spatial axis. */
export type Step =
  /** Zeros around the spatial axes, or cropped ones. */
  | { do: 'pad'; widths: readonly Width[] }
  /** A convolution without padding: the window stays inside. */
  | { do: 'convolve'; strides: readonly number[]; dilations: readonly number[]; groups: number }
  /** A transposed convolution that crops nothing: (input − 1)·stride + dilation·(kernel − 1) + 1 elements an axis. */
  | { do: 'convolve transposed'; strides: readonly number[]; dilations: readonly number[]; groups: number }
  /** The bias of each output channel, on every element. */
  | { do: 'add bias' };

export interface Plan {
  /** The number of spatial axes. */
  axes: number;
  /** Shape of the result, (N, C, …). */
  outputShape: readonly number[];
  steps: readonly Step[];
}

/**
 * The plan of a valid call, whose parameters are normalised and whose input has its batch axis.
 *
 * Convolution pads its input and convolves. Transposed convolution is computed whole; then output_padding zeros are appended
 * and `padding` elements cropped from both ends, and only then comes the bias, which the appended elements get as well.
 */
export function planOf(
  op: OpName,
  params: Params,
  shapes: Inputs<readonly number[]>,
  outputShape: readonly number[],
): Plan {
  const kernel = shapes.weight!.slice(2);
  const strides = params.stride as number[];
  const dilations = params.dilation as number[];
  const groups = params.groups as number;
  const bias: Step[] = shapes.bias === undefined ? [] : [{ do: 'add bias' }];
  const plan = { axes: kernel.length, outputShape };
  if (op.startsWith('conv_transpose')) {
    const padding = params.padding as number[];
    const widths = (params.output_padding as number[]).map((extra, axis) => ({
      before: -padding[axis]!,
      after: extra - padding[axis]!,
    }));
    return {
      ...plan,
      steps: [{ do: 'convolve transposed', strides, dilations, groups }, { do: 'pad', widths }, ...bias],
    };
  }
  const widths = convolutionPadding(params.padding!, kernel, dilations);
  return { ...plan, steps: [{ do: 'pad', widths }, { do: 'convolve', strides, dilations, groups }, ...bias] };
}
