import { describe, expect, test } from 'vitest';
import { caseSchema, type JsonNumber, type Params } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { featuresOf, idOf, lockOf, type Mismatch, signatureOf } from './signature.ts';

function callOf(params: Params = {}, values: JsonNumber[] = [1, 2, 3]): Call {
  return prepare({
    schema: caseSchema,
    op: 'conv1d',
    params,
    inputs: {
      input: { dtype: 'float32', shape: [1, 1, values.length], data: { kind: 'inline', values } },
      weight: { dtype: 'float32', shape: [1, 1, 1], data: { kind: 'inline', values: [1] } },
    },
  });
}

function wrongValue(want: number, got: number, allowed = 0): Mismatch {
  const culprit = { index: [0, 0, 0], want, got, allowed, ends: [], share: null };
  return { verdict: 'mismatch', kind: 'value', reason: `got ${got}`, shape: [1, 1, 3], culprit };
}

function wrong(kind: Mismatch['kind'], reason = ''): Mismatch {
  return { verdict: 'mismatch', kind, reason, shape: null, culprit: null };
}

const signed = (call: Call, mismatch: Mismatch, history = false) => signatureOf(call, 'mine', mismatch, history);

describe('a signature', () => {
  test('names operator, backend, kind and what the minimal case needs', () => {
    expect(signed(callOf({ stride: 2, padding: 1 }), wrongValue(1, 2))).toBe(
      'conv1d/mine/value/stride+padding > reach',
    );
    expect(signed(callOf(), wrongValue(1, 2))).toBe('conv1d/mine/value/plain');
    expect(signed(callOf(), wrong('crash', 'ended by SIGSEGV'))).toBe('conv1d/mine/crash/plain');
  });

  test('does not hang on the numbers', () => {
    const one = signed(callOf({ stride: 3 }, [1, 2, 3]), wrongValue(1, 2));
    expect(signed(callOf({ stride: 4 }, [4, 5, 6, 7]), wrongValue(5, -9))).toBe(one);
  });

  test.each<[string, string]>([
    ['a history', signed(callOf(), wrongValue(1, 2), true)],
    ['rounding', signed(callOf(), wrongValue(1, 2, 0.1))],
    ['rounding where all is exact', signed(callOf(), wrongValue(0, 1e-15))],
    ['NaN instead of a number', signed(callOf(), wrongValue(1, Number.NaN))],
    ['a number instead of NaN', signed(callOf(), wrongValue(Number.NaN, 1))],
    ['infinity instead of NaN', signed(callOf(), wrongValue(Number.NaN, Number.POSITIVE_INFINITY))],
    ['another feature', signed(callOf({ stride: 2 }), wrongValue(1, 2))],
    ['a refusal', signed(callOf(), wrong('acceptance'))],
    ['another kind', signed(callOf(), wrong('shape'))],
    ['another backend', signatureOf(callOf(), 'other', wrongValue(1, 2), false)],
  ])('tells a plain wrong value from %s', (_, signature) => {
    expect(signature).not.toBe(signed(callOf(), wrongValue(1, 2)));
  });

  test('of what is taken though it is invalid names the rule that it breaks, and no more', () => {
    const call = callOf({ stride: 0, padding: 3 });
    expect(featuresOf(call, 'mine', wrong('acceptance'))).toEqual(['takes: stride ≥ 1']);
    expect(signed(call, wrong('acceptance'))).toBe('conv1d/mine/acceptance/takes: stride ≥ 1');
  });

  test('of what dies of an invalid call names the rule that the call breaks', () => {
    expect(signed(callOf({ stride: 0 }), wrong('crash'))).toBe('conv1d/mine/crash/invalid: stride ≥ 1');
  });
});

describe('the lock of a shrink', () => {
  const lock = (call: Call, mismatch: Mismatch) => lockOf(call, 'mine', mismatch);

  test('holds while layer and data change, and with them which values are wrong and how', () => {
    const held = lock(callOf({ stride: 2 }), wrongValue(1, 2, 0.1));
    expect(lock(callOf(), wrongValue(7, 3))).toBe(held);
    expect(lock(callOf(), wrongValue(Number.NaN, 3))).toBe(held);
  });

  test('does not let a shrink slip to another kind, nor to another backend', () => {
    const held = lock(callOf(), wrongValue(1, 2));
    expect(lock(callOf(), wrong('shape'))).not.toBe(held);
    expect(lockOf(callOf(), 'other', wrongValue(1, 2))).not.toBe(held);
  });

  test('tells one broken rule from another, and both from a refusal', () => {
    const locks = [callOf({ stride: 0 }), callOf({ dilation: 0 }), callOf()].map((call) =>
      lock(call, wrong('acceptance')),
    );
    expect(new Set(locks).size).toBe(3);
  });
});

test('an id is short, fit for a file name, and the same for ever', () => {
  expect(idOf('conv1d/mine/value/plain')).toBe('4920b0eaa174');
  expect(idOf('conv1d/mine/value/stride')).not.toBe(idOf('conv1d/mine/value/plain'));
});
