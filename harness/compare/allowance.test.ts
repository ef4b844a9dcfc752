import { describe, expect, test } from 'vitest';
import {
  type Case,
  caseSchema,
  type DataSpec,
  type JsonNumber,
  type OpName,
  type Params,
  type Values,
} from '../core/case.ts';
import type { DType } from '../core/tensor.ts';
import { type Call, prepare } from '../operators/call.ts';
import { Allowances, type Arithmetic } from './allowance.ts';

const ieee: Arithmetic = { flushesDenormals: false };
const u = 2 ** -24;

/** γₘ(u) of Higham, for the backend's float32 and the oracle's float64 together. */
function gammas(terms: number): number {
  const gamma = (unit: number) => (terms * unit) / (1 - terms * unit);
  return gamma(u) + gamma(2 ** -53);
}

function inline(values: readonly JsonNumber[]): DataSpec {
  return { kind: 'inline', values };
}

/** A call with one channel and a batch of one. */
function callOf(
  op: OpName,
  params: Params,
  input: JsonNumber[],
  weight: JsonNumber[],
  bias?: number,
  dtype: DType = 'float32',
): Call {
  const inputs: Case['inputs'] = {
    input: { dtype, shape: [1, 1, input.length], data: inline(input) },
    weight: { dtype, shape: [1, 1, weight.length], data: inline(weight) },
  };
  if (bias !== undefined) inputs.bias = { dtype, shape: [1], data: inline([bias]) };
  return prepare({ schema: caseSchema, op, params, inputs });
}

function exact(call: Call): Float64Array {
  return call.operator.evaluate(call.spec, { ...mapData(call) });
}

function mapData({ tensors: { input, weight, bias } }: Call) {
  return { input: input.data, weight: weight!.data, ...(bias === undefined ? {} : { bias: bias.data }) };
}

/** The bounds of all elements; throws where one has none. */
function bounds(call: Call, arithmetic: Arithmetic = ieee): number[] {
  const allowances = new Allowances(call, call.operator.rounding!, arithmetic);
  return [...exact(call)].map((want, i) => {
    const allowance = allowances.at(i, want);
    if (allowance.kind !== 'within') throw new Error(`element ${i}: ${allowance.kind}`);
    return allowance.bound;
  });
}

describe('the bound', () => {
  test('is (γₘ(u) + γₘ(2⁻⁵³))·S + m·η, where m counts the terms that are really summed', () => {
    const [border, inner] = bounds(callOf('conv1d', { padding: 1 }, [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]));
    expect(border! / (gammas(2) * 0.25 + 2 * 2 ** -150)).toBeCloseTo(1, 12);
    expect(inner! / (gammas(3) * 0.375 + 3 * 2 ** -150)).toBeCloseTo(1, 12);
  });

  test('counts a bias as a term and as a part of S', () => {
    const [bound] = bounds(callOf('conv1d', {}, [0.5, 0.5], [0.5, 0.5], -8));
    expect(bound! / (gammas(3) * 8.5)).toBeCloseTo(1, 12);
  });

  test('takes magnitudes, so that cancelling terms keep their rounding', () => {
    const [bound] = bounds(callOf('conv1d', {}, [1.5, -1.5], [1.5, 1.5]));
    expect(bound! / (gammas(2) * 4.5)).toBeCloseTo(1, 12);
  });

  test('of a transposed convolution allows nothing where only zeros are', () => {
    const all = bounds(callOf('conv_transpose1d', { stride: 3, output_padding: 1 }, [0.5, 0.5], [0.5, 0.5]));
    expect(all.map((bound) => bound > 0)).toEqual([true, true, false, true, true, false]);
  });

  test('of float64 data is that of float64', () => {
    const [bound] = bounds(callOf('conv1d', {}, [0.5, 0.5], [0.5, 0.5], undefined, 'float64'));
    expect(bound! / (2 * 2 * 2 ** -53 * 0.5)).toBeCloseTo(1, 12);
  });

  test('grows by what underflows: 1e-25·1e-25 may become 0 or the smallest denormal', () => {
    const [bound] = bounds(callOf('conv1d', {}, [1e-25], [1e-25]));
    expect(bound).toBeGreaterThanOrEqual(2 ** -150);
    expect(bound).toBeLessThan(2 ** -149);
  });

  test('is wider by smallest normals for arithmetic that flushes them, and by denormal operands times their partners', () => {
    const call = callOf('conv1d', {}, [2 ** -130], [2 ** 100]);
    expect(bounds(call)[0]).toBeLessThan(2 ** -50);
    expect(bounds(call, { flushesDenormals: true })[0]).toBeGreaterThanOrEqual(2 ** -30);
    expect(bounds(callOf('conv1d', {}, [1.5], [1.5]), { flushesDenormals: true })[0]).toBeLessThan(2 ** -21);
  });
});

describe('arithmetic that is declared', () => {
  const call = callOf('conv1d', {}, [1.5, 2.25], [1, 1.25]);
  const [ours] = bounds(call);

  test('of lower precision has a wider bound, for its operands are rounded too', () => {
    const [half] = bounds(call, { flushesDenormals: false, unitRoundoff: 2 ** -11 });
    const exact = 1.5 + 2.25 * 1.25;
    const terms = 2 + 2;
    expect(half! / exact).toBeCloseTo((terms * 2 ** -11) / (1 - terms * 2 ** -11), 6);
    expect(bounds(call, { flushesDenormals: false, unitRoundoff: 2 ** -30 })[0]).toBe(ours);
  });

  test('that amplifies errors has a wider bound, also for integers', () => {
    expect(bounds(call, { flushesDenormals: false, amplification: 10 })[0]! / ours!).toBeCloseTo(10, 3);
    const integers = callOf('conv1d', {}, [1, 2], [3, 4]);
    expect(bounds(integers)[0]).toBe(0);
    expect(bounds(integers, { flushesDenormals: false, amplification: 2 })[0]).toBeGreaterThan(0);
  });

  test('holds integers exactly as far as it reaches', () => {
    const half = { flushesDenormals: false, unitRoundoff: 2 ** -11 };
    expect(bounds(callOf('conv1d', {}, [2047], [1]), half)[0]).toBe(0);
    expect(bounds(callOf('conv1d', {}, [2049], [1]), half)[0]).toBeGreaterThan(0);
  });
});

describe('integers', () => {
  test('allow nothing while every partial sum is below 2²⁴', () => {
    expect(bounds(callOf('conv1d', {}, [2 ** 23, 2 ** 22], [1, -1], 2 ** 22 - 1))).toEqual([0]);
  });

  test('are rounded from there on', () => {
    expect(bounds(callOf('conv1d', {}, [2 ** 23, 2 ** 22], [1, -1], 2 ** 22))[0]).toBeGreaterThan(0);
  });

  test('among which is a single fraction are not integers', () => {
    expect(bounds(callOf('conv1d', {}, [1, 2], [1, 1.5]))[0]).toBeGreaterThan(0);
  });
});

describe('special values', () => {
  const at = (call: Call, i: number, arithmetic: Arithmetic = ieee) =>
    new Allowances(call, call.operator.rounding!, arithmetic).at(i, exact(call)[i]!).kind;

  test('an infinity or NaN must be itself', () => {
    expect(at(callOf('conv1d', {}, ['Infinity', 1], [1]), 0)).toBe('same class');
    expect(at(callOf('conv1d', {}, ['NaN', 1], [1]), 0)).toBe('same class');
    expect(at(callOf('conv1d', {}, ['NaN', 1], [1]), 1)).toBe('within');
  });

  test('infinite weights are undefined over padding alone', () => {
    const call = callOf('conv1d', { padding: 1 }, [1, 2], ['Infinity', 1]);
    expect([0, 1, 2].map((i) => at(call, i))).toEqual(['undefined', 'same class', 'undefined']);
  });

  test('infinite weights are undefined where a transposed convolution has gaps', () => {
    const call = callOf('conv_transpose1d', {}, [1, 2], ['Infinity', 1]);
    expect([0, 1, 2].map((i) => at(call, i))).toEqual(['undefined', 'same class', 'undefined']);
  });

  test('a sum out of range is an infinity, unless its partial sums can reach the other one', () => {
    const [high, low] = [2 ** 127, -(2 ** 127)];
    const kind = (...terms: number[]) => at(callOf('conv1d', {}, terms, new Array(terms.length).fill(1)), 0);
    expect(kind(high, high, high)).toBe('same class');
    expect(kind(low, low, low)).toBe('same class');
    expect(kind(high, high, high, high, low)).toBe('same class');
    expect(kind(high, high, low)).toBe('undefined');
    expect(kind(high, high, high, high, high, low, low)).toBe('undefined');
    expect(kind(high, 1)).toBe('within');
  });

  test('a sum at the very edge of the range may be rounded to either side', () => {
    expect(at(callOf('conv1d', {}, [2 ** 127, 2 ** 127], [1, 1]), 0)).toBe('undefined');
  });

  test('an infinity times a denormal is NaN to arithmetic that flushes it', () => {
    const call = callOf('conv1d', {}, ['Infinity', 1], [1e-40]);
    expect(at(call, 0)).toBe('same class');
    expect(at(call, 0, { flushesDenormals: true })).toBe('undefined');
  });
});

describe('no order of summation in float32 exceeds the bound', () => {
  const round = Math.fround;
  const orders: Record<string, (products: number[]) => number> = {
    sequential: (products) => products.reduce((sum, product) => round(sum + product), 0),
    reversed: (products) => products.reduceRight((sum, product) => round(sum + product), 0),
    pairwise: function pairwise(products): number {
      if (products.length === 1) return products[0]!;
      const half = products.length >> 1;
      return round(pairwise(products.slice(0, half)) + pairwise(products.slice(half)));
    },
  };
  const channels = 8;

  /** Output channels are dot products: the kernel is as long as the input. */
  function dots(values: Values, seed: number, taps: number): Call {
    const spec = (shape: number[], offset: number) => ({
      dtype: 'float32' as const,
      shape,
      data: { kind: 'seeded' as const, values, seed: seed + offset },
    });
    const inputs = { input: spec([1, 1, taps], 0), weight: spec([channels, 1, taps], 1) };
    return prepare({ schema: caseSchema, op: 'conv1d', params: {}, inputs });
  }

  test.each(Object.entries(orders))('%s', (_, sum) => {
    let worst = 0;
    for (const taps of [1, 2, 3, 17, 64, 300]) {
      for (let seed = 0; seed < 60; seed++) {
        const call = dots('normal', 1000 * taps + seed, taps);
        const { input, weight } = mapData(call);
        const limits = bounds(call);
        for (const [channel, want] of exact(call).entries()) {
          const products = [...input].map((x, i) => round(x * weight[channel * taps + i]!));
          const excess = Math.abs(sum(products) - want) / limits[channel]!;
          expect(excess).toBeLessThanOrEqual(1);
          worst = Math.max(worst, excess);
        }
      }
    }
    // A bound that no order comes near would be no test of a backend.
    expect(worst).toBeGreaterThan(0.3);
  });

  test('and it is too narrow for a product that is left out, nearly always', () => {
    let found = 0;
    for (let seed = 0; seed < 100; seed++) {
      const call = dots('normal', seed, 64);
      const { input, weight } = mapData(call);
      if (Math.abs(input[5]! * weight[5]!) > bounds(call)[0]!) found++;
    }
    expect(found).toBeGreaterThan(90);
  });

  test.each(Object.entries(orders))('and on a lattice %s is exact', (_, sum) => {
    for (let seed = 0; seed < 50; seed++) {
      const call = dots('lattice', seed, 300);
      const { input, weight } = mapData(call);
      expect(bounds(call)).toEqual(new Array(channels).fill(0));
      expect(sum([...input].map((x, i) => round(x * weight[i]!)))).toBe(exact(call)[0]);
    }
  });
});
