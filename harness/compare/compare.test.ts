import { describe, expect, test } from 'vitest';
import { caseSchema, type JsonNumber, mapInputs, type Params } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import { type Call, prepare } from '../operators/call.ts';
import { compare } from './compare.ts';

const strict = { strict: true, arithmetic: { flushesDenormals: false } };
const lax = { ...strict, strict: false };
const flushing = { ...strict, arithmetic: { flushesDenormals: true } };

/** A conv1d with one channel; the input has a batch axis unless its shape says otherwise. */
function callOf(input: JsonNumber[], weight: JsonNumber[], params: Params = {}, shape = [1, 1, input.length]): Call {
  return prepare({
    schema: caseSchema,
    op: 'conv1d',
    params,
    inputs: {
      input: { dtype: 'float32', shape, data: { kind: 'inline', values: input } },
      weight: { dtype: 'float32', shape: [1, 1, weight.length], data: { kind: 'inline', values: weight } },
    },
  });
}

/** What the oracle says: the definition, in float64. */
function truth(call: Call): Outcome {
  const { input, weight } = call.tensors;
  const data = call.operator.evaluate(call.spec, { input: input.data, weight: weight!.data });
  return { kind: 'ok', output: { dtype: 'float64', shape: call.operator.outputShape(call.spec), data } };
}

function ok(values: number[], shape = [1, 1, values.length]): Outcome {
  return { kind: 'ok', output: { dtype: 'float32', shape, data: new Float32Array(values) } };
}

function verdictOf(call: Call, values: number[], traits = strict) {
  return compare(call, truth(call), ok(values), traits);
}

describe('integers', () => {
  const call = callOf([1, 2, 3], [1, 10]);

  test('agree where they are the same, whatever the sign of a zero', () => {
    expect(verdictOf(call, [21, 32])).toEqual({
      verdict: 'agree',
      shape: [1, 1, 2],
      worst: 0,
      bound: 0,
      compared: 2,
      vacuous: null,
    });
    expect(verdictOf(callOf([0], [1]), [-0])).toMatchObject({ verdict: 'agree' });
  });

  test('mismatch by the smallest difference that float32 has', () => {
    const got = 32 + 2 ** -18;
    expect(verdictOf(call, [21, got])).toEqual({
      verdict: 'mismatch',
      kind: 'value',
      reason: `at [0, 0, 1]: wanted 32, got ${got}, allowed difference 0`,
      shape: [1, 1, 2],
      culprit: { index: [0, 0, 1], want: 32, got, allowed: 0, ends: [{ axis: -1, end: 'last' }], share: 0.5 },
    });
  });
});

describe('an agreement says nothing', () => {
  test('of zeros', () => {
    expect(verdictOf(callOf([1, 2], [0]), [0, 0])).toMatchObject({ vacuous: 'the result is all zeros' });
    expect(verdictOf(callOf([0, 2], [1]), [0, 2])).toMatchObject({ vacuous: null });
  });

  test('of a bias alone, where every tap lies in the padding', () => {
    const withBias = (padding: number, dilation: number) => {
      const { case: plain } = callOf([1], [2, 3], { padding, dilation });
      const bias = { dtype: 'float32', shape: [1], data: { kind: 'inline', values: [7] } } as const;
      return prepare({ ...plain, inputs: { ...plain.inputs, bias } });
    };
    const verdictFor = (call: Call, values: number[]) => {
      const inputs = mapInputs(call.tensors, ({ data }) => data);
      const data = call.operator.evaluate(call.spec, inputs);
      const want: Outcome = { kind: 'ok', output: { dtype: 'float64', shape: [1, 1, values.length], data } };
      return compare(call, want, ok(values), strict);
    };
    expect(verdictFor(withBias(1, 2), [7])).toMatchObject({ vacuous: 'every tap lies in the padding' });
    expect(verdictFor(withBias(1, 1), [10, 9])).toMatchObject({ vacuous: null });
  });
});

describe('fractions', () => {
  // Sixteen products of ¼: the sum is 4, and γ₁₆·4 is a hair over 2⁻¹⁸, eight of float32's steps at 4.
  const call = callOf(new Array(16).fill(0.5), new Array(16).fill(0.5));
  const step = 2 ** -21;

  test('agree up to the bound, which the verdict states with the worst difference', () => {
    for (const difference of [8 * step, -8 * step]) {
      const verdict = verdictOf(call, [4 + difference]);
      expect(verdict).toMatchObject({ verdict: 'agree', worst: 2 ** -18 });
      expect((verdict as { bound: number }).bound / 2 ** -18).toBeCloseTo(1, 5);
    }
  });

  test('mismatch one step beyond it', () => {
    for (const difference of [9 * step, -9 * step]) {
      expect(verdictOf(call, [4 + difference])).toMatchObject({ verdict: 'mismatch', kind: 'value' });
    }
  });

  test('the culprit is furthest off in proportion, not by size', () => {
    const wide = callOf([1000.5, 0.5], [1.5]);
    // 2⁻⁸ is 43 times what is allowed at 1500.75, and 2⁻¹⁰ is twenty thousand times what is allowed at 0.75.
    const verdict = verdictOf(wide, [1500.75 + 2 ** -8, 0.75 + 2 ** -10]);
    expect(verdict).toMatchObject({ verdict: 'mismatch', culprit: { index: [0, 0, 1], want: 0.75 } });
  });
});

describe('a mismatch says at which end of an axis all errors lie', () => {
  const call = callOf([1, 2, 3], [1]);
  test.each<[string, number[], object[]]>([
    ['the last', [1, 2, 0], [{ axis: -1, end: 'last' }]],
    ['the first', [0, 2, 3], [{ axis: -1, end: 'first' }]],
    ['between', [1, 0, 3], []],
    ['both', [0, 2, 0], []],
  ])('%s', (_, values, ends) => {
    expect(verdictOf(call, values)).toMatchObject({ verdict: 'mismatch', culprit: { ends } });
  });
  test('an axis of one element has none', () => {
    expect(verdictOf(callOf([1], [1]), [0])).toMatchObject({ verdict: 'mismatch', culprit: { ends: [] } });
  });
});

describe('NaN and infinities', () => {
  const values = {
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    '-Infinity': Number.NEGATIVE_INFINITY,
    finite: 1,
  };
  const names = Object.keys(values) as (keyof typeof values)[];

  test.each(names.flatMap((want) => names.map((got) => [want, got] as const)))('wanted %s, got %s', (want, got) => {
    const call = callOf([want === 'finite' ? 1 : want], [1]);
    const verdict = verdictOf(call, [values[got]]);
    if (want === got) expect(verdict).toMatchObject({ verdict: 'agree', compared: 1 });
    else expect(verdict).toMatchObject({ verdict: 'mismatch', kind: 'value', culprit: { got: values[got] } });
  });

  test('a NaN is a worse culprit than any finite difference', () => {
    expect(verdictOf(callOf([0.5, 0.5], [0.5]), [99, Number.NaN])).toMatchObject({ culprit: { index: [0, 0, 1] } });
  });
});

describe('sums that float32 cannot hold', () => {
  const high = 2 ** 127;

  test('are the infinity of their sign and nothing else', () => {
    const call = callOf([high, high, high], [1, 1, 1]);
    expect(verdictOf(call, [Number.POSITIVE_INFINITY])).toMatchObject({ verdict: 'agree', compared: 1 });
    for (const got of [Number.NEGATIVE_INFINITY, Number.NaN, 3e38]) {
      expect(verdictOf(call, [got])).toMatchObject({ verdict: 'mismatch', kind: 'value' });
    }
  });

  test('are not compared where the order of summation decides, and that is said', () => {
    const call = callOf([high, high, -high], [1, 1, 1]);
    for (const got of [Number.POSITIVE_INFINITY, Number.NaN, 0]) {
      expect(verdictOf(call, [got])).toMatchObject({
        verdict: 'agree',
        compared: 0,
        vacuous: 'no element has a value that is defined',
      });
    }
  });
});

test('infinite weights: what lies over padding may be anything, the rest must be right', () => {
  const call = callOf([1, 2], ['Infinity', 1], { padding: 1 });
  const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
  expect(verdictOf(call, [1, inf, inf])).toMatchObject({ verdict: 'agree', compared: 3 });
  expect(verdictOf(call, [nan, inf, nan])).toMatchObject({ verdict: 'agree', compared: 1 });
  expect(verdictOf(call, [nan, nan, nan])).toMatchObject({ verdict: 'mismatch', culprit: { index: [0, 0, 1] } });
});

describe('denormals', () => {
  test.each([
    ['an operand', callOf([1e-40], [1])],
    ['a product', callOf([1e-20], [1e-20])],
  ])('%s may count as 0 only where the backend says so', (_, call) => {
    expect(verdictOf(call, [0], strict)).toMatchObject({ verdict: 'mismatch' });
    expect(verdictOf(call, [0], flushing)).toMatchObject({ verdict: 'agree' });
  });

  test('excuse no other error', () => {
    expect(verdictOf(callOf([1e-40, 1e-30], [1]), [0, 0], flushing)).toMatchObject({
      verdict: 'mismatch',
      culprit: { index: [0, 0, 1] },
    });
  });
});

describe('acceptance', () => {
  const call = callOf([1, 2, 3], [1], { stride: 0 });
  const refused: Outcome = { kind: 'rejected', reason: 'non-positive stride is not supported' };

  test('both refuse: agreement, without a shape', () => {
    for (const traits of [strict, lax]) {
      expect(compare(call, refused, { kind: 'rejected', reason: 'no' }, traits)).toMatchObject({
        verdict: 'agree',
        shape: null,
      });
    }
  });

  test('a strict backend takes what PyTorch refuses', () => {
    expect(compare(call, refused, ok([1]), strict)).toMatchObject({
      verdict: 'mismatch',
      kind: 'acceptance',
      reason: 'takes what PyTorch refuses: non-positive stride is not supported',
    });
  });

  test('a backend that does not claim to refuse it is not blamed, and not praised', () => {
    expect(compare(call, refused, ok([1]), lax).verdict).toBe('unsupported');
  });

  test('a backend refuses what PyTorch takes, strict or not', () => {
    const valid = callOf([1, 2], [1]);
    for (const traits of [strict, lax]) {
      const verdict = compare(valid, truth(valid), { kind: 'rejected', reason: 'too hard' }, traits);
      expect(verdict).toMatchObject({ verdict: 'mismatch', kind: 'acceptance', shape: [1, 1, 2] });
      expect((verdict as { reason: string }).reason).toContain('too hard');
    }
  });
});

describe('what comes before values', () => {
  const call = callOf([1, 2], [1]);

  test('the shape', () => {
    const reshaped = compare(call, truth(call), ok([1, 2], [1, 2, 1]), strict);
    expect(reshaped).toMatchObject({ verdict: 'mismatch', kind: 'shape', reason: 'wanted [1,1,2], got [1,2,1]' });
    expect(compare(call, truth(call), ok([1, 2, 3]), strict)).toMatchObject({ kind: 'shape' });
  });

  test('the dtype', () => {
    const output = { dtype: 'float64' as const, shape: [1, 1, 2], data: new Float64Array([1, 2]) };
    const verdict = compare(call, truth(call), { kind: 'ok', output }, strict);
    expect(verdict).toMatchObject({ verdict: 'mismatch', kind: 'dtype', reason: 'wanted float32, got float64' });
  });

  test.each<[Outcome, object]>([
    [
      { kind: 'side-effect', changed: ['input', 'bias'] },
      { kind: 'side-effect', reason: 'changed its input and bias' },
    ],
    [
      { kind: 'malformed', what: 'shape', reason: 'r' },
      { kind: 'shape', reason: 'r' },
    ],
    [
      { kind: 'malformed', what: 'dtype', reason: 'r' },
      { kind: 'dtype', reason: 'r' },
    ],
    [
      { kind: 'crash', detail: 'ended by SIGSEGV' },
      { kind: 'crash', reason: 'ended by SIGSEGV' },
    ],
    [
      { kind: 'timeout', detail: 'no answer' },
      { kind: 'timeout', reason: 'no answer' },
    ],
  ])('$kind is a mismatch, also where PyTorch refuses', (got, mismatch) => {
    for (const want of [truth(call), { kind: 'rejected', reason: 'no' } as const]) {
      expect(compare(call, want, got, strict)).toMatchObject({ verdict: 'mismatch', ...mismatch });
    }
  });

  test('a batch axis that the harness added is taken away again', () => {
    const unbatched = callOf([1, 2], [1], {}, [1, 2]);
    expect(compare(unbatched, truth(unbatched), ok([1, 2]), strict)).toMatchObject({ verdict: 'agree', shape: [1, 2] });
    expect(compare(unbatched, truth(unbatched), ok([1, 2], [1, 2]), strict)).toMatchObject({ kind: 'shape' });
  });
});

describe('what is no pass', () => {
  const call = callOf([1, 2], [1]);

  test.each<[Outcome]>([
    [{ kind: 'crash', detail: 'ended by SIGKILL' }],
    [{ kind: 'timeout', detail: 'no answer' }],
    [{ kind: 'unsupported', reason: 'why' }],
    [{ kind: 'malformed', what: 'dtype', reason: 'why' }],
    [{ kind: 'side-effect', changed: ['input'] }],
  ])('unknown, where the oracle has no answer: $kind', (want) => {
    const verdict = compare(call, want, ok([1, 2]), strict);
    expect(verdict.verdict).toBe('unknown');
    expect((verdict as { reason: string }).reason).toMatch(
      /the oracle gave no answer: (ended|no answer|why|it changed its input)/,
    );
  });

  test('unsupported, with the backend’s reason', () => {
    const verdict = compare(call, truth(call), { kind: 'unsupported', reason: 'no float64' }, strict);
    expect(verdict).toEqual({ verdict: 'unsupported', reason: 'no float64' });
  });
});
