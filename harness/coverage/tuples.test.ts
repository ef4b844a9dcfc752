import { describe, expect, test } from 'vitest';
import { assignments, brokenBy, type Classes, type Dimension, type Model } from './model.ts';
import { countTuples, feasibleTuples, TupleSet } from './tuples.ts';

/** A dimension that nobody asks about a sample. */
function dimension(name: string, ...classes: string[]): Dimension {
  return { name, classes, of: () => classes[0]! };
}

/** Five dimensions, two of them free. That `a` is 2 forces `b` to y, and this forces `c` to be on. */
const model: Model = {
  dimensions: [
    dimension('free', '1', '2', '3'),
    dimension('a', '1', '2'),
    dimension('b', 'x', 'y', 'z'),
    dimension('also free', 'no', 'yes'),
    dimension('c', 'off', 'on'),
  ],
  constraints: [
    { why: 'a chain', on: ['a', 'b'], holds: (a, b) => a !== '2' || b === 'y' },
    { why: 'goes on', on: ['c', 'b'], holds: (c, b) => b !== 'y' || c === 'on' },
  ],
};

/** By going through all complete assignments, the free dimensions included. */
function extensible(tuple: Classes): boolean {
  return assignments(model.dimensions, []).some(
    (whole) =>
      brokenBy(model.constraints, whole) === null && Object.entries(tuple).every(([name, one]) => whole[name] === one),
  );
}

describe.each([0, 1, 2, 3, 4])('tuples of %i', (size) => {
  test('are feasible where a complete assignment with all constraints contains them', () => {
    const all = assignments(model.dimensions, []).flatMap((whole) => {
      const entries = Object.entries(whole);
      return subsets(entries, size).map((chosen) => Object.fromEntries(chosen) as Classes);
    });
    const distinct = [...new Map(all.map((tuple) => [JSON.stringify(tuple), tuple])).values()];
    const sorted = (tuples: Classes[]) => tuples.map((tuple) => JSON.stringify(tuple)).sort();
    expect(sorted(feasibleTuples(model, size))).toEqual(sorted(distinct.filter(extensible)));
  });
});

function subsets<T>(list: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  const [first, ...rest] = list;
  if (first === undefined) return [];
  return [...subsets(rest, size - 1).map((others) => [first, ...others]), ...subsets(rest, size)];
}

test('a pair that no single constraint forbids, but two together do, is not feasible', () => {
  expect(feasibleTuples(model, 2)).not.toContainEqual({ a: '2', c: 'off' });
  expect(feasibleTuples(model, 2)).toContainEqual({ a: '1', c: 'off' });
});

describe('counting', () => {
  const one = { free: '1', a: '1', b: 'x', 'also free': 'no', c: 'off' };

  test('finds all missing where nothing was drawn', () => {
    const count = countTuples(model, new TupleSet(model.dimensions, 3), 2);
    expect(count.drawn).toBe(0);
    expect(count.missing).toEqual(feasibleTuples(model, 2));
    expect(count.feasible).toBe(count.missing.length);
  });

  test('finds the tuples of what was drawn, once however often', () => {
    const drawn = new TupleSet(model.dimensions, 3);
    for (let i = 0; i < 3; i++) drawn.addAll(one);
    expect([2, 3].map((size) => countTuples(model, drawn, size).drawn)).toEqual([10, 10]);
    drawn.addAll({ ...one, free: '2' });
    expect(countTuples(model, drawn, 2).drawn).toBe(14);
    expect(countTuples(model, drawn, 2).missing).not.toContainEqual({ free: '2', c: 'off' });
    expect(countTuples(model, drawn, 2).missing).toContainEqual({ free: '3', c: 'off' });
  });

  test('misses nothing where everything feasible was drawn', () => {
    const drawn = new TupleSet(model.dimensions, 3);
    for (const whole of assignments(model.dimensions, model.constraints)) drawn.addAll(whole);
    expect([2, 3].map((size) => countTuples(model, drawn, size).missing)).toEqual([[], []]);
  });
});
