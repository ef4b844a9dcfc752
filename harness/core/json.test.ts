import { expect, test } from 'vitest';
import { fromJsonNumber, toJsonNumber } from './json.ts';

const hard = [
  0,
  -0,
  1.5,
  -1e-45,
  2 ** -149,
  Number.MAX_VALUE,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

test.each(hard.map((value) => [value]))('%d survives JSON', (value) => {
  const back = fromJsonNumber(JSON.parse(JSON.stringify(toJsonNumber(value))));
  expect(Object.is(back, value)).toBe(true);
});

test('what JSON lacks is spelled as the contract says', () => {
  const spelled = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0].map(toJsonNumber);
  expect(spelled).toEqual(['NaN', 'Infinity', '-Infinity', '-0']);
});
