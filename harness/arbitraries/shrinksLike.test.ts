import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shrinksLike } from './shrinksLike.ts';

const even = fc.integer({ min: 50, max: 100 }).map((half) => 2 * half);
const arbitrary = shrinksLike(even, fc.nat());
const isSmall = fc.property(arbitrary, (value) => value < 7);

test('draws what the one draws', () => {
  const seeded = { seed: 1, numRuns: 200 };
  expect(fc.sample(arbitrary, seeded)).toEqual(fc.sample(even, seeded));
});

test('shrinks as the other does, beyond what is ever drawn', () => {
  expect(fc.check(isSmall, { seed: 1 }).counterexample).toEqual([7]);
});

test('takes what the other takes, and shrinks it as if it were drawn', () => {
  expect([101, 0].map((value) => arbitrary.canShrinkWithoutContext(value))).toEqual([true, true]);
  expect([-1, 0.5, '7'].map((value) => arbitrary.canShrinkWithoutContext(value))).toEqual([false, false, false]);
  expect(fc.check(isSmall, { examples: [[101]], numRuns: 1 }).counterexample).toEqual([7]);
  const [value] = fc.sample(arbitrary, { seed: 1, numRuns: 1 }) as [number];
  const shrinksOf = (one: fc.Arbitrary<number>) => [...one.shrink(value, undefined)].map((shrunk) => shrunk.value);
  expect(shrinksOf(arbitrary)).toEqual(shrinksOf(fc.nat()));
});
