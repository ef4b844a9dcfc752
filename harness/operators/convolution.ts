import { z } from 'zod';
import {
  moreToSee,
  otherLayers,
  type PaddingMode,
  plainestLayer,
  type RawLayer,
  rawLayer,
  spell,
  spelledAsLists,
  withoutFeatures,
} from '../arbitraries/layer.ts';
import type { Params } from '../core/case.ts';
import { convolutionPadding, convolutionSemantics, windowsOf } from '../semantics/convolution.ts';
import type { Spec } from '../semantics/semantics.ts';
import { axisValues, batchOf, groupsOf, isUnbatched, kernelOf, span, spatialOf } from '../semantics/window.ts';
import { type ForwardOperator, twistsOf } from './operator.ts';
import { integer, intOrList } from './params.ts';

function toSpec(raw: RawLayer): Spec {
  const { paddingMode } = raw;
  const stride = raw.axes.map((axis) => (paddingMode === 'same' ? 1 : axis.stride));
  const dilation = raw.axes.map((axis) => axis.dilation);
  const kernel = raw.axes.map((axis) => axis.kernel);
  const explicit = spell(
    raw.axes.map((axis) => axis.padding),
    raw.lists,
  );
  const padding = paddingMode === 'explicit' ? explicit : paddingMode;
  const widths = convolutionPadding(padding, kernel, dilation);
  const spatial = raw.axes.map((axis, i) => shortest(axis, widths[i]!) + axis.extra);
  const inner = [raw.groups * raw.inChannels, ...spatial];
  const outChannels = raw.groups * raw.outChannels;
  return {
    params: { stride: spell(stride, raw.lists), padding, dilation: spell(dilation, raw.lists), groups: raw.groups },
    shapes: {
      input: raw.unbatched ? inner : [raw.batch, ...inner],
      weight: [outChannels, raw.inChannels, ...kernel],
      ...(raw.bias ? { bias: [outChannels] } : {}),
    },
    dtypes: { input: 'float32', weight: 'float32', ...(raw.bias ? { bias: 'float32' as const } : {}) },
  };
}

/** The shortest input that the window fits into once it is padded. */
function shortest(window: { kernel: number; dilation: number }, width: { before: number; after: number }): number {
  return Math.max(1, span(window) - width.before - width.after);
}

function fromSpec(spec: Spec, axes: number): RawLayer {
  const { params, shapes } = spec;
  const stride = axisValues(params, 'stride', axes);
  const dilation = axisValues(params, 'dilation', axes);
  const kernel = kernelOf(spec);
  const widths = convolutionPadding(params.padding!, kernel, dilation);
  const explicit = typeof params.padding !== 'string';
  const groups = groupsOf(spec);
  return {
    axes: spatialOf(spec, axes).map((length, i) => {
      const axis = { kernel: kernel[i]!, stride: stride[i]!, dilation: dilation[i]! };
      return {
        ...axis,
        padding: explicit ? widths[i]!.before : 0,
        outputPadding: 0,
        extra: length - shortest(axis, widths[i]!),
      };
    }),
    paddingMode: explicit ? 'explicit' : (params.padding as PaddingMode),
    batch: batchOf(spec, axes),
    unbatched: isUnbatched(spec, axes),
    groups,
    inChannels: shapes.weight![1]!,
    outChannels: shapes.weight![0]! / groups,
    bias: shapes.bias !== undefined,
    lists: spelledAsLists([params.stride!, params.dilation!, params.padding!]),
  };
}

function widthsOf({ axes, paddingMode }: RawLayer): { before: number; after: number }[] {
  const padding = paddingMode === 'explicit' ? axes.map((axis) => axis.padding) : paddingMode;
  return convolutionPadding(
    padding,
    axes.map(({ kernel }) => kernel),
    axes.map(({ dilation }) => dilation),
  );
}

/** The layer on inputs of at least these lengths. */
function ofLengths(raw: RawLayer, lengths: readonly number[]): RawLayer {
  const widths = widthsOf(raw);
  const axes = raw.axes.map((axis, i) => ({ ...axis, extra: Math.max(0, lengths[i]! - shortest(axis, widths[i]!)) }));
  return { ...raw, axes };
}

/** The layer on an input that is as long as it takes for a result of these sizes, with so much left over as far as a stride can leave. */
function giving(raw: RawLayer, sizes: readonly number[], remainders: readonly number[]): RawLayer {
  const widths = widthsOf(raw);
  const lengths = raw.axes.map((axis, i) => {
    const { before, after } = widths[i]!;
    const left = Math.min(remainders[i]!, axis.stride - 1);
    return (sizes[i]! - 1) * axis.stride + span(axis) - before - after + left;
  });
  return ofLengths(raw, lengths);
}

/** The layer on an input that its windows fit exactly: shorter by what is left over, or longer where it must not be shorter. */
function fitting(raw: RawLayer): RawLayer {
  const widths = widthsOf(raw);
  const axes = raw.axes.map((axis, i) => {
    const { before, after } = widths[i]!;
    const left = (shortest(axis, widths[i]!) + axis.extra + before + after - span(axis)) % axis.stride;
    return { ...axis, extra: axis.extra - left + (axis.extra < left ? axis.stride : 0) };
  });
  return { ...raw, axes };
}

/** The convolution over this many spatial axes. */
export function convolution(axes: 1 | 2 | 3): ForwardOperator {
  const plainest = toSpec(plainestLayer(axes));
  const semantics = convolutionSemantics(axes);
  const layer = rawLayer(axes, ['explicit', 'explicit', 'explicit', 'same', 'valid']);
  /**
   * The layer with a result as large as that of a spec, with an input as large, and with a result somewhat larger; with as much of it
   * left over, or nothing.
   */
  const alike = (spec: Spec, layer: RawLayer, isFitting: boolean): Spec[] => {
    const sizes = semantics.outputShape(spec).slice(-axes);
    const larger = sizes.map((size) => size + moreToSee);
    const remainders = windowsOf(spec, axes).map(({ remainder }) => remainder);
    const layers = [
      giving(layer, sizes, remainders),
      ofLengths(layer, spatialOf(spec, axes)),
      giving(layer, larger, remainders),
    ];
    const isWithout = isFitting || remainders.every((remainder) => remainder === 0);
    return (isWithout ? layers.map(fitting) : layers).map(toSpec);
  };
  return {
    ...semantics,
    params: z.strictObject({
      stride: intOrList.optional(),
      padding: z
        .union([intOrList, z.enum(['same', 'valid'])], {
          error: ({ input }) =>
            `must be a whole number, a list of them, "same" or "valid": got ${JSON.stringify(input)}`,
        })
        .optional(),
      dilation: intOrList.optional(),
      groups: integer.optional(),
    }) as z.ZodType<Params>,
    arbitrary: layer.map(toSpec, (spec) => fromSpec(spec as Spec, axes)),
    plainest,
    without: (spec, features) =>
      withoutFeatures(fromSpec(spec, axes), features).flatMap((layer) =>
        alike(spec, layer, features.includes('remainder')),
      ),
    otherwise: (spec, feature) => [
      feature === 'remainder'
        ? alike(spec, fromSpec(spec, axes), true)
        : otherLayers(fromSpec(spec, axes), feature).flatMap((layer) => alike(spec, layer, false)),
    ],
    twists: twistsOf(semantics.rules, semantics.oddities, plainest),
  };
}
