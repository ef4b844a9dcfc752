import { describe, expect, test } from 'vitest';
import { type Case, caseSchema } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { withoutLacks } from '../semantics/semantics.ts';
import { isOfPlainIntegers, withOtherSizes } from './layers.ts';
import { explanations, likenessOf } from './likeness.ts';
import { type Failing, type Known, neededFeatures } from './needs.ts';
import { type Mismatch, telling } from './signature.ts';

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

/** Those of some calls that are wrong. */
function failing(isWrong: (call: Call) => boolean, mismatch = wrongIn(1)) {
  return async (some: readonly Call[]): Promise<Failing[]> => some.filter(isWrong).map((call) => ({ call, mismatch }));
}

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
    const ofNaN = { ...wrongIn(1), culprit: { ...wrongIn(1).culprit!, want: Number.NaN } };
    for (const [sort, mismatch] of [
      [[], wrongIn(1)],
      [['refuses'], wrongIn(1)],
      [['wanted NaN', 'got finite'], ofNaN],
    ] as const) {
      const failingAnew = failing((one) => outputsOf(one) > 1, mismatch);
      const needed = await neededFeatures(call, [...sort, ...call.operator.features(call.spec)], [], failingAnew);
      expect(needed).toEqual([...sort, 'outputs']);
    }
  });

  test('is no sort of wrong values, where it can do without that value and is wrong in another way then', async () => {
    const call = prepare({
      schema: caseSchema,
      op: 'pad',
      params: { pad: [1, 0], mode: 'constant', value: 'Infinity' },
      inputs: { input: { dtype: 'float32', shape: [1], data: { kind: 'inline', values: [1] } } },
    });
    const features = ['wanted infinite', 'got finite', ...call.operator.features(call.spec)];
    const isLarge = ({ operator, spec }: Call) => operator.features(spec).includes('value large');
    const needed = await neededFeatures(call, features, [], failing(isLarge));
    expect(telling(needed)).toEqual(['value large']);
  });
});

describe('padding that is wrong shows through a kernel as well as beside a bias', () => {
  /** A convolution of 5 elements with padding 1. */
  const layer = (kernel: number, hasBias: boolean): Call => {
    const { input, weight } = testCase.inputs;
    const inputs = {
      input: { ...input, shape: [1, 1, 5] },
      weight: { ...weight!, shape: [1, 1, kernel] },
      ...(hasBias ? { bias: { ...weight!, shape: [1] } } : {}),
    };
    return prepare({ ...testCase, params: { padding: 1 }, inputs });
  };
  const has = ({ operator, spec }: Call, ...wanted: string[]) =>
    wanted.every((one) => operator.features(spec).includes(one));
  const needed = (call: Call, isWrong: (call: Call) => boolean) =>
    neededFeatures(call, call.operator.features(call.spec), [], failing(isWrong));
  const isPaddedWrong = (call: Call) => has(call, 'padding') && (has(call, 'kernel') || has(call, 'bias'));

  test.each([
    ['a kernel', layer(2, false)],
    ['a bias', layer(1, true)],
  ])('and needs neither, where it shows by %s', async (_, call) => {
    expect(withoutLacks(await needed(call, isPaddedWrong))).toEqual(['padding']);
  });

  test('but needs the kernel where beside a bias another bug shows, that has no need of padding', async () => {
    const isWrong = (call: Call) => has(call, 'padding', 'kernel') || has(call, 'bias');
    expect(withoutLacks(await needed(layer(2, false), isWrong))).toEqual(['kernel', 'padding']);
    const hasStride = ({ case: { params } }: Call) => params.stride !== 1;
    const isWrongToo = (call: Call) => hasStride(call) && isWrong(call);
    const strided = prepare({ ...layer(2, false).case, params: { padding: 1, stride: 2 } });
    expect(withoutLacks(await needed(strided, isWrongToo))).toEqual(['kernel', 'stride', 'padding']);
  });

  test('so that either is a case of it', async () => {
    const known: Known = { features: ['padding'] };
    const run = async (calls: readonly Call[]) => calls.map((one) => (isPaddedWrong(one) ? wrongIn(1) : null));
    for (const call of [layer(3, false), layer(1, true)]) {
      expect(await likenessOf({ call, mismatch: wrongIn(1) }, 'mine', [known], run)).toEqual({
        known,
        isExplained: true,
        behind: null,
      });
    }
  });
});

test('a case of a zero with a sign is looked at with such zeros, in tensors of any size', async () => {
  const call = prepare({
    schema: caseSchema,
    op: 'pad',
    params: { pad: [], mode: 'constant', value: 0 },
    inputs: { input: { dtype: 'float32', shape: [2], data: { kind: 'inline', values: [1, '-0'] } } },
  });
  const asked: Call[] = [];
  await neededFeatures(call, call.operator.features(call.spec), [], async (some) => {
    asked.push(...some);
    return [];
  });
  const others = asked.filter(({ spec }) => spec.params.mode !== 'constant');
  expect(others.length).toBeGreaterThan(0);
  expect(others.some(({ tensors }) => tensors.input.data.some((value) => Object.is(value, -0)))).toBe(true);
});

test('a result of which no two axes are as long has its shape by no chance', () => {
  const layer = (channels: number): Call => {
    const { input, weight } = testCase.inputs;
    const inputs = { input: { ...input, shape: [1, 1, 4] }, weight: { ...weight!, shape: [channels, 1, 2] } };
    return prepare({ ...testCase, params: {}, inputs });
  };
  expect(withOtherSizes(layer(2))).toEqual([]);
  const others = withOtherSizes(layer(3)).map(({ operator, spec }) => operator.outputShape(spec));
  expect(new Set(others.map(String))).toEqual(new Set(['1,3,6']));
});

test('a case of large numbers is looked at with more of them', async () => {
  const call = prepare({
    schema: caseSchema,
    op: 'pad',
    params: { pad: [], mode: 'constant', value: 0 },
    inputs: { input: { dtype: 'int32', shape: [], data: { kind: 'inline', values: [2 ** 24 + 1] } } },
  });
  // Wrong are those that no float32 holds.
  const failingAnew = failing(({ tensors }) => tensors.input.data.some((value) => Math.fround(value) !== value));
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
