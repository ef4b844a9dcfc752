import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prepare } from '../operators/call.ts';
import { operatorOf, operators } from '../operators/index.ts';
import { refusalOf } from '../semantics/semantics.ts';
import { parseCase } from '../store/caseFile.ts';
import { batchSize, caseOf, type Draw, drawArbitrary, drawBatch, spelledOut, untwisted } from './plan.ts';

const ops = operators.map(({ name }) => name);

describe('a batch', () => {
  test('follows from the seed and its number, and from nothing else', () => {
    const batch = drawBatch(7, 3, ops);
    for (const k of [0, 9, 2]) drawBatch(7, k, ops);
    expect(drawBatch(7, 3, ops)).toEqual(batch);
  });

  test('is another one for another number or seed: negative ones, and those beyond 2³², too', () => {
    const seeds = [7, 8, -7, 0, -1, 2 ** 32, 2 ** 32 + 7, 2 ** 32 + 8, 5 * 2 ** 32 + 7, -(2 ** 40) + 7];
    const batches = seeds.flatMap((seed) => [0, 1, 2, 1000].map((k) => JSON.stringify(drawBatch(seed, k, ops))));
    expect(new Set(batches).size).toBe(batches.length);
  });

  test('that is cut short begins as the whole one does', () => {
    expect(drawBatch(7, 3, ops, 10)).toEqual(drawBatch(7, 3, ops).slice(0, 10));
  });

  test('holds every operator equally often', () => {
    const batch = drawBatch(1, 0, ops);
    expect(batch.length).toBe(batchSize);
    const share = batchSize / ops.length;
    for (const name of ops) {
      const count = batch.filter(({ op }) => op === name).length;
      expect(Math.abs(count - share)).toBeLessThan(1);
    }
  });

  test('of one operator holds that one', () => {
    expect(new Set(drawBatch(1, 0, [ops[1]!]).map(({ op }) => op))).toEqual(new Set([ops[1]]));
  });

  test('is all well-formed cases, which a file can hold', () => {
    for (const { op, draw } of drawBatch(5, 0, ops)) {
      const testCase = caseOf(op, draw);
      expect(parseCase(JSON.parse(JSON.stringify(testCase)), 'drawn')).toEqual(testCase);
    }
  });
});

test('a draw without its twist is its layer, and layers with what the twist brings', () => {
  const operator = operatorOf('conv1d');
  const spec = { ...operator.plainest, shapes: { input: [1, 1, 3], weight: [1, 1, 2] } };
  const draw: Draw = { spec, values: 'lattice', plain: null, seed: 1, twist: null };
  const layers = untwisted('conv1d', spec, 'break same with a kernel #2')
    .map((one) => prepare(caseOf('conv1d', { ...draw, spec: one })))
    .filter(({ refusal }) => refusal === null);
  const dilations = layers.map((call) => [call.spec.shapes.weight![2], [call.spec.params.dilation].flat()[0]]);
  // The first has no room for a dilation of 5.
  expect(dilations).toContainEqual([2, 1]);
  expect(dilations).toContainEqual([1, 5]);
  expect(dilations).not.toContainEqual([2, 5]);
});

describe('a campaign of 10,000 cases', () => {
  const drawn = Array.from({ length: 40 }, (_, k) => drawBatch(11, k, ops)).flat();
  const share = (is: (draw: Draw) => boolean) => drawn.filter(({ draw }) => is(draw)).length / drawn.length;

  test('is one tenth invalid or odd on purpose', () => {
    const twisted = share(({ twist }) => twist !== null);
    expect(twisted).toBeGreaterThan(0.07);
    expect(twisted).toBeLessThan(0.13);
  });

  test('of one operator comes to every way to break it', () => {
    for (const { name, twists } of operators) {
      const own = Array.from({ length: 40 }, (_, k) => drawBatch(11, k, [name])).flat();
      const seen = new Set(own.map(({ draw }) => draw.twist));
      expect([...twists.keys()].filter((twist) => !seen.has(twist))).toEqual([]);
    }
  });

  test('is mostly integers, with some real and some special values', () => {
    expect(share(({ values }) => values === 'lattice')).toBeGreaterThan(0.5);
    expect(share(({ values }) => values === 'normal')).toBeGreaterThan(0.14);
    expect(share(({ values }) => values === 'special')).toBeGreaterThan(0.15);
  });

  test('refuses what it broke, and nothing else', () => {
    const refused = drawn.map(({ op, draw }) => ({ twist: draw.twist, refusal: prepare(caseOf(op, draw)).refusal }));
    expect(refused.filter(({ twist, refusal }) => twist === null && refusal !== null)).toEqual([]);
    const broken = refused.filter(({ twist }) => twist?.startsWith('break'));
    expect(broken.length).toBeGreaterThan(500);
    expect(broken.filter(({ refusal }) => refusal === null)).toEqual([]);
  });

  test('does not repeat itself', () => {
    expect(new Set(drawn.map(({ draw }) => JSON.stringify(draw))).size).toBeGreaterThan(drawn.length * 0.99);
  });
});

describe.each(operators.map((operator) => [operator.name, operator] as const))('a draw of %s', (name, operator) => {
  const arbitrary = drawArbitrary(operator);
  const draws = fc.sample(arbitrary, { seed: 4, numRuns: 100 });

  test('is the same for the same seed', () => {
    expect(fc.sample(arbitrary, { seed: 4, numRuns: 100 })).toEqual(draws);
  });

  test('shrinks from a file as well, keeps its data seed and its twist, and stays legal', () => {
    for (const draw of draws.map((one) => JSON.parse(JSON.stringify(one)) as Draw)) {
      expect(arbitrary.canShrinkWithoutContext(draw)).toBe(true);
      for (const { value } of arbitrary.shrink(draw, undefined)) {
        expect(value).not.toEqual(draw);
        expect([value.seed, value.twist]).toEqual([draw.seed, draw.twist]);
        expect(refusalOf(operator.rules, value.spec)).toBeNull();
      }
    }
  });

  test('shrinks special values to integers', () => {
    const special = { ...draws[0]!, values: 'special' as const };
    const shrinks = [...arbitrary.shrink(special, undefined)].map(({ value }) => value.values);
    expect(shrinks).toContain('lattice');
  });

  test('leaves PyTorch’s defaults out of its case, and a list in', () => {
    expect(spelledOut(operator, operator.defaults)).toEqual({});
    expect(spelledOut(operator, { ...operator.defaults, stride: [1] })).toEqual({ stride: [1] });
    expect(spelledOut(operator, { ...operator.defaults, groups: 2 })).toEqual({ groups: 2 });
  });

  test('gives each tensor data of its own', () => {
    for (const draw of draws) {
      const seeds = Object.values(caseOf(name, draw).inputs).map(({ data }) =>
        data.kind === 'seeded' ? data.seed : null,
      );
      expect(new Set(seeds).size).toBe(seeds.length);
      expect(seeds).not.toContain(null);
    }
  });
});
