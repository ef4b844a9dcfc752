import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import { operators } from '../operators/index.ts';
import { type Coverage, coverageOf, drawsOf, modelOf, shortfallOf } from './coverage.ts';
import { assignments, boundDimensions, brokenBy, classesOf } from './model.ts';

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (op, operator) => {
  const model = modelOf(operator);

  test('has dimensions and classes of their own, and constraints on dimensions that there are', () => {
    const names = model.dimensions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { classes } of model.dimensions) expect(new Set(classes).size).toBe(classes.length);
    for (const { on } of model.constraints) expect(on.filter((name) => !names.includes(name))).toEqual([]);
  });

  test('its dimensions, classes and constraints are explained', () => {
    const page = readFileSync(join(root, 'docs/explanation/coverage.md'), 'utf8');
    const words = model.dimensions.flatMap(({ name, classes }) => [name, ...classes.map((one) => `\`${one}\``)]);
    const whys = model.constraints.map(({ why }) => why);
    expect([...words, ...whys].filter((one) => !page.includes(one))).toEqual([]);
  });

  test('every constraint forbids something that the others allow', () => {
    const bound = boundDimensions(model);
    const feasible = assignments(bound, model.constraints).length;
    for (const constraint of model.constraints) {
      const others = model.constraints.filter((other) => other !== constraint);
      expect([constraint.why, assignments(bound, others).length > feasible]).toEqual([constraint.why, true]);
    }
  });

  test('constraints hold for whatever is drawn', () => {
    for (const draw of drawsOf(op, 99, 10_000)) {
      if (draw.twist !== null) continue;
      const broken = brokenBy(model.constraints, classesOf(model, draw));
      expect(broken === null ? null : { why: broken.why, spec: draw.spec }).toBeNull();
    }
  });

  test.each([1, -2, 2 ** 40])('10,000 cases of seed %i have all pairs, nearly all triples, and all twists', (seed) => {
    const coverage = coverageOf(op, seed, 10_000);
    expect(coverage.pairs.missing).toEqual([]);
    expect(coverage.triples.drawn / coverage.triples.feasible).toBeGreaterThan(0.99);
    expect(shortfallOf(coverage)).toBeNull();
    expect(Object.entries(coverage.twists).filter(([, count]) => count === 0)).toEqual([]);
  });

  test('every triple that is called feasible is drawn in the end', () => {
    expect(coverageOf(op, 5, 40_000).triples.missing).toEqual([]);
  });
});

describe('coverage', () => {
  test('follows from the seed', () => {
    expect(coverageOf('pad', 7, 600)).toEqual(coverageOf('pad', 7, 600));
    expect(coverageOf('pad', 7, 600).classes).not.toEqual(coverageOf('pad', 8, 600).classes);
  });

  test('counts every case once: in one class of each dimension, or in one twist', () => {
    const { classes, twists } = coverageOf('conv2d', 3, 700);
    const twisted = sum(Object.values(twists));
    expect(twisted).toBeGreaterThan(0);
    for (const counts of Object.values(classes)) expect(sum(Object.values(counts)) + twisted).toBe(700);
  });

  test('is of the cases that a campaign draws', () => {
    const draws = [...drawsOf('conv1d', 4, 300)];
    expect(draws.length).toBe(300);
    const without = draws.filter(({ twist, spec }) => twist === null && spec.shapes.bias === undefined);
    expect(coverageOf('conv1d', 4, 300).classes.bias).toMatchObject({ no: without.length });
  });
});

describe('too little is', () => {
  const all = { feasible: 100, drawn: 100, missing: [] };
  const missing = [{ a: '1' }];
  const coverage = (changes: Partial<Coverage>): Coverage => ({
    ...{ op: 'pad', seed: 1, cases: 10, pairs: all, triples: all, classes: {}, twists: {} },
    ...changes,
  });

  test('a pair that is missing', () => {
    expect(shortfallOf(coverage({}))).toBeNull();
    expect(shortfallOf(coverage({ pairs: { feasible: 100, drawn: 99, missing } }))).toBe('pad lacks 1 of 100 pairs');
  });

  test('more than one triple in twenty', () => {
    const lacking = (count: number) => ({ feasible: 100, drawn: 100 - count, missing: new Array(count).fill({}) });
    expect(shortfallOf(coverage({ triples: lacking(5) }))).toBeNull();
    expect(shortfallOf(coverage({ triples: lacking(6) }))).toBe('pad lacks 6 of 100 triples');
  });
});
