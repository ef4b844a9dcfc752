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
import { convolutionPadding, convolutionSemantics } from '../semantics/convolution.ts';
import type { Spec } from '../semantics/semantics.ts';
import { axisValues, batchOf, groupsOf, isUnbatched, kernelOf, reach, spatialOf } from '../semantics/window.ts';
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
  return Math.max(1, reach(window) + 1 - width.before - width.after);
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

/** The layer on an input of these sizes, or longer where it takes that. */
function taking(raw: RawLayer, sizes: readonly number[]): RawLayer {
  const widths = widthsOf(raw);
  const axes = raw.axes.map((axis, i) => ({ ...axis, extra: Math.max(0, sizes[i]! - shortest(axis, widths[i]!)) }));
  return { ...raw, axes };
}

/** The layer on an input that is as long as it takes for a result of these sizes. */
function giving(raw: RawLayer, sizes: readonly number[]): RawLayer {
  const widths = widthsOf(raw);
  const axes = raw.axes.map((axis, i) => {
    const { before, after } = widths[i]!;
    const length = (sizes[i]! - 1) * axis.stride + reach(axis) + 1 - before - after;
    return { ...axis, extra: Math.max(0, length - shortest(axis, widths[i]!)) };
  });
  return { ...raw, axes };
}

/** The convolution over this many spatial axes. */
export function convolution(axes: 1 | 2 | 3): ForwardOperator {
  const plainest = toSpec(plainestLayer(axes));
  const semantics = convolutionSemantics(axes);
  const layer = rawLayer(axes, ['explicit', 'explicit', 'explicit', 'same', 'valid']);
  /** The layer with a result as large as that of a spec, with an input as large, and with a result somewhat larger. */
  const alike = (spec: Spec, layer: RawLayer): Spec[] => {
    const sizes = semantics.outputShape(spec).slice(-axes);
    const larger = sizes.map((size) => size + moreToSee);
    return [giving(layer, sizes), taking(layer, spatialOf(spec, axes)), giving(layer, larger)].map(toSpec);
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
    without: (spec, features) => alike(spec, withoutFeatures(fromSpec(spec, axes), features)),
    otherwise: (spec, feature) => otherLayers(fromSpec(spec, axes), feature).flatMap((layer) => alike(spec, layer)),
    twists: twistsOf(semantics.rules, semantics.oddities, plainest),
  };
}
