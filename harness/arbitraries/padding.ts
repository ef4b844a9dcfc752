import fc from 'fast-check';
import type { JsonNumber } from '../core/case.ts';
import { fromJsonNumber, toJsonNumber } from '../core/json.ts';
import { largestFloat32 } from '../core/tensor.ts';
import type { PadMode } from '../semantics/pad.ts';
import { shrinksLike } from './shrinksLike.ts';
import { seldom, size } from './size.ts';

/** One padded axis as independent integers; `extra` is its size beyond the smallest that such pads can have. */
export interface RawPadAxis {
  before: number;
  after: number;
  extra: number;
}

/** A padding as independent values, any combination of which is legal. */
export interface RawPadding {
  mode: PadMode;
  /** The padded axes, the last dimension first. */
  axes: RawPadAxis[];
  /** Sizes of the axes in front, which are not padded. */
  leading: number[];
  /** 0 for the value 0, 1 for the value 1, 2 for `value`. */
  valueKind: number;
  value: JsonNumber;
  int32: boolean;
}

const padOrCrop = fc.oneof(
  { arbitrary: fc.integer({ min: -2, max: 3 }), weight: 9 },
  { arbitrary: fc.integer({ min: -5, max: 9 }), weight: 1 },
);

/** How much is added at an end, or, where it is negative, cropped: both, pads alone, crops alone, neither. */
const widths: readonly fc.WeightedArbitrary<number>[] = [
  { arbitrary: padOrCrop, weight: 4 },
  { arbitrary: size(0, 3, 9), weight: 3 },
  { arbitrary: size(0, 2, 5).map((crop) => 0 - crop), weight: 2 },
  { arbitrary: fc.constant(0), weight: 1 },
];

type Ends = Pick<RawPadAxis, 'before' | 'after'>;

/** What the two ends of an axis have to do with each other: mostly nothing. */
const endsOf: readonly ((before: number, after: number) => Ends)[] = [
  (before, after) => ({ before, after }),
  (before, after) => ({ before, after }),
  (before, after) => ({ before, after }),
  (before, after) => ({ before, after }),
  (before) => ({ before, after: before }),
  (before, after) => ({ before: Math.abs(before), after: 0 - Math.abs(after) }),
  (before, after) => ({ before: 0 - Math.abs(before), after: Math.abs(after) }),
];

/**
 * The padded axes. If each end were always drawn by itself, those of several axes would hardly ever be padded alone, cropped
 * alone, or equal.
 */
function rawPadAxes(minLength: number, maxLength: number): fc.Arbitrary<RawPadAxis[]> {
  const axesOf = (width: fc.Arbitrary<number>) =>
    fc.array(fc.record({ before: width, after: width, extra: size(0, 2, 8) }), { minLength, maxLength });
  const axes = fc.oneof(...widths.map(({ arbitrary, weight }) => ({ arbitrary: axesOf(arbitrary), weight })));
  return fc
    .tuple(axes, fc.constantFrom(...endsOf))
    .map(([drawn, ends]) => drawn.map(({ before, after, extra }) => ({ ...ends(before, after), extra })));
}

/** Values that are easily lost on the way: through float32, through JSON, through a sum with 0. */
const notable: readonly number[] = [-1, 0.1, -2.5, 0.75, 2 ** -140, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31)];

const value: fc.Arbitrary<JsonNumber> = fc
  .oneof(
    { arbitrary: fc.constantFrom(...notable), weight: 2 },
    { arbitrary: fc.constant(-0), weight: 2 },
    { arbitrary: fc.constant(Number.NaN), weight: 2 },
    { arbitrary: fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY), weight: 1 },
    { arbitrary: fc.double({ min: -largestFloat32, max: largestFloat32 }), weight: 1 },
  )
  .map(toJsonNumber, (spelled) => fromJsonNumber(spelled as JsonNumber));

/** Of an int32: fractions, and numbers that float32 rounds. */
const wholeValue: fc.Arbitrary<JsonNumber> = fc.oneof(
  { arbitrary: fc.constantFrom<JsonNumber>(0.1, 1.5, 2.75, -1.5), weight: 2 },
  { arbitrary: fc.constantFrom<JsonNumber>(2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31)), weight: 2 },
  { arbitrary: value, weight: 1 },
);

/** Any padding at all, in these modes and with so many axes: it shrinks like this. */
function anyPadding(
  modes: readonly PadMode[],
  valueKind: fc.Arbitrary<number>,
  padded: fc.ArrayConstraints,
  leading: fc.ArrayConstraints,
): fc.Arbitrary<RawPadding> {
  return fc.record({
    mode: fc.constantFrom(...modes),
    axes: fc.array(fc.record({ before: fc.integer(), after: fc.integer(), extra: fc.nat() }), padded),
    leading: fc.array(fc.integer({ min: 1 }), leading),
    valueKind,
    value: fc.noShrink(value),
    int32: fc.boolean(),
  });
}

/** Padding with a value: any number of trailing axes. */
export const rawConstantPadding: fc.Arbitrary<RawPadding> = shrinksLike(
  seldom(4).chain((int32) =>
    fc.record({
      mode: fc.constant<PadMode>('constant'),
      axes: rawPadAxes(0, 4),
      leading: fc.array(size(1, 2, 4), { maxLength: 2 }),
      valueKind: fc.constantFrom(0, 1, 2, 2, 2, 2, 2, 2),
      value: int32 ? wholeValue : value,
      int32: fc.constant(int32),
    }),
  ),
  anyPadding(['constant'], fc.integer({ min: 0, max: 2 }), {}, {}),
);

export const elementModes: readonly PadMode[] = ['reflect', 'replicate', 'circular'];

/** Padding with the input's own elements: one to three axes, with channels and perhaps a batch in front. */
export const rawModePadding: fc.Arbitrary<RawPadding> = shrinksLike(
  fc.record({
    mode: fc.constantFrom(...elementModes),
    axes: rawPadAxes(1, 3),
    leading: fc.array(size(1, 2, 4), { minLength: 1, maxLength: 2 }),
    valueKind: fc.constant(0),
    value: fc.constant(-1),
    int32: seldom(4),
  }),
  anyPadding(elementModes, fc.constant(0), { minLength: 1, maxLength: 3 }, { minLength: 1, maxLength: 2 }),
);
