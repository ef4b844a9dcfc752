import type { Inputs, JsonNumber } from '../core/case.ts';
import { fromJsonNumber } from '../core/json.ts';
import { type DType, elementCount, largestFloat32, type TensorData } from '../core/tensor.ts';
import { type Differentiable, namesOf, type Oddity, type Rule, type Spec } from './semantics.ts';
import { replaced, withParams, withShapes } from './window.ts';

/*
 * Padding of trailing axes. Along each axis the output has before + size + after elements, and
 *
 *   output[o] = input[source(o − before)],
 *
 * where source(i) is i inside the input and, outside of it, nothing for `constant` (the output is `value` then), its mirror
 * image for `reflect`, the nearest element for `replicate`; `circular` goes round what negative pads have left of the input.
 * Negative pads crop. `pad` lists (before, after) from the last dimension back.
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 */

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';
export const padModes: readonly PadMode[] = ['constant', 'reflect', 'replicate', 'circular'];

/** One padded axis: its size, and how much is added at each end (or, where negative, cropped). */
export interface PadAxis {
  size: number;
  before: number;
  after: number;
}

export function modeOf(spec: Pick<Spec, 'params'>): PadMode {
  return spec.params.mode as PadMode;
}

function padOf(spec: Pick<Spec, 'params'>): readonly number[] {
  return spec.params.pad as readonly number[];
}

export function paddingValue(spec: Pick<Spec, 'params'>): number {
  return fromJsonNumber(spec.params.value as JsonNumber);
}

/** What an output of this dtype holds of a value: of a fraction, an int32 holds the whole part. */
export function storedValue(value: number, dtype: string): number {
  // And no −0, which the sum turns into 0.
  return dtype === 'int32' ? Math.trunc(value) + 0 : value;
}

/** The padded axes, the last dimension first. */
export function axesOf(spec: Spec): PadAxis[] {
  const pad = padOf(spec);
  const { input } = spec.shapes;
  return Array.from({ length: pad.length / 2 }, (_, i) => ({
    size: input[input.length - 1 - i]!,
    before: pad[2 * i]!,
    after: pad[2 * i + 1]!,
  }));
}

/** All dimensions, from the first to the last, padded or not. */
export function dimensionsOf(spec: Pick<Spec, 'params' | 'shapes'>): PadAxis[] {
  const pad = padOf(spec);
  const { input } = spec.shapes;
  return input.map((size, dimension) => {
    const at = 2 * (input.length - 1 - dimension);
    return { size, before: pad[at] ?? 0, after: pad[at + 1] ?? 0 };
  });
}

function outputSize({ size, before, after }: PadAxis): number {
  return size + before + after;
}

/** How many elements negative pads take away. */
export function cropped({ before, after }: Pick<PadAxis, 'before' | 'after'>): number {
  return Math.max(0, -before) + Math.max(0, -after);
}

/** Which element of an axis its padded form has at `o`; null where it has none of them, but the value. */
function source(mode: PadMode, axis: PadAxis, o: number): number | null {
  const { size, before } = axis;
  const i = o - before;
  switch (mode) {
    case 'constant':
      return i >= 0 && i < size ? i : null;
    case 'reflect':
      if (i < 0) return -i;
      return i < size ? i : 2 * (size - 1) - i;
    case 'replicate':
      return Math.min(Math.max(i, 0), size - 1);
    case 'circular': {
      const first = Math.max(0, -before);
      const left = size - cropped(axis);
      return first + ((((i - first) % left) + left) % left);
    }
  }
}

/** `source` of every element of the padded axis, from its first to its last. */
export function sources(mode: PadMode, axis: PadAxis): (number | null)[] {
  return Array.from({ length: outputSize(axis) }, (_, o) => source(mode, axis, o));
}

function outputShape(spec: Spec): number[] {
  return dimensionsOf(spec).map(outputSize);
}

/** Calls `visit` with the flat index of every element of the result that is one of the input's, and with that one's. */
function forEachCopy(spec: Spec, visit: (output: number, input: number) => void): void {
  const shape = spec.shapes.input;
  const from = dimensionsOf(spec).map((axis) => sources(modeOf(spec), axis));
  let at = 0;
  /** All elements whose index begins with the one that leads to `offset` in the input, or to no element of it. */
  const follow = (axis: number, offset: number | null): void => {
    if (axis === shape.length) {
      if (offset !== null) visit(at, offset);
      at += 1;
      return;
    }
    for (const source of from[axis]!) {
      follow(axis + 1, offset === null || source === null ? null : offset * shape[axis]! + source);
    }
  };
  follow(0, 0);
}

function evaluate(spec: Spec, { input }: Inputs<TensorData>): Float64Array {
  const out = new Float64Array(elementCount(outputShape(spec))).fill(paddingValue(spec));
  forEachCopy(spec, (output, from) => {
    out[output] = input[from]!;
  });
  return out;
}

function undefinedBecause(spec: Spec): string | null {
  const axes = axesOf(spec);
  if (
    modeOf(spec) === 'circular' &&
    axes.some((axis) => Math.max(axis.before, axis.after, 0) > axis.size - cropped(axis))
  ) {
    return 'a circular pad larger than what the crop at the other end leaves reads memory that was never written';
  }
  if (axes.some((axis) => outputSize(axis) < 0)) return 'a reflection over batch 0 has an axis of negative size';
  return null;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

/** Ranges of what each dtype can hold; a NaN or an infinity is no integer. */
export function fits(value: number, dtype: DType): boolean {
  if (dtype === 'int32') return value >= -(2 ** 31) && value <= 2 ** 31 - 1;
  return dtype === 'float64' || !Number.isFinite(value) || Math.abs(value) <= largestFloat32;
}

/** 2-D reflection over batch 0, whose output sizes PyTorch does not check one by one. */
function lacksElements(spec: Spec): boolean {
  return modeOf(spec) === 'reflect' && padOf(spec).length === 4 && spec.shapes.input[0] === 0;
}

/** A padding with the input's own elements, in this mode or any: the one that is given, or a plain one. */
function withMode(spec: Spec, mode?: PadMode): Spec {
  const fits = mode === undefined ? modeOf(spec) !== 'constant' : modeOf(spec) === mode;
  if (fits) return spec;
  const plain = withShapes(spec, { input: [2, 3, 4] });
  return withParams(plain, { pad: [1, 2, 0, 1], mode: mode ?? 'replicate', value: 0 });
}

/** A padding with a value: the one that is given, or a plain one. */
function withConstant(spec: Spec): Spec {
  if (modeOf(spec) === 'constant' && padOf(spec).length > 0) return spec;
  return withParams(withShapes(spec, { input: [2, 3] }), { pad: [1, 1], mode: 'constant', value: 0 });
}

/** Spec with another size of the last axis. */
function withSize(spec: Spec, size: number): Spec {
  const { input } = spec.shapes;
  return withShapes(spec, { input: replaced(input, input.length - 1, size) });
}

function withPad(spec: Spec, pad: readonly number[]): Spec {
  return withParams(spec, { pad: [...pad] });
}

/** Spec with one entry of `pad` changed. */
function withWidth(spec: Spec, at: number, width: number): Spec {
  return withPad(spec, replaced(padOf(spec), at, width));
}

const rules: Rule[] = [
  {
    name: 'pad in pairs',
    about: '`pad` has an even number of entries',
    holds: (spec) => padOf(spec).length % 2 === 0,
    message: (spec) =>
      `pad must have a before and an after for each axis, an even number of entries: got ${show(padOf(spec))}`,
    breaks: (spec) => [
      withPad(spec, [1]),
      withPad(spec, [...padOf(spec), 1]),
      withPad(spec, [...padOf(spec), 1, 1, 1]),
    ],
  },
  {
    name: 'pad fits rank',
    about: 'at most two entries for each dimension of the input',
    holds: (spec) => padOf(spec).length <= 2 * spec.shapes.input.length,
    message: (spec) =>
      `pad may have ${2 * spec.shapes.input.length} entries for an input of shape ${show(spec.shapes.input)}: got ${show(padOf(spec))}`,
    breaks: (spec) => {
      const missing = 2 * spec.shapes.input.length - padOf(spec).length;
      return [2, 8].map((more) => withPad(spec, [...padOf(spec), ...new Array<number>(missing + more).fill(0)]));
    },
  },
  {
    name: 'mode takes rank',
    about:
      'the modes but `constant` pad 1, 2 or 3 axes of an input that has one or two more: 2 entries for rank 2 or 3, 4 for 3 or 4, 6 for 4 or 5',
    holds: (spec) => {
      const count = padOf(spec).length / 2;
      const more = spec.shapes.input.length - count;
      return modeOf(spec) === 'constant' || (count >= 1 && count <= 3 && (more === 1 || more === 2));
    },
    message: (spec) =>
      `mode ${modeOf(spec)} pads the last 1, 2 or 3 axes of an input with one or two axes before them: got pad ${show(padOf(spec))} for shape ${show(spec.shapes.input)}`,
    breaks: (spec) => {
      const plain = withMode(spec);
      const count = padOf(plain).length / 2;
      const padded = plain.shapes.input.slice(-count);
      const four = withShapes(plain, { input: [1, 2, 2, 2, 2] });
      return [
        withShapes(plain, { input: padded }),
        withShapes(plain, { input: [1, 1, 1, ...padded] }),
        withPad(plain, []),
        withPad(four, [1, 1, 1, 1, 0, 0, 0, 0]),
      ];
    },
  },
  {
    name: 'value with constant only',
    about: 'the modes but `constant` take no `value` other than 0',
    holds: (spec) => modeOf(spec) === 'constant' || paddingValue(spec) === 0,
    message: (spec) => `mode ${modeOf(spec)} takes no value: got ${spec.params.value}`,
    breaks: (spec) => [1, 'NaN', 1e9].map((value) => withParams(withMode(spec), { value })),
  },
  {
    name: 'value fits dtype',
    about: '`value` is in the range of the dtype; a NaN or an infinity is no int32. Not asked where nothing is added',
    holds: (spec) =>
      modeOf(spec) !== 'constant' ||
      padOf(spec).every((width) => width <= 0) ||
      fits(paddingValue(spec), spec.dtypes.input),
    message: (spec) => `value must be in the range of ${spec.dtypes.input}: got ${spec.params.value}`,
    breaks: (spec) => {
      const plain = withWidth(withConstant(spec), 0, 1);
      const wrong: JsonNumber[] = plain.dtypes.input === 'int32' ? [2 ** 31, 'NaN', -1e300] : [3.5e38, -3.5e38, 1e300];
      return wrong.map((value) => withParams(plain, { value }));
    },
  },
  {
    name: 'crops fit',
    about: '`constant`: what is cropped from both ends of an axis is not more than its size',
    holds: (spec) => modeOf(spec) !== 'constant' || axesOf(spec).every((axis) => cropped(axis) <= axis.size),
    message: (spec) =>
      `negative pads must not crop more than there is: got pad ${show(padOf(spec))} for shape ${show(spec.shapes.input)}`,
    breaks: (spec) => {
      const plain = withConstant(spec);
      const { size } = axesOf(plain)[0]!;
      return [
        // Padding the other end does not help.
        withPad(plain, [size + 1, -size - 1, ...padOf(plain).slice(2)]),
        withPad(plain, [-size, -1, ...padOf(plain).slice(2)]),
        withPad(plain, [-size - 7, 0, ...padOf(plain).slice(2)]),
      ];
    },
  },
  {
    name: 'input not empty',
    about: '`reflect` and `replicate`: no axis is empty but the batch axis, which stands before the channels',
    holds: (spec) => {
      if (modeOf(spec) === 'constant' || modeOf(spec) === 'circular') return true;
      const { input } = spec.shapes;
      const batched = input.length === padOf(spec).length / 2 + 2;
      return input.slice(batched ? 1 : 0).every((size) => size >= 1);
    },
    message: (spec) => `mode ${modeOf(spec)} needs elements on every axis: got shape ${show(spec.shapes.input)}`,
    breaks: (spec) => {
      const plain = modeOf(spec) === 'circular' ? withMode(spec, 'reflect') : withMode(spec);
      const rank = plain.shapes.input.length;
      const count = padOf(plain).length / 2;
      return [withSize(plain, 0), withShapes(plain, { input: replaced(plain.shapes.input, rank - count - 1, 0) })];
    },
  },
  {
    name: 'reflect pad < size',
    about: '`reflect`: every pad is smaller than its axis',
    holds: (spec) =>
      modeOf(spec) !== 'reflect' || axesOf(spec).every(({ size, before, after }) => before < size && after < size),
    message: (spec) =>
      `reflect pads must be smaller than their axis: got pad ${show(padOf(spec))} for shape ${show(spec.shapes.input)}`,
    breaks: (spec) => {
      const plain = withMode(spec, 'reflect');
      const last = axesOf(plain)[0]!;
      const outer = axesOf(plain).at(-1)!;
      return [withWidth(plain, 0, last.size), withWidth(plain, padOf(plain).length - 1, outer.size + 5)];
    },
  },
  {
    name: 'circular pad ≤ size',
    about: '`circular`: no pad is larger than its axis, as it is before cropping',
    holds: (spec) =>
      modeOf(spec) !== 'circular' || axesOf(spec).every(({ size, before, after }) => before <= size && after <= size),
    message: (spec) =>
      `circular pads must not be larger than their axis: got pad ${show(padOf(spec))} for shape ${show(spec.shapes.input)}`,
    breaks: (spec) => {
      const plain = withMode(spec, 'circular');
      const last = axesOf(plain)[0]!;
      const outer = axesOf(plain).at(-1)!;
      return [withWidth(plain, 0, last.size + 1), withWidth(plain, padOf(plain).length - 1, outer.size + 6)];
    },
  },
  {
    name: 'output not empty',
    about:
      '`reflect` and `replicate`: 1 axis ends with at least one element; of 2 or 3 axes one has any, and none has fewer than 0. `circular`: none has fewer than 0',
    holds: (spec) => {
      const sizes = axesOf(spec).map(outputSize);
      switch (modeOf(spec)) {
        case 'constant':
          return true;
        case 'circular':
          return sizes.every((size) => size >= 0);
        default:
          return sizes.some((size) => size >= 1) && (lacksElements(spec) || sizes.every((size) => size >= 0));
      }
    },
    message: (spec) =>
      `negative pads must leave something: got pad ${show(padOf(spec))} for shape ${show(spec.shapes.input)}`,
    breaks: (spec) => {
      const plain = withMode(spec);
      const all = axesOf(plain);
      // Where elements are wrapped around, an axis may end with nothing.
      const nothing = modeOf(plain) === 'circular' ? 1 : 0;
      return [
        withPad(
          plain,
          all.flatMap(({ size }) => [-size - nothing, 0]),
        ),
        withPad(plain, [-1 - all[0]!.size, 0, ...padOf(plain).slice(2)]),
        withPad(plain, [...padOf(plain).slice(0, -2), -4, -5 - all.at(-1)!.size]),
      ];
    },
  },
];

const oddities: Oddity[] = [
  {
    name: 'cropped to nothing',
    about: '`constant`: an axis may be cropped to size 0',
    apply: (spec) => {
      const plain = withConstant(spec);
      return withPad(plain, [-axesOf(plain)[0]!.size, 0, ...padOf(plain).slice(2)]);
    },
  },
  {
    name: 'an empty axis, padded',
    about: '`constant`: an axis of size 0 grows like any other',
    apply: (spec) => {
      const plain = withSize(withConstant(spec), 0);
      return withPad(plain, [
        2,
        1,
        ...padOf(plain)
          .slice(2)
          .map((width) => Math.max(0, width)),
      ]);
    },
  },
  {
    name: 'batch 0',
    about: 'is taken by the modes that know a batch; the output is empty',
    apply: (spec) => {
      const plain = withMode(spec);
      const padded = plain.shapes.input.slice(-padOf(plain).length / 2);
      return withShapes(plain, { input: [0, 2, ...padded] });
    },
  },
  {
    name: 'one output axis 0 of two',
    about: '`reflect` and `replicate` over 2 or 3 axes take it; over 1 axis an empty output is refused',
    apply: (spec) => {
      const plain = withParams(withShapes(spec, { input: [2, 3, 4] }), { mode: 'replicate', value: 0 });
      return withPad(plain, [-4, 0, 1, 1]);
    },
  },
  {
    name: 'circular, cropped to nothing',
    about: 'is taken where nothing is wrapped around',
    apply: (spec) => withPad(withMode(spec, 'circular'), [-axesOf(withMode(spec, 'circular'))[0]!.size, 0]),
  },
];

/** The smallest size that an axis with these pads can have, and still end with an element. */
export function smallest(mode: PadMode, { before, after }: Pick<PadAxis, 'before' | 'after'>): number {
  const widest = Math.max(before, after);
  const crops = cropped({ before, after });
  switch (mode) {
    case 'constant':
      return 1 + crops;
    case 'reflect':
      return Math.max(1, widest + 1, 1 - before - after);
    case 'replicate':
      return Math.max(1, 1 - before - after);
    case 'circular':
      return crops + Math.max(1, widest);
  }
}

/** By the name of a feature, what sort of value it says that there is. A large one fits into no byte. */
export const valueSorts = {
  'value NaN': Number.isNaN,
  'value −0': (value: number) => Object.is(value, -0),
  'value fraction': (value: number) => Number.isFinite(value) && !Number.isInteger(value),
  'value large': (value: number) => Math.abs(value) > 255,
  'value infinite': (value: number) => Math.abs(value) === Number.POSITIVE_INFINITY,
};

function features(spec: Spec): string[] {
  const axes = axesOf(spec);
  const isConstant = modeOf(spec) === 'constant';
  const value = paddingValue(spec);
  return namesOf({
    mode: !isConstant,
    [`mode ${modeOf(spec)}`]: !isConstant,
    constant: isConstant,
    [spec.dtypes.input]: spec.dtypes.input !== 'float32',
    value: !Object.is(value, 0),
    ...Object.fromEntries(Object.entries(valueSorts).map(([feature, is]) => [feature, is(value)])),
    pad: axes.some(({ before, after }) => before > 0 || after > 0),
    'pad in front': axes.some(({ before }) => before > 0),
    'pad behind': axes.some(({ after }) => after > 0),
    crop: axes.some((axis) => cropped(axis) > 0),
    'crop in front': axes.some(({ before }) => before < 0),
    'crop behind': axes.some(({ after }) => after < 0),
    'unequal ends': axes.some(({ before, after }) => before !== after),
    'several axes': axes.length > 1,
    // Modes need one axis in front.
    'unpadded axes': spec.shapes.input.length - axes.length > (isConstant ? 0 : 1),
    empty: spec.shapes.input.includes(0),
  });
}

export const padSemantics: Differentiable = {
  name: 'pad',
  family: 'padding',
  specUrl: 'https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html',
  inputs: ['input'],
  dtypes: ['float32', 'float64', 'int32'],
  defaults: { mode: 'constant', value: 0 },
  unbatchedRank: null,
  rules,
  oddities,
  normalise: (given) => ({ ...given, value: fromJsonNumber(given.value as JsonNumber) }),
  outputShape,
  evaluate,
  rounding: null,
  products: (spec, visit) => forEachCopy(spec, (output, input) => visit(output, input, 0)),
  gradient: null,
  undefinedBecause,
  peakElements: (spec) =>
    elementCount(
      outputShape(
        withPad(
          spec,
          padOf(spec).map((width) => Math.max(0, width)),
        ),
      ),
    ),
  features,
};
