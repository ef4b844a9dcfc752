import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import reference from '../backends/reference.ts';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs, type Values, valuesKinds } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import { allocate, indexOf, type Tensor } from '../core/tensor.ts';
import { backendTensors, type Call, prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import { exactElement, exactly, isRounded } from './exact.ts';
import { judge } from './judge.ts';

/* The second opinion, and who is convicted: faults of many sorts in the oracle are never blamed on a backend. */

const traits = { strict: true, arithmetic: { flushesDenormals: false } };

function callsOf(name: string, values: Values, seed: number, count: number): Call[] {
  const operator = operators.find((one) => one.name === name)!;
  return fc
    .sample(operator.arbitrary, { seed, numRuns: count })
    .map((spec, i) => prepare(caseOf(operator.name, { spec, values, seed: 100 * seed + i, twist: null })))
    .filter((call) => !call.strictOnly && call.undefinedBecause === null);
}

/** What PyTorch would give: the definition in float64, or copied. */
function oracleOf(call: Call): Tensor {
  const { operator, spec, tensors } = call;
  const exact = operator.evaluate(
    spec,
    mapInputs(tensors, ({ data }) => data),
  );
  const dtype = operator.rounding === null ? tensors.input.dtype : 'float64';
  const data = allocate(dtype, exact.length);
  data.set(exact);
  return { dtype, shape: operator.outputShape(spec), data };
}

function backendOf(call: Call): Outcome {
  try {
    const output = reference.run({ op: call.case.op, params: call.normalised! }, backendTensors(call)) as Tensor;
    return { kind: 'ok', output };
  } catch (error) {
    return { kind: 'rejected', reason: (error as Error).message };
  }
}

test('a float64 is the multiple of the smallest one that it is', () => {
  for (const [value, multiple] of [
    [0, 0n],
    [-0, 0n],
    [2 ** -1074, 1n],
    [-(2 ** -1073), -2n],
    [2 ** -1022, 1n << 52n],
    [1, 1n << 1074n],
    [-1.5, -3n << 1073n],
    [Number.MAX_VALUE, ((1n << 53n) - 1n) << 2045n],
  ] as const) {
    expect(exactly(value)).toBe(multiple);
  }
});

describe.each(operators.filter(({ rounding }) => rounding !== null).map(({ name }) => name))('%s', (name) => {
  test.each(valuesKinds)('exact arithmetic confirms the definition, and nothing else (%s)', (values) => {
    let [confirmed, refuted] = [0, 0];
    for (const call of callsOf(name, values, 3, 60)) {
      const { data, shape } = oracleOf(call);
      for (let at = 0; at < Math.min(data.length, 200); at++) {
        const exact = exactElement(call, indexOf(at, shape));
        const value = data[at]!;
        // With an infinite weight the definition skips padding's zeros, as the formula does.
        expect({ case: call.case, at, ok: isRounded(value, exact) }).toEqual({ case: call.case, at, ok: true });
        confirmed += 1;
        const other = Number.isFinite(value) ? value + Math.max(1e-3, Math.abs(value) * 1e-6) : 0;
        const isSmall = exact.kind === 'finite' && Number(exact.magnitude >> 2000n) < 2 ** 160;
        if (isSmall && Number.isFinite(value)) {
          expect({ case: call.case, at, ok: isRounded(other, exact) }).toEqual({ case: call.case, at, ok: false });
          refuted += 1;
        }
      }
    }
    expect(confirmed).toBeGreaterThan(500);
    expect(refuted).toBeGreaterThan(values === 'special' ? 50 : 300);
  });
});

type Fault = (right: Tensor, call: Call, before: Tensor | null) => Outcome;

const ok = (output: Tensor): Outcome => ({ kind: 'ok', output });
const changed = (y: Tensor, fn: (value: number, at: number) => number): Tensor => ({
  ...y,
  data: y.data.map(fn) as Tensor['data'],
});
const reshaped = (y: Tensor, shape: number[]): Tensor => {
  const length = shape.reduce((all, size) => all * size, 1);
  const data = allocate(y.dtype, length);
  for (let i = 0; i < length; i++) data[i] = y.data[i % Math.max(1, y.data.length)] ?? 0;
  return { dtype: y.dtype, shape, data };
};

/** A hundred ways for an oracle to be wrong. */
function faultsOf(): [string, Fault][] {
  const faults: [string, Fault][] = [];
  const element: Record<string, (y: Tensor) => number> = {
    first: () => 0,
    last: (y) => y.data.length - 1,
    middle: (y) => y.data.length >> 1,
    'one third': (y) => Math.floor(y.data.length / 3),
  };
  const wrong: Record<string, (value: number) => number> = {
    'off by 1': (v) => v + 1,
    'off by −1': (v) => v - 1,
    'off by 1e-3': (v) => v + 1e-3,
    'off by a millionth': (v) => v * (1 + 1e-6) + 1e-6,
    negated: (v) => (v === 0 ? 1 : -v),
    doubled: (v) => (v === 0 ? 2 : 2 * v),
    NaN: () => Number.NaN,
    infinite: () => Number.POSITIVE_INFINITY,
    huge: () => 1e38,
    zero: (v) => (v === 0 ? 3 : 0),
    'a thousand more': (v) => v + 1000,
    squared: (v) => v * v + 7,
    'with its lowest bits lost': (v) => Math.fround(v * (1 + 2 ** -20)) + 2 ** -20,
  };
  for (const [where, at] of Object.entries(element)) {
    for (const [how, fn] of Object.entries(wrong)) {
      faults.push([`${where} element ${how}`, (y) => ok(changed(y, (v, i) => (i === at(y) ? fn(v) : v)))]);
    }
  }
  for (const [how, fn] of Object.entries(wrong)) faults.push([`all ${how}`, (y) => ok(changed(y, fn))]);
  const shapes: Record<string, (shape: number[]) => number[]> = {
    'one more at the end': (s) => [...s.slice(0, -1), s.at(-1)! + 1],
    'one less at the end': (s) => [...s.slice(0, -1), s.at(-1)! - 1],
    'one more in front': (s) => [s[0]! + 1, ...s.slice(1)],
    'an axis more': (s) => [1, ...s],
    'an axis less': (s) => s.slice(1),
    flat: (s) => [s.reduce((a, b) => a * b, 1) + 1],
    doubled: (s) => s.map((size) => 2 * size),
    scalar: () => [],
    empty: (s) => [...s.slice(0, -1), 0],
  };
  for (const [how, fn] of Object.entries(shapes)) faults.push([`shape: ${how}`, (y) => ok(reshaped(y, fn(y.shape)))]);
  for (const step of [1, 2, 3, 5, -1]) {
    const turned = (y: Tensor) => {
      const size = y.data.length;
      return changed(y, (_, i) => y.data[(((i + step) % size) + size) % size]!);
    };
    faults.push([`elements moved by ${step}`, (y) => ok(turned(y))]);
  }
  faults.push(['elements reversed', (y) => ok({ ...y, data: y.data.slice().reverse() as Tensor['data'] })]);
  faults.push(['elements sorted', (y) => ok({ ...y, data: y.data.slice().sort() as Tensor['data'] })]);
  faults.push(['rows swapped', (y) => ok(changed(y, (_, i) => y.data[i ^ 1] ?? 0))]);
  for (const bits of [8, 11, 16, 20]) {
    faults.push([
      `rounded to ${bits} bits`,
      (y) => ok(changed(y, (v) => (Number.isFinite(v) && v !== 0 ? v * (1 + 2 ** -bits) : v))),
    ]);
  }
  const reasons = ['out of memory', 'not implemented', 'groups', 'stride', 'a stale error', ''];
  for (const reason of reasons) faults.push([`refuses: ${reason}`, () => ({ kind: 'rejected', reason })]);
  const stale: Fault = (y, _, before) => ok(before ?? changed(y, (v) => v + 1));
  faults.push(['the answer before', stale]);
  faults.push(['the answer before, in the right shape', (y, _, before) => ok(reshaped(before ?? y, y.shape))]);
  faults.push(['zeros', (y) => ok(changed(y, () => 0))]);
  faults.push(['uninitialised', (y) => ok(changed(y, (_, i) => i * 1.7e-12))]);
  faults.push(['nothing in the second half', (y) => ok(changed(y, (v, i) => (i >= y.data.length / 2 ? 0 : v)))]);
  faults.push(['gives what is left of a larger answer', (y) => ok(changed(y, (v, i) => (i % 7 === 6 ? 42 : v)))]);
  faults.push([
    'its accumulator is not cleared',
    (y, _, before) => ok(changed(y, (v, i) => v + (before?.data[i] ?? 1))),
  ]);
  faults.push(['absolute values', (y) => ok(changed(y, Math.abs))]);
  faults.push(['cut to whole numbers', (y) => ok(changed(y, (v) => Math.trunc(v * 0.999)))]);
  return faults;
}

const faults = faultsOf();

test('there are a hundred faults', () => expect(faults.length).toBeGreaterThanOrEqual(100));

const drawn = operators.flatMap(({ name }) => valuesKinds.flatMap((values) => callsOf(name, values, 7, 20)));
const mixed = drawn.map((_, i) => drawn[(i * 37) % drawn.length]!);

test.each(faults)('an oracle with a fault is not blamed on a backend: %s', (name, fault) => {
  let before: Tensor | null = null;
  let unknown = 0;
  for (const call of mixed) {
    const right = oracleOf(call);
    const verdict = judge(call, fault(right, call, before), backendOf(call), traits);
    expect({ case: call.case, verdict: verdict.verdict === 'mismatch' ? verdict : null }).toEqual({
      case: call.case,
      verdict: null,
    });
    if (verdict.verdict === 'unknown') {
      expect(verdict.convicted).toBe(name.startsWith('refuses') ? undefined : 'oracle');
      unknown += 1;
    }
    before = right;
  }
  expect(unknown).toBeGreaterThan(20);
});

test('an invalid call that a faulty oracle takes is not blamed on a backend', () => {
  for (const operator of operators) {
    for (const [, twist] of operator.twists) {
      const [spec] = fc.sample(operator.arbitrary, { seed: 1, numRuns: 1 });
      const call = prepare(caseOf(operator.name, { spec: twist(spec!), values: 'lattice', seed: 1, twist: null }));
      if (call.refusal === null || call.normalised === null) continue;
      const taken = ok({ dtype: 'float64', shape: [1], data: new Float64Array(1) });
      const { verdict, ...rest } = judge(call, taken, backendOf(call), traits);
      expect({ verdict, convicted: 'convicted' in rest }).toEqual({ verdict: 'unknown', convicted: false });
    }
  }
});

test('a backend is convicted where the oracle is right', () => {
  let convicted = 0;
  for (const call of mixed) {
    const right = oracleOf(call);
    const got = backendOf(call);
    if (got.kind !== 'ok' || got.output.data.length === 0) continue;
    const at = call.operator.rounding === null ? 0 : got.output.data.findIndex((v) => Math.abs(v) < 1e6);
    if (at < 0 || !Number.isFinite(got.output.data[at])) continue;
    const bad = ok(changed(got.output, (v, i) => (i === at ? v + 1e3 + Math.abs(v) : v)));
    const verdict = judge(call, ok(right), bad, traits);
    if (verdict.verdict === 'mismatch') convicted += 1;
    else expect({ case: call.case, verdict }).toMatchObject({ verdict: { verdict: 'agree' } });
  }
  expect(convicted).toBeGreaterThan(mixed.length / 2);
});
