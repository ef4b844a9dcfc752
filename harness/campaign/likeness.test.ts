import { describe, expect, test } from 'vitest';
import { type Case, caseSchema } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { explanations, isOfPlainIntegers, type Known, likenessOf, neededFeatures } from './likeness.ts';
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
  const isDilated = ({ operator, spec }: Call) =>
    ofDilation.features.every((one) => operator.features(spec).includes(one));
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

test('of two bugs that explain a case it is none without which just as much is wrong', async () => {
  const ofDilation: Known = { features: ['kernel', 'dilation'] };
  const ofBias: Known = { features: ['batch', 'bias', 'stride'] };
  const { input, weight } = testCase.inputs;
  const bias = { ...weight!, shape: [1] };
  const inputs = { input: { ...input, shape: [2, 1, 12] }, weight: weight!, bias };
  const call = prepare({ ...testCase, params: { ...testCase.params, stride: 2 }, inputs });
  const run = async (calls: readonly Call[]) =>
    calls.map(({ operator, spec }) => {
      const has = (known: Known) => known.features.every((one) => operator.features(spec).includes(one));
      const share = has(ofDilation) ? 0.33 : 0.45;
      return has(ofDilation) || has(ofBias) ? { ...wrongIn(share), shape: operator.outputShape(spec) } : null;
    });
  const [mismatch] = await run([call]);
  const { known } = await likenessOf({ call, mismatch: mismatch! }, 'mine', [ofBias, ofDilation], run);
  expect(known).toBe(ofDilation);
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
      const failingAnew = async (some: readonly Call[]) => some.find((one) => outputsOf(one) > 1) ?? null;
      const needed = await neededFeatures(call, [...sort, ...call.operator.features(call.spec)], [], failingAnew);
      expect(needed).toEqual([...sort, 'outputs']);
    }
  });
});

test('a case of large numbers is looked at with more of them', async () => {
  const call = prepare({
    schema: caseSchema,
    op: 'pad',
    params: { pad: [], mode: 'constant', value: 0 },
    inputs: { input: { dtype: 'int32', shape: [], data: { kind: 'inline', values: [2 ** 24 + 1] } } },
  });
  // Wrong are those that no float32 holds.
  const failingAnew = async (some: readonly Call[]) =>
    some.find(({ tensors }) => tensors.input.data.some((value) => Math.fround(value) !== value)) ?? null;
  const needed = await neededFeatures(call, call.operator.features(call.spec), [], failingAnew);
  expect(needed).toEqual(['int32']);
  expect([isOfPlainIntegers(call), isOfPlainIntegers(prepare(testCase))]).toEqual([false, true]);
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
