import fc from 'fast-check';
import type { ParamValue } from '../core/case.ts';
import { reach } from '../semantics/window.ts';
import { anyAxis, type RawAxis, rawAxes, tinyAxis } from './axis.ts';
import { shrinksLike } from './shrinksLike.ts';
import { seldom, size } from './size.ts';

/** How `padding` is given: explicitly, or by one of PyTorch's names. */
export type PaddingMode = 'explicit' | 'same' | 'valid';

/** A convolution layer as independent values, any combination of which is legal. */
export interface RawLayer {
  axes: RawAxis[];
  paddingMode: PaddingMode;
  batch: number;
  unbatched: boolean;
  groups: number;
  /** Input channels a group. */
  inChannels: number;
  /** Output channels a group. */
  outChannels: number;
  bias: boolean;
  /** Whether parameters are spelled as lists even where a single int would do. */
  lists: boolean;
}

type Channels = Pick<RawLayer, 'groups' | 'inChannels' | 'outChannels'>;

/** Channels of every sort: in one group, in some, depthwise, and depthwise with several output channels each. */
function rawChannels(axes: 1 | 2 | 3): fc.Arbitrary<Channels> {
  const [usual, rare] = axes === 3 ? [2, 3] : [3, 8];
  const of = (groups: fc.Arbitrary<number>, inChannels: fc.Arbitrary<number>, outChannels: fc.Arbitrary<number>) =>
    fc.record({ groups, inChannels, outChannels });
  const [one, count, several] = [fc.constant(1), size(1, usual, rare), size(2, usual, rare)];
  const groups = axes === 3 ? size(2, 2, 3) : size(2, 3, 6);
  return fc.oneof(
    { arbitrary: of(one, count, count), weight: 5 },
    { arbitrary: of(groups, several, count), weight: 1 },
    { arbitrary: of(groups, one, one), weight: 1 },
    { arbitrary: of(groups, one, several), weight: 1 },
  );
}

const tinyChannels: fc.Arbitrary<Channels> = fc.record({
  groups: size(1, 1, 3),
  inChannels: fc.constant(1),
  outChannels: fc.constant(1),
});

/** So many channels that each element is a sum of hundreds or thousands of products, for one or two output channels. */
const deepChannels: fc.Arbitrary<Channels> = fc.record({
  groups: fc.constant(1),
  inChannels: fc.integer({ min: 7, max: 12 }).chain((bits) => fc.integer({ min: 2 ** (bits - 1), max: 2 ** bits })),
  outChannels: fc.integer({ min: 1, max: 2 }),
});

/** About how many products a layer sums, as a convolution or, with longer outputs, as a transposed one. */
function workOf({ axes, batch, groups, inChannels, outChannels }: RawLayer): number {
  const along = axes.map((axis) => {
    const reach = axis.dilation * (axis.kernel - 1);
    return axis.kernel * (1 + axis.extra * axis.stride + Math.max(reach, 2 * axis.padding - reach));
  });
  return along.reduce((product, length) => product * length, batch * groups * inChannels * outChannels);
}

/** Layers with more work than this are few, but would take up most of the time, or all that a case may take. */
const muchWork = 2 ** 15;

/** A layer with much work loses what it does not need to be of its sort: length, batch, channels. */
function lightened(layer: RawLayer): RawLayer {
  if (workOf(layer) <= muchWork) return layer;
  const few = (count: number) => Math.min(2, count);
  const { axes, groups, inChannels, outChannels } = layer;
  const channels = { groups: few(groups), inChannels: few(inChannels), outChannels: few(outChannels) };
  return { ...layer, ...channels, axes: axes.map((axis) => ({ ...axis, extra: 0 })), batch: 1 };
}

function layerOf(
  modes: readonly PaddingMode[],
  axes: fc.Arbitrary<RawAxis[]>,
  channels: fc.Arbitrary<Channels>,
): fc.Arbitrary<RawLayer> {
  const layer = fc.record({
    axes,
    paddingMode: fc.constantFrom(...modes),
    batch: size(1, 2, 4),
    unbatched: seldom(6),
    bias: seldom(3),
    lists: seldom(4),
  });
  return fc.tuple(layer, channels).map(([rest, own]) => lightened({ ...rest, ...own }));
}

/** Any layer at all: it shrinks like this. */
function anyLayer(axes: number, modes: readonly PaddingMode[]): fc.Arbitrary<RawLayer> {
  const count = fc.integer({ min: 1 });
  return fc.record({
    axes: fc.tuple(...new Array<typeof anyAxis>(axes).fill(anyAxis)),
    paddingMode: fc.constantFrom(...modes),
    batch: count,
    unbatched: fc.boolean(),
    groups: count,
    inChannels: count,
    outChannels: count,
    bias: fc.boolean(),
    lists: fc.boolean(),
  });
}

/**
 * Layers with `axes` spatial axes, padded in one of these ways. One in ten is tiny: what happens at size 1 would hardly be met
 * otherwise. One in a hundred is tiny and deep: long sums go wrong in ways of their own.
 */
export function rawLayer(axes: 1 | 2 | 3, modes: readonly PaddingMode[]): fc.Arbitrary<RawLayer> {
  const tinyAxes = fc.tuple(...new Array<typeof tinyAxis>(axes).fill(tinyAxis));
  const drawn = fc.oneof(
    { arbitrary: layerOf(modes, rawAxes(axes), rawChannels(axes)), weight: 89 },
    { arbitrary: layerOf(modes, tinyAxes, tinyChannels), weight: 10 },
    { arbitrary: layerOf(modes, tinyAxes, deepChannels), weight: 1 },
  );
  return shrinksLike(drawn, anyLayer(axes, modes));
}

/** The layer in which everything is 1 or 0. */
export function plainestLayer(axes: number): RawLayer {
  const axis = { kernel: 1, stride: 1, dilation: 1, padding: 0, outputPadding: 0, extra: 0 };
  return {
    axes: new Array<RawAxis>(axes).fill(axis),
    paddingMode: 'explicit',
    batch: 1,
    unbatched: false,
    groups: 1,
    inChannels: 1,
    outChannels: 1,
    bias: false,
    lists: false,
  };
}

/** A parameter with one entry an axis as a case spells it: a list where the layer asks for it or the axes differ. */
export function spell(values: number[], lists: boolean): ParamValue {
  return lists || values.some((value) => value !== values[0]) ? values : values[0]!;
}

/** Whether one of these parameters is spelled as a list although its axes are alike: the inverse of `spell`. */
export function spelledAsLists(values: readonly ParamValue[]): boolean {
  return values.some((value) => typeof value === 'object' && value.every((entry) => entry === value[0]));
}

const onAxes =
  (change: (axis: RawAxis) => Partial<RawAxis>) =>
  (layer: RawLayer): RawLayer => ({ ...layer, axes: layer.axes.map((axis) => ({ ...axis, ...change(axis) })) });

/** On those axes that have padding. */
const onPadded = (change: (axis: RawAxis) => Partial<RawAxis>) =>
  onAxes((axis) => (axis.padding > 0 ? change(axis) : {}));

const unpadded = (layer: RawLayer): RawLayer => ({ ...onAxes(() => ({ padding: 0 }))(layer), paddingMode: 'explicit' });

const ungrouped = (layer: RawLayer): RawLayer => ({
  ...layer,
  groups: 1,
  outChannels: layer.groups * layer.outChannels,
});

/** Whether as many channels come out as go in, in each group: in one group with all that come out they would not. */
function isSquare({ groups, inChannels, outChannels }: RawLayer): boolean {
  return groups > 1 && inChannels > 1 && inChannels === outChannels;
}

/** By the name of a feature, a layer without it, and otherwise as it is. */
const without: Readonly<Record<string, (layer: RawLayer) => RawLayer>> = {
  unbatched: (layer) => ({ ...layer, unbatched: false }),
  batch: (layer) => ({ ...layer, batch: 1 }),
  'batch > 2': (layer) => ({ ...layer, batch: Math.min(layer.batch, 2) }),
  // With as many channels that come out, but no more that go into each of them.
  groups: ungrouped,
  'groups > 2': (layer) => ({ ...layer, groups: Math.min(layer.groups, 2) }),
  outputs: (layer) => ({ ...layer, groups: 1, outChannels: 1 }),
  'outputs a group': (layer) => ({ ...layer, outChannels: 1 }),
  channels: (layer) => ({ ...layer, inChannels: 1 }),
  bias: (layer) => ({ ...layer, bias: false }),
  kernel: onAxes(() => ({ kernel: 1 })),
  'kernel > 2': onAxes(({ kernel }) => ({ kernel: Math.min(kernel, 2) })),
  stride: onAxes(() => ({ stride: 1 })),
  'stride > 2': onAxes(({ stride }) => ({ stride: Math.min(stride, 2) })),
  dilation: onAxes(() => ({ dilation: 1 })),
  'dilation > 2': onAxes(({ dilation }) => ({ dilation: Math.min(dilation, 2) })),
  padding: unpadded,
  'padding same': unpadded,
  'padding valid': unpadded,
  output_padding: onAxes(() => ({ outputPadding: 0 })),
  'output_padding ≥ stride': onAxes((axis) => ({ outputPadding: Math.min(axis.outputPadding, axis.stride - 1) })),
};

/** A result longer by so much shows more of what a layer does. */
export const moreToSee = 3;

/**
 * The layer without features, as far as they can be taken away. A dilation that stays keeps what it shows in: on its own axes, or, since a
 * mistake may put it on another one, on all of them.
 */
export function withoutFeatures(layer: RawLayer, features: readonly string[]): RawLayer[] {
  const layers = features.includes('groups') && isSquare(layer) ? [layer, { ...layer, groups: 1 }] : [layer];
  return layers.flatMap((one) => withoutMost(one, features));
}

function withoutMost(layer: RawLayer, features: readonly string[]): RawLayer[] {
  const less = features.reduce((left, feature) => without[feature]?.(left) ?? left, layer);
  if (less.axes.every(({ dilation }) => dilation <= 1)) return [less];
  const asItWas = (axis: RawAxis, i: number) => {
    const { kernel, outputPadding } = layer.axes[i]!;
    return { ...axis, kernel, outputPadding };
  };
  const isMoot = ({ dilation, kernel, outputPadding, stride }: RawAxis) =>
    dilation > 1 && kernel === 1 && outputPadding < stride;
  const onItsAxes = less.axes.map((axis, i) => (isMoot(axis) ? asItWas(axis, i) : axis));
  const onAll = less.axes.map(asItWas);
  const isMore = onAll.some(
    ({ kernel, outputPadding }, i) => kernel !== onItsAxes[i]!.kernel || outputPadding !== onItsAxes[i]!.outputPadding,
  );
  return (isMore ? [onItsAxes, onAll] : [onItsAxes]).map((axes) => ({ ...less, axes }));
}

/** Stride for dilation and dilation for stride, where there is an output_padding. */
const exchanged = (layer: RawLayer): RawLayer =>
  layer.axes.some(({ outputPadding }) => outputPadding > 0)
    ? onAxes(({ stride, dilation }) => ({ stride: dilation, dilation: stride }))(layer)
    : layer;

/** With all that any axis has on each of them. */
const even = (layer: RawLayer): RawLayer => {
  const most = (name: keyof RawAxis) => Math.max(...layer.axes.map((axis) => axis[name]));
  const [kernel, stride, dilation] = [most('kernel'), most('stride'), most('dilation')];
  const [padding, outputPadding] = [most('padding'), most('outputPadding')];
  return onAxes(() => ({ kernel, stride, dilation, padding, outputPadding }))(layer);
};

/** With a kernel, and no even one, that shows the dilation instead of an output_padding that is only allowed by it. */
const dilating = onAxes(({ kernel, dilation, outputPadding }) =>
  dilation > 1 ? { kernel: Math.max(3, kernel), outputPadding: 0 } : { outputPadding },
);

/** The other way round: with the largest output_padding that the dilation allows, and the stride does not. */
const byOutputPadding = onAxes(({ stride, dilation }) => {
  const larger = Math.max(dilation, stride + 1);
  return dilation > 1 ? { kernel: 1, outputPadding: larger - 1, dilation: larger } : { kernel: 1 };
});

/** Where there is something beside the input's own elements: it may show through a kernel, beside a bias, or by what is cropped. */
const ifBeside =
  (change: (layer: RawLayer) => RawLayer) =>
  (layer: RawLayer): RawLayer =>
    layer.axes.some(({ padding, outputPadding }) => padding > 0 || outputPadding > 0) ? change(layer) : layer;

const throughKernel = ifBeside((layer) => ({
  ...onAxes(({ kernel }) => ({ kernel: Math.max(3, kernel) }))(layer),
  bias: false,
}));
const besideBias = ifBeside((layer) => ({ ...layer, bias: true }));
const pointwise = onAxes(() => ({ kernel: 1 }));

/** By the name of a feature that a layer may have by chance, other ways that it may have instead. */
const otherwise: Readonly<Record<string, readonly ((layer: RawLayer) => RawLayer)[]>> = {
  groups: [ungrouped, (layer) => (isSquare(layer) ? { ...layer, groups: 1 } : layer)],
  'outputs a group': [
    // Not depthwise, which is a thing of its own.
    ({ groups, inChannels, outChannels, ...layer }) => ({
      ...layer,
      groups: groups * outChannels,
      inChannels: Math.max(2, inChannels),
      outChannels: 1,
    }),
  ],
  'a single channel': [(layer) => ({ ...layer, inChannels: 2 })],
  'even kernel': [onAxes(({ kernel }) => ({ kernel: kernel + 1 - (kernel % 2) }))],
  pointwise: [
    onAxes(() => ({ kernel: 2 })),
    onAxes(() => ({ kernel: 3 })),
    onAxes(({ padding }) => ({ kernel: 2, padding: padding > 0 ? Math.max(2, padding) : 0 })),
    // With as much of a gap between the copies of a transposed kernel.
    onAxes(({ stride }) => ({ kernel: 3, dilation: 1, stride: stride > 1 ? stride + 2 : 1 })),
    // With a result as large.
    onAxes(({ padding }) => ({ kernel: 3, dilation: 1, padding: padding + 1 })),
  ],
  // Copies of the kernel that do not touch each other, or that have but one element.
  overlap: [
    onAxes((axis) => ({ stride: Math.max(axis.stride, reach(axis) + 1) })),
    onAxes(() => ({ kernel: 1, dilation: 1 })),
  ],
  // A kernel of 1 has no reach: by a larger kernel, or where the padding may be as large as the kernel, by dilation.
  'padding > reach': [
    onAxes(({ kernel, padding, dilation }) => ({ kernel: Math.max(kernel, 1 + Math.ceil(padding / dilation)) })),
    onPadded(({ padding }) => ({ kernel: 2, padding: Math.max(2, padding), dilation: Math.max(2, padding) })),
    onPadded(() => ({ kernel: 3, padding: 2, dilation: 1 })),
  ],
  'padding ≥ kernel': [
    onAxes(({ kernel, padding }) => ({ kernel: Math.max(kernel, 1 + padding) })),
    onPadded(() => ({ kernel: 3, padding: 2 })),
  ],
  'padding > half': [onAxes(({ kernel, padding }) => ({ kernel: Math.max(kernel, 2 * padding + 1) }))],
  output_padding: [dilating],
  'output_padding ≥ stride': [
    dilating,
    onAxes(({ stride, outputPadding, dilation }) =>
      outputPadding >= stride ? { stride: outputPadding + 1, dilation: 1 } : { stride, dilation },
    ),
  ],
  kernel: [
    byOutputPadding,
    (layer) => byOutputPadding({ ...layer, axes: [...layer.axes].reverse() }),
    (layer) => besideBias(pointwise(layer)),
  ],
  bias: [
    throughKernel,
    // What is added at the end of a result shows where it is cropped.
    (layer) =>
      throughKernel(onAxes(({ padding, outputPadding }) => ({ padding: Math.max(padding, outputPadding) }))(layer)),
  ],
  padding: [
    (layer) => (layer.axes.some(({ outputPadding }) => outputPadding > 0) ? besideBias(unpadded(layer)) : layer),
  ],
  // An output_padding needs one of them.
  stride: [exchanged],
  'stride > 2': [exchanged],
  dilation: [exchanged],
  'dilation > 2': [exchanged],
  'unlike axes': [even],
};

/**
 * What a layer may be in the place of one with a feature that it may have by chance; also with all axes alike, where no bug of unlike axes
 * is beside.
 */
export function otherLayers(layer: RawLayer, feature: string): RawLayer[] {
  const others = (otherwise[feature] ?? []).map((change) => change(layer));
  const all = [...others, ...others.map(even)];
  return [...new Map(all.map((other) => [JSON.stringify(other), other])).values()];
}
