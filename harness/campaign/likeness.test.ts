import { describe, expect, test } from 'vitest';
import { type Case, caseSchema } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { explanations, type Known, likenessOf, neededFeatures } from './likeness.ts';
import type { Mismatch } from './signature.ts';

const testCase: Case = {
  schema: caseSchema,
  op: 'conv1d',
  params: { stride: 1, padding: 0, dilation: 2, groups: 1 },
  inputs: {
    input: { dtype: 'float32', shape: [1, 1, 12], data: { kind: 'seeded', values: 'lattice', seed: 1 } },
    weight: { dtype: 'float32', shape: [1, 1, 3], data: { kind: 'seeded', values: 'lattice', seed: 2 } },
  },
};

/** A failure in this share of a result's elements, which lie anywhere. */
function wrongIn(share: number): Mismatch {
  const culprit = { index: [0, 0, 0], want: 1, got: 2, allowed: 0, ends: [], share };
  return { verdict: 'mismatch', kind: 'value', reason: '', shape: [1, 1, 8], culprit };
}

describe('a case that a bug of dilation and one that needs nothing explain', () => {
  const plain: Known = { features: [] };
  const ofDilation: Known = { features: ['kernel', 'dilation'] };
  const isDilated = ({ spec }: Call) => [spec.params.dilation].flat().some((dilation) => Number(dilation) > 1);
  // The bug that needs nothing makes a tenth of every result wrong, and that of dilation nine tenths.
  const run = async (calls: readonly Call[]) => calls.map((call) => wrongIn(isDilated(call) ? 0.9 : 0.1));

  test.each([
    ['dilation', 0.9, ofDilation],
    ['nothing', 0.1, plain],
    // Shares differ with the data.
    ['dilation', 0.7, ofDilation],
    ['nothing', 0.25, plain],
  ])('is that of %s where %d of its elements are wrong', async (_, share, expected) => {
    const failing = { call: prepare(testCase), mismatch: wrongIn(share) };
    const { known, behind } = await likenessOf(failing, 'mine', [plain, ofDilation], run);
    expect(known).toBe(expected);
    expect(behind).toBe(null);
  });
});

describe('what a smallest case needs', () => {
  const layer = (groups: number, outputs: number): Call =>
    prepare({
      schema: caseSchema,
      op: 'conv1d',
      params: { groups },
      inputs: {
        input: { dtype: 'float32', shape: [1, groups, 3], data: { kind: 'seeded', values: 'lattice', seed: 1 } },
        weight: { dtype: 'float32', shape: [outputs, 1, 1], data: { kind: 'seeded', values: 'lattice', seed: 2 } },
      },
    });
  const outputsOf = ({ spec }: Call) => spec.shapes.weight![0]!;

  test.each([
    ['groups', layer(2, 2)],
    ['several outputs of one group', layer(1, 2)],
  ])('is several outputs, where it has them by %s and a bug is of them all', async (_, call) => {
    for (const sort of [[], ['refuses'], ['wanted NaN', 'got finite']]) {
      const failsAnew = async (some: readonly Call[]) => some.some((one) => outputsOf(one) > 1);
      const needed = await neededFeatures(call, [...sort, ...call.operator.features(call.spec)], [], failsAnew);
      expect(needed).toEqual([...sort, 'outputs']);
    }
  });
});

test('a pad of nothing is explained by nothing that cannot be run', () => {
  const call = prepare({
    schema: caseSchema,
    op: 'pad',
    params: { pad: [1, 0], mode: 'constant', value: 0 },
    inputs: { input: { dtype: 'float32', shape: [2, 0], data: { kind: 'inline', values: [] } } },
  });
  for (const { calls, explains } of explanations(call, [{ features: ['pad'] }, { features: [] }])) {
    expect(calls).toEqual([]);
    expect(explains(wrongIn(1), () => wrongIn(1))).toBe(false);
  }
});
