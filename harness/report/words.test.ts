import { describe, expect, test } from 'vitest';
import { type Case, caseSchema } from '../core/case.ts';
import { caseWords, durationWords, groupDigits, plural } from './words.ts';

const weight: Case['inputs']['input'] = {
  dtype: 'float32',
  shape: [1, 1, 2],
  data: { kind: 'inline', values: [1, 'NaN'] },
};

function words(changes: Partial<Case>): string {
  return caseWords({ schema: caseSchema, op: 'conv1d', params: {}, inputs: { input: weight, weight }, ...changes });
}

describe('a case on one line', () => {
  test('is a call with its tensors written out where they are small', () => {
    expect(words({ params: { stride: 2, padding: 'same', dilation: [3] } })).toBe(
      "conv1d(input=[[[1, NaN]]], weight=[[[1, NaN]]], stride=2, padding='same', dilation=[3])",
    );
  });

  test('names what is seeded, what is large, and what is no float32', () => {
    const seeded = {
      dtype: 'float32' as const,
      shape: [2, 1, 7],
      data: { kind: 'seeded' as const, values: 'lattice' as const, seed: -4 },
    };
    const long = {
      dtype: 'float64' as const,
      shape: [1, 1, 17],
      data: { kind: 'inline' as const, values: new Array(17).fill(1) },
    };
    expect(words({ inputs: { input: seeded, weight: long } })).toBe(
      'conv1d(input=(2, 1, 7) of lattice, seed -4, weight=(1, 1, 17) of inline float64)',
    );
  });

  test('shows the brackets of a tensor without elements', () => {
    const empty = { ...weight, shape: [0, 1, 2], data: { kind: 'inline' as const, values: [] } };
    expect(words({ inputs: { input: empty, weight } })).toContain('input=[], ');
  });

  test('nests as the shape says', () => {
    const matrix = { ...weight, shape: [1, 2, 2], data: { kind: 'inline' as const, values: [1, 2, 3, '-0' as const] } };
    expect(words({ inputs: { input: matrix, weight } })).toContain('input=[[[1, 2], [3, -0]]]');
  });
});

test('counts are grouped and have their plural', () => {
  expect([0, 1, 2, 1_234_567].map((count) => plural(count, 'case'))).toEqual([
    '0 cases',
    '1 case',
    '2 cases',
    '1,234,567 cases',
  ]);
  expect([999, 1000, 12_345.6].map(groupDigits)).toEqual(['999', '1,000', '12,346']);
});

test.each([
  [0, '0.0 s'],
  [4.24, '4.2 s'],
  [59.94, '59.9 s'],
  [60, '1 min 0 s'],
  [200, '3 min 20 s'],
  [3600, '60 min 0 s'],
])('%d seconds are %s', (seconds, said) => expect(durationWords(seconds)).toBe(said));
