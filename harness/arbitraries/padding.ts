import fc from 'fast-check';
import type { JsonNumber } from '../core/case.ts';
import { fromJsonNumber, toJsonNumber } from '../core/json.ts';
import { seldom, size } from './size.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';
export const padModes: readonly PadMode[] = ['constant', 'reflect', 'replicate', 'circular'];

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

/** A pad or, where it is negative, a crop; shrinks to 0. */
const width = fc.oneof(
  { arbitrary: fc.integer({ min: -2, max: 3 }), weight: 8 },
  { arbitrary: fc.integer({ min: -5, max: 9 }), weight: 1 },
  { arbitrary: fc.constant(0), weight: 1 },
);

const axis: fc.Arbitrary<RawPadAxis> = fc.record({ before: width, after: width, extra: size(0, 2, 8) });

/** Values that are easily lost on the way: through float32, through JSON, through a sum with 0. */
const notable: readonly number[] = [
  -1,
  0.1,
  -2.5,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** -140,
  2 ** 24 + 1,
  2 ** 31 - 1,
  -(2 ** 31),
];
const largest = (2 - 2 ** -23) * 2 ** 127;

const value: fc.Arbitrary<JsonNumber> = fc
  .oneof(
    { arbitrary: fc.constantFrom(...notable), weight: 3 },
    { arbitrary: fc.double({ min: -largest, max: largest }), weight: 1 },
  )
  .map(toJsonNumber, (spelled) => fromJsonNumber(spelled as JsonNumber));

const valueParts = { valueKind: size(0, 0, 2), value: fc.noShrink(value), int32: seldom(4) };

/** Padding with a value: any number of trailing axes. */
export const rawConstantPadding: fc.Arbitrary<RawPadding> = fc.record({
  mode: fc.constant<PadMode>('constant'),
  axes: fc.array(axis, { maxLength: 4 }),
  leading: fc.array(size(1, 2, 4), { maxLength: 2 }),
  ...valueParts,
  valueKind: fc.integer({ min: 0, max: 2 }),
});

/** Padding with the input's own elements: one to three axes, with channels and perhaps a batch in front. */
export const rawModePadding: fc.Arbitrary<RawPadding> = fc.record({
  mode: fc.constantFrom<PadMode>('reflect', 'replicate', 'circular'),
  axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
  leading: fc.array(size(1, 2, 4), { minLength: 1, maxLength: 2 }),
  ...valueParts,
  valueKind: fc.constant(0),
});
