import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import { caseSchema } from '../core/case.ts';
import { type Counterexample, counterexampleSchema } from '../store/counterexample.ts';
import { readHistory, settledKey } from './history.ts';
import { mergeCounterexamples, mergeHistories, remember } from './merge.ts';
import { night } from './testing.ts';

/* What shards leave is joined in any order and in any grouping, with the same result. */

const counterexample = fc
  .record({
    id: fc.constantFrom('0123456789ab', '1123456789ab', '2123456789ab'),
    elements: fc.integer({ min: 1, max: 3 }),
    shrunk: fc.boolean(),
    seed: fc.integer({ min: 1, max: 3 }),
    oracle: fc.constantFrom(undefined, 'reference' as const),
  })
  .map(({ id, elements, shrunk, seed, oracle }): Counterexample => {
    return {
      schema: counterexampleSchema,
      id,
      signature: `conv1d/mine/value/${id}`,
      op: 'conv1d',
      backend: 'mine',
      version: '1',
      kind: 'value',
      reason: '',
      elements,
      case: { schema: caseSchema, op: 'conv1d', params: {}, inputs: {} as Counterexample['case']['inputs'] },
      before: [],
      shrunk,
      found: { seed, batch: 0, index: 0 },
      ...(oracle === undefined ? {} : { oracle }),
    };
  });

const anyNight = fc
  .record({ hour: fc.integer({ min: 10, max: 13 }), shard: fc.integer({ min: 1, max: 3 }), next: fc.nat(5) })
  .map(({ hour, shard, next }) => night({ started: `2026-11-28T${hour}:00:00.000Z`, shard: [shard, 3], next }));

/** Three lists, joined as they are, in another order, and two of them first. */
function ways<T>(join: (all: readonly T[]) => T[], [a, b, c]: readonly [T[], T[], T[]]): T[][] {
  return [
    join([...a, ...b, ...c]),
    join([...c, ...a, ...b]),
    join([...join([...a, ...b]), ...c]),
    join([...a, ...join([...c, ...b])]),
    join([...a, ...b, ...c, ...a]),
  ];
}

test('counterexamples', () => {
  const lists = fc.array(counterexample, { maxLength: 6 });
  fc.assert(
    fc.property(fc.tuple(lists, lists, lists), (three) => {
      const [first, ...others] = ways((all) => mergeCounterexamples(all, []), three);
      for (const other of others) expect(other).toEqual(first);
      expect(new Set(first!.map(({ id }) => id)).size).toBe(first!.length);
      expect(first!.length).toBe(new Set(three.flat().map(({ id }) => id)).size);
    }),
  );
});

test('nights', () => {
  const lists = fc.array(anyNight, { maxLength: 6 });
  fc.assert(
    fc.property(fc.tuple(lists, lists, lists), (three) => {
      const [first, ...others] = ways(mergeHistories, three);
      for (const other of others) expect(other).toEqual(first);
      expect(first!.map(({ started }) => started)).toEqual(first!.map(({ started }) => started).sort());
    }),
  );
});

describe('of one signature', () => {
  const of = (more: Partial<Counterexample>) => ({
    ...fc.sample(counterexample, { seed: 1, numRuns: 1 })[0]!,
    ...more,
  });
  const kept = (...all: Counterexample[]) => mergeCounterexamples(all, [])[0];

  test("PyTorch's word comes before that of others, then what is shrunk, then the smaller", () => {
    const { oracle: _, ...byPyTorch } = of({ elements: 3, shrunk: false });
    const byUs = of({ elements: 1, shrunk: true, oracle: 'reference' });
    expect(kept(byUs, byPyTorch)).toEqual(byPyTorch);
    const [large, small] = [
      of({ elements: 9, shrunk: true, oracle: 'none' }),
      of({ elements: 2, shrunk: false, oracle: 'none' }),
    ];
    expect(kept(small, large)).toEqual(large);
    expect(kept(large, { ...large, elements: 8 })!.elements).toBe(8);
  });
});

test('what was saved as it stood is left out once a night has settled it, and nothing else', () => {
  const [raw, other] = fc
    .sample(counterexample, { seed: 2, numRuns: 2 })
    .map((one, i) => ({ ...one, id: `${i}`, shrunk: false }));
  const settled = night({ settled: [settledKey(raw!)] });
  expect(mergeCounterexamples([raw!, other!], [night(), settled])).toEqual([other]);
  expect(mergeCounterexamples([raw!, other!], [night()])).toEqual([raw, other]);
  const elsewhere = { ...raw!, found: { ...raw!.found, batch: raw!.found.batch + 1 } };
  const shrunk = { ...raw!, shrunk: true };
  expect(mergeCounterexamples([elsewhere], [settled])).toEqual([elsewhere]);
  expect(mergeCounterexamples([raw!, shrunk], [settled])).toEqual([shrunk]);
});

test('a night that another history has as it stood is there once, as it ended', () => {
  const [early, late, ended] = [night({ exit: null, cases: 5 }), night({ exit: null, cases: 9 }), night({ cases: 7 })];
  expect(mergeHistories([early, late])).toEqual([late]);
  for (const all of [
    [early, ended, late],
    [late, early, ended],
    [ended, late],
  ])
    expect(mergeHistories(all)).toEqual([ended]);
});

describe('a night that is under way is remembered', () => {
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-remember-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const before = night({ started: '2026-11-27T01:00:00.000Z' });

  test('as it stands last, beside another that writes to the same file', () => {
    const file = join(folder, 'history.jsonl');
    const [own, other] = [night({ exit: null, seconds: 5.1, cases: 256 }), night({ seed: 2, exit: null })];
    remember(file, own, []);
    remember(file, other, []);
    // Nothing more has run, but something was found.
    const later = { ...own, seconds: 16.2, fresh: ['conv1d/mine/value/stride'] };
    remember(file, later, []);
    expect(readHistory(file)).toEqual([later, other]);
    const ended = { ...later, exit: 1 };
    expect(remember(file, ended, [])).toEqual([ended, other]);
  });

  test('with what there was when it began, where the file has been spoilt since', () => {
    const file = join(folder, 'spoilt.jsonl');
    writeFileSync(file, '{');
    expect(remember(file, night(), [before])).toEqual([before, night()]);
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test('beside others in the same moment', async () => {
    const file = join(mkdtempSync(join(folder, 'at-once-')), 'history.jsonl');
    const merge = pathToFileURL(join(root, 'dist/harness/night/merge.js')).href;
    const program = `
      const { remember } = await import(${JSON.stringify(merge)});
      const [file, night, writer] = process.argv.slice(1);
      for (let i = 0; i < 40; i++) remember(file, { ...JSON.parse(night), seed: 100 * Number(writer) + i }, []);
    `;
    const writers = [1, 2, 3];
    await Promise.all(
      writers.map((writer) =>
        execa(process.execPath, ['--input-type=module', '-e', program, file, JSON.stringify(night()), `${writer}`]),
      ),
    );
    expect(new Set(readHistory(file).map(({ seed }) => seed)).size).toBe(40 * writers.length);
    expect(readdirSync(dirname(file))).toEqual(['history.jsonl']);
  });
});
