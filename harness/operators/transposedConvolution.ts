import { z } from 'zod';
import type { RawAxis } from '../arbitraries/axis.ts';
import {
  moreToSee,
  otherLayers,
  plainestLayer,
  type RawLayer,
  rawLayer,
  spell,
  spelledAsLists,
  withoutFeatures,
} from '../arbitraries/layer.ts';
import type { Params } from '../core/case.ts';
import type { Spec } from '../semantics/semantics.ts';
import { paramNames, transposedConvolutionSemantics, windowsOf } from '../semantics/transposedConvolution.ts';
import { batchOf, groupsOf, isUnbatched, reach, spatialOf } from '../semantics/window.ts';
import { type ForwardOperator, twistsOf } from './operator.ts';
import { integer, intOrList } from './params.ts';

/** The shortest input whose output has at least one element. */
function shortest(axis: { kernel: number; stride: number; dilation: number; padding: number; outputPadding: number }) {
  return 1 + Math.max(0, Math.ceil((2 * axis.padding - reach(axis) - axis.outputPadding) / axis.stride));
}

/** How large an output_padding may be. */
function most({ stride, dilation }: RawAxis): number {
  return Math.max(stride, dilation) - 1;
}

/** The layer, in each way that lets it have its output_padding: by a stride, and by a dilation. */
function allowing(raw: RawLayer): RawLayer[] {
  if (raw.axes.every((axis) => axis.outputPadding <= most(axis))) return [raw];
  const by = (name: 'stride' | 'dilation') => ({
    ...raw,
    axes: raw.axes.map((axis) =>
      axis.outputPadding <= most(axis) ? axis : { ...axis, [name]: axis.outputPadding + 1 },
    ),
  });
  return [by('stride'), by('dilation')];
}

function toSpec(raw: RawLayer): Spec {
  const axes = raw.axes.map((axis) => ({ ...axis, outputPadding: Math.min(axis.outputPadding, most(axis)) }));
  const list = (pick: (axis: (typeof axes)[number]) => number) => spell(axes.map(pick), raw.lists);
  const inner = [raw.groups * raw.inChannels, ...axes.map((axis) => shortest(axis) + axis.extra)];
  return {
    params: {
      stride: list((axis) => axis.stride),
      padding: list((axis) => axis.padding),
      output_padding: list((axis) => axis.outputPadding),
      groups: raw.groups,
      dilation: list((axis) => axis.dilation),
    },
    shapes: {
      input: raw.unbatched ? inner : [raw.batch, ...inner],
      weight: [raw.groups * raw.inChannels, raw.outChannels, ...axes.map((axis) => axis.kernel)],
      ...(raw.bias ? { bias: [raw.groups * raw.outChannels] } : {}),
    },
    dtypes: { input: 'float32', weight: 'float32', ...(raw.bias ? { bias: 'float32' as const } : {}) },
  };
}

/** The layer on an input of these sizes, or longer where it takes that. */
function taking(raw: RawLayer, sizes: readonly number[]): RawLayer {
  const axes = raw.axes.map((axis, i) => ({ ...axis, extra: Math.max(0, sizes[i]! - shortest(axis)) }));
  return { ...raw, axes };
}

/** The layer on an input that is as long as it takes for a result of these sizes. */
function giving(raw: RawLayer, sizes: readonly number[]): RawLayer {
  const axes = raw.axes.map((axis, i) => {
    const { stride, padding, outputPadding } = axis;
    const length = 1 + Math.ceil((sizes[i]! - 1 - reach(axis) - outputPadding + 2 * padding) / stride);
    return { ...axis, extra: Math.max(0, length - shortest(axis)) };
  });
  return { ...raw, axes };
}

function fromSpec(spec: Spec, axes: number): RawLayer {
  const groups = groupsOf(spec);
  const weight = spec.shapes.weight!;
  return {
    axes: windowsOf(spec, axes).map((window) => {
      const { kernel, stride, dilation, outputPadding } = window;
      const axis = { kernel, stride, dilation, padding: window.before, outputPadding };
      return { ...axis, extra: window.input - shortest(axis) };
    }),
    paddingMode: 'explicit',
    batch: batchOf(spec, axes),
    unbatched: isUnbatched(spec, axes),
    groups,
    inChannels: weight[0]! / groups,
    outChannels: weight[1]!,
    bias: spec.shapes.bias !== undefined,
    lists: spelledAsLists(paramNames.map((name) => spec.params[name]!)),
  };
}

/** The transposed convolution over this many spatial axes. */
export function transposedConvolution(axes: 1 | 2 | 3): ForwardOperator {
  const plainest = toSpec(plainestLayer(axes));
  const semantics = transposedConvolutionSemantics(axes);
  /** The layer with a result as large as that of a spec, with an input as large, and with a result somewhat larger. */
  const alike = (spec: Spec, layer: RawLayer): Spec[] => {
    const sizes = semantics.outputShape(spec).slice(-axes);
    const larger = sizes.map((size) => size + moreToSee);
    return allowing(layer)
      .flatMap((one) => [giving(one, sizes), taking(one, spatialOf(spec, axes)), giving(one, larger)])
      .map(toSpec);
  };
  return {
    ...semantics,
    params: z.strictObject({
      stride: intOrList.optional(),
      padding: intOrList.optional(),
      output_padding: intOrList.optional(),
      groups: integer.optional(),
      dilation: intOrList.optional(),
    }) as z.ZodType<Params>,
    arbitrary: rawLayer(axes, ['explicit']).map(toSpec, (spec) => fromSpec(spec as Spec, axes)),
    plainest,
    without: (spec, features) => withoutFeatures(fromSpec(spec, axes), features).flatMap((layer) => alike(spec, layer)),
    otherwise: (spec, feature) => [otherLayers(fromSpec(spec, axes), feature).flatMap((layer) => alike(spec, layer))],
    twists: twistsOf(semantics.rules, semantics.oddities, plainest),
  };
}
