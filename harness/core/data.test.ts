import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Values, valuesKinds } from './case.ts';
import { materialise } from './data.ts';
import { bytesOf, type DType, type TensorData } from './tensor.ts';

function seeded(values: Values, seed: number, length: number, dtype: DType = 'float32'): Float32Array {
  return materialise(dtype, [length], { kind: 'seeded', values, seed }).data as Float32Array;
}

function digest(data: TensorData): string {
  return createHash('sha256').update(bytesOf(data)).digest('hex').slice(0, 16);
}

/*
 * A case file that names a seed means these bits, in every release that reads `convdiff/case@1`. They were computed once. Where
 * one of these tests fails, it is the code that has to change back.
 */
describe('the frozen bits', () => {
  test.each<[Values, number, string, number[]]>([
    ['lattice', 0, '22c724019c99daf8', [6, -5, -8]],
    ['lattice', 1, '47461db9734a2cb9', [-2, -6, -8]],
    ['lattice', 42, '11276638f05ef0d0', [-6, 7, 2]],
    ['lattice', -1, 'f52baa756ae27d4d', [6, 2, -1]],
    ['lattice', -7, '571783f4fe2cf237', [8, 2, -2]],
    ['lattice', 4_294_967_296, '455e9f98a3389fb2', [7, 4, -4]],
    ['lattice', 4_294_967_297, '57eaded774217324', [5, 2, 2]],
    ['lattice', 21_474_836_522, '758d6d3b3999848c', [-7, -1, 0]],
    ['lattice', -1_099_511_627_779, 'f9ee87932dafe7d4', [-1, 5, 3]],
    ['lattice', Number.MAX_SAFE_INTEGER, 'de09f1adb608e4f2', [-2, 4, 6]],
    ['lattice', Number.MIN_SAFE_INTEGER, 'ef2bfc669c6b9c30', [6, -4, 2]],
    ['normal', 0, '4f8010fae0928db6', [-0.1287708282470703, -2.057408332824707, -1.873373031616211]],
    ['normal', 1, '2e0c3cc480455688', [0.12089347839355469, -0.12077541649341583, -1.1954708099365234]],
    ['normal', 42, '9dfc78fab759ed69', [0.20787811279296875, -0.9312562942504883, 1.6812314987182617]],
    ['normal', -1, '58b5b50cbac6db76', [1.1011266708374023, -0.7863311767578125, -1.2352075576782227]],
    ['normal', -7, '0c371b01cc6ebaaf', [-1.5970115661621094, 1.5954519510269165, -0.39284324645996094]],
    ['normal', 4_294_967_296, '9f5a718f998ef3db', [0.7510318756103516, 1.4029903411865234, -1.0148983001708984]],
    ['normal', 4_294_967_297, 'b11220db56552a91', [7.123151135601802e-8, -5.957974735792959e-8, -2.039417950072675e-7]],
    ['normal', 21_474_836_522, '15359c72cfa05464', [6.305793762207031, 0.004665590822696686, -0.008958190679550171]],
    ['normal', -1_099_511_627_779, '06445e80d956b165', [0.8828639984130859, -0.8820018172264099, 0.03504753112792969]],
    [
      'normal',
      Number.MAX_SAFE_INTEGER,
      'd704a937c79cfe01',
      [-4.085927963256836, 33.114898681640625, -0.00045897020027041435],
    ],
    [
      'normal',
      Number.MIN_SAFE_INTEGER,
      '9ac43d6bad14f693',
      [-0.37518882751464844, 0.15664100646972656, 2.6304264068603516],
    ],
    ['special', 0, 'ecca60aa676a36a5', [Number.NaN, Number.NaN, Number.NaN]],
    ['special', 1, '0287bce1385ece5a', [1.7014118346046923e38, 0, Number.NaN]],
    ['special', 42, '49681fa8c710ee90', [0.20787811279296875, -0.9312562942504883, 1.6812314987182617]],
    ['special', -1, 'c7ce7ae3661dadb9', [1.1011266708374023, -0.7863311767578125, -1.2352075576782227]],
    ['special', -7, '845ba6c13f298794', [-1.5970115661621094, 0.2599496841430664, -0.39284324645996094]],
    ['special', 4_294_967_296, '6ea2abd1b26a3eb4', [0.7510318756103516, 1.4029903411865234, -1.0148983001708984]],
    ['special', 4_294_967_297, '46f9f3ea031e671c', [0.5975332260131836, -0.49979114532470703, -1.7107877731323242]],
    ['special', 21_474_836_522, '02acb5591bddb9f3', [0.7882242202758789, 0.5971956253051758, -0.5733242034912109]],
    ['special', -1_099_511_627_779, 'a271f34836114db9', [0, -1.2191333770751953, Number.NaN]],
    [
      'special',
      Number.MAX_SAFE_INTEGER,
      '2ae11b6caa866bb1',
      [-2.042963981628418, 1.0348405838012695, -1.8799419403076172],
    ],
    [
      'special',
      Number.MIN_SAFE_INTEGER,
      'fdb6334040264d92',
      [-0.37518882751464844, 0.15664100646972656, 2.6304264068603516],
    ],
  ])('of %s, seed %d', (values, seed, hash, first) => {
    const data = seeded(values, seed, 3000);
    expect([...data.slice(0, 3)]).toEqual(first);
    expect(digest(data)).toBe(hash);
  });

  test.each([
    [300_000, 'bedaa40d42bb7c17'],
    [1_500_000, '197f9499d9e14ffe'],
    [3_000_000, '6803611cd58a1413'],
  ])('of a lattice of %d elements, which is sparser', (length, hash) => {
    expect(digest(seeded('lattice', 9, length))).toBe(hash);
  });

  test('of float64, which is not rounded to float32', () => {
    expect(digest(seeded('normal', -7, 3000, 'float64'))).toBe('fb801c3a5dfe15ef');
  });

  test.each<[Values, number, string, number[]]>([
    ['lattice', 42, '8403170f8051de70', [-6, 7, 2]],
    ['normal', 0, '089a2394a0b4aa19', [2031923994, -1685649159, -953574167]],
    ['normal', 42, 'adf2e98d9f48da84', [275467781, -164408720, -520594272]],
    ['normal', -7, '8e3ba13667de23c6', [161566656, 185699629, 369370872]],
    ['special', 0, '3375b4b2b2c1ae70', [-2147483648, -16777217, 0]],
    ['special', 1, '995ca1cdedc1c7d2', [-16777217, 0, -2147483648]],
    ['special', -1, '91a897b3ed68aece', [-437269652, 1, 1562877752]],
  ])('of int32: %s, seed %d', (values, seed, hash, first) => {
    const data = seeded(values, seed, 3000, 'int32');
    expect([...data.slice(0, 3)]).toEqual(first);
    expect(digest(data)).toBe(hash);
  });
});

describe.each(valuesKinds)('%s', (values) => {
  test('a tensor that grows keeps its beginning', () => {
    const long = seeded(values, 5, 1000);
    for (const length of [0, 1, 2, 17, 999]) expect(seeded(values, 5, length)).toEqual(long.slice(0, length));
  });

  test('neighbouring seeds give different data', () => {
    const all = Array.from({ length: 200 }, (_, i) => digest(seeded(values, i - 100, 50)));
    expect(new Set(all).size).toBe(200);
  });
});

describe('lattice', () => {
  const sumOfMagnitudes = (length: number) =>
    seeded('lattice', 3, length).reduce((sum, value) => sum + Math.abs(value), 0);
  const worstSum = (length: number) => {
    // No seed can do worse than the largest magnitude on every element that is not 0 by construction.
    const largest = seeded('lattice', 3, length).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    return length <= 2 ** 20 ? largest * length : Math.max(largest * Math.ceil(length / 2), sumOfMagnitudes(length));
  };

  // The sizes at which the magnitude falls (7·2¹⁸/m) and at which zeros are strewn in (multiples of 2²⁰), and their neighbours.
  const magnitudeSteps = [8, 7, 6, 5, 4, 3, 2, 1].map((magnitude) => Math.floor((7 * 2 ** 18) / magnitude));
  const edges = [1, 100, ...magnitudeSteps, 2 ** 20, 2 ** 21, 3 * 2 ** 20];
  const sizes = [...new Set(edges.flatMap((size) => [size - 1, size, size + 1]))];

  test.each(sizes.map((size) => [size]))('with a weight of %d elements every sum is exact in float32', (size) => {
    // An output sums every element of the weight once at most: Σ|x||w| + |b|, where |x| and |b| are at most 8.
    expect(8 * worstSum(size) + 8).toBeLessThan(2 ** 24);
  });

  test('is made of all the integers from −8 to 8, about equally often', () => {
    const counts = new Map<number, number>();
    for (const value of seeded('lattice', 11, 17_000)) counts.set(value, (counts.get(value) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 17 }, (_, i) => i - 8));
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });

  test('is not all zeros however large it is', () => {
    const data = seeded('lattice', 1, 5 * 2 ** 20);
    expect(data.filter((value) => value !== 0).length).toBeGreaterThan(2 ** 18);
  });
});

describe('normal', () => {
  test('is standard normal for half of the seeds', () => {
    const plain = Array.from({ length: 200 }, (_, seed) => moments(seeded('normal', seed, 4000))).filter(
      ({ mean, variance }) => Math.abs(mean) < 0.1 && Math.abs(variance - 1) < 0.1,
    );
    expect(plain.length).toBeGreaterThan(200 * 0.4);
  });

  test('also comes very large, very small, spread over many magnitudes, and in pairs that cancel', () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const data = seeded('normal', seed, 1000);
      const { variance } = moments(data);
      const median = [...data].map(Math.abs).sort((a, b) => a - b)[500]!;
      if (median > 1e4) found.add('large');
      if (median < 1e-4) found.add('small');
      if (variance > 1e3 && median < 10) found.add('spread');
      if (data.every((value, i) => i % 2 === 0 || Math.abs(value + data[i - 1]!) <= Math.abs(value) / 1000))
        found.add('pairs');
    }
    expect([...found].sort()).toEqual(['large', 'pairs', 'small', 'spread']);
  });

  test('float32 is float64 rounded once; but for the second of a pair it holds the values as they are', () => {
    for (let seed = 0; seed < 50; seed++) {
      const single = seeded('normal', seed, 100);
      const double = seeded('normal', seed, 100, 'float64');
      const exact = double.map((value, i) => (i % 2 === 0 ? value : Math.fround(value)));
      expect([...single]).toEqual([...exact]);
    }
  });
});

function moments(data: Float32Array): { mean: number; variance: number } {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return { mean, variance };
}

describe('special', () => {
  const families: Record<string, (value: number) => boolean> = {
    NaN: Number.isNaN,
    infinity: (value) => value === Number.POSITIVE_INFINITY,
    'negative infinity': (value) => value === Number.NEGATIVE_INFINITY,
    zero: (value) => Object.is(value, 0),
    'negative zero': (value) => Object.is(value, -0),
    'smallest denormal': (value) => Math.abs(value) === 2 ** -149,
    denormal: (value) => Math.abs(value) > 2 ** -149 && Math.abs(value) < 2 ** -126,
    'smallest normal': (value) => Math.abs(value) === 2 ** -126,
    'square underflows': (value) => Math.abs(value) === 2 ** -75,
    'square overflows': (value) => Math.abs(value) === 2 ** 64,
    'doubled overflows': (value) => Math.abs(value) === 2 ** 127,
    largest: (value) => value === (2 - 2 ** -23) * 2 ** 127,
    ordinary: (value) => Math.abs(value) > 1e-6 && Math.abs(value) < 10,
  };

  test('holds each family in more than one seed in a hundred, and none in all seeds', () => {
    const counts = new Map<string, number>(Object.keys(families).map((name) => [name, 0]));
    for (let seed = 0; seed < 500; seed++) {
      const data = [...seeded('special', seed, 64)];
      for (const [name, is] of Object.entries(families)) if (data.some(is)) counts.set(name, counts.get(name)! + 1);
    }
    for (const [name, count] of counts) expect([name, count > 5]).toEqual([name, true]);
    for (const name of ['NaN', 'infinity', 'denormal']) expect([name, counts.get(name)! < 250]).toEqual([name, true]);
  });
});

describe('inline data', () => {
  test('is read with what JSON lacks', () => {
    const { data } = materialise('float32', [2, 3], {
      kind: 'inline',
      values: [1.5, 'NaN', 'Infinity', '-Infinity', '-0', 0],
    });
    expect([...data]).toEqual([1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0]);
  });

  test('is rounded to nearest, once', () => {
    const { data } = materialise('float32', [1], { kind: 'inline', values: [0.1] });
    expect(data[0]).toBe(Math.fround(0.1));
  });

  test('does not share its shape with the specification', () => {
    const shape = [1];
    expect(materialise('float32', shape, { kind: 'inline', values: [0] }).shape).not.toBe(shape);
  });
});
