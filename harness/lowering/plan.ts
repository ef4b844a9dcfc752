import type { PadMode } from '../arbitraries/padding.ts';
import type { Inputs, Params } from '../core/case.ts';
import { convolutionPadding } from '../operators/convolution.ts';
import type { Family } from '../operators/operator.ts';
import { sources } from '../operators/pad.ts';

/*
 * PyTorch's semantics as a plan: what to pad, convolve and crop, with nothing implied. A plan is data; one file for each thing
 * that can carry it out or print it stands beside this one.
 */

/** How many elements to put before and after an axis; negative numbers crop. */
export interface Width {
  before: number;
  after: number;
}

/** One step. Lists have one entry an axis of the plan. */
export type Step =
  /** Elements of this value around the axes, after those that negative widths crop are gone. */
  | { do: 'pad'; widths: readonly Width[]; value: number }
  /** Elements of one axis by their index; one may be taken more than once. */
  | { do: 'take'; axis: number; indices: readonly number[] }
  /** A convolution without padding: the window stays inside. */
  | { do: 'convolve'; strides: readonly number[]; dilations: readonly number[]; groups: number }
  /** A transposed convolution that crops nothing: (input − 1)·stride + dilation·(kernel − 1) + 1 elements an axis. */
  | { do: 'convolve transposed'; strides: readonly number[]; dilations: readonly number[]; groups: number }
  /** The bias of each output channel, on every element. */
  | { do: 'add bias' };

export interface Plan {
  /** What the axes of the steps are: all but batch and channels, or all there are. */
  over: 'spatial axes' | 'all axes';
  axes: number;
  /** Shape of the result; (N, C, …) where the plan is over spatial axes. */
  outputShape: readonly number[];
  steps: readonly Step[];
}

/**
 * The plan of a valid call, whose parameters are normalised and whose input has its batch axis.
 *
 * Convolution pads its input and convolves. Transposed convolution is computed whole; then output_padding zeros are appended
 * and `padding` elements cropped from both ends, and only then comes the bias, which the appended elements get as well.
 * Padding with a value is one step; padding with the input's own elements takes them, axis by axis.
 */
export function planOf(
  family: Family,
  params: Params,
  shapes: Inputs<readonly number[]>,
  outputShape: readonly number[],
): Plan {
  if (family === 'padding') return paddingPlan(params, shapes.input, outputShape);
  const kernel = shapes.weight!.slice(2);
  const strides = params.stride as number[];
  const dilations = params.dilation as number[];
  const groups = params.groups as number;
  const bias: Step[] = shapes.bias === undefined ? [] : [{ do: 'add bias' }];
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

/** PyTorch lists (before, after) from the last dimension back; a plan lists them from the first dimension on. */
function paddingPlan(params: Params, shape: readonly number[], outputShape: readonly number[]): Plan {
  const pad = params.pad as number[];
  const widths = shape.map((_, axis): Width => {
    const at = 2 * (shape.length - 1 - axis);
    return { before: pad[at] ?? 0, after: pad[at + 1] ?? 0 };
  });
  const mode = params.mode as PadMode;
  const steps: Step[] =
    mode === 'constant'
      ? [{ do: 'pad', widths, value: params.value as number }]
      : [...widths.entries()]
          .filter(([, { before, after }]) => before !== 0 || after !== 0)
          .map(([axis, width]) => {
            const indices = sources(mode, { size: shape[axis]!, ...width }) as number[];
            return { do: 'take' as const, axis, indices };
          });
  return { over: 'all axes', axes: shape.length, outputShape, steps };
}
