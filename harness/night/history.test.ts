import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { keptNights, lastStanding, type Night, nextBatch, readHistory, untoldIn, writeHistory } from './history.ts';
import { night } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'convdiff-history-'));
const file = join(folder, 'history.jsonl');
afterAll(() => rmSync(folder, { recursive: true }));

describe('a history', () => {
  test('is empty where there is no file', () => {
    expect(readHistory(join(folder, 'none.jsonl'))).toEqual([]);
  });

  test('that is a folder is refused', () => {
    expect(() => readHistory(folder)).toThrow('cannot be read (EISDIR): move it away');
  });

  test('is read as it was written, one line a night', () => {
    const nights = [night(), night({ from: 12, next: 24, exit: 1, fresh: ['conv1d/mine/value/plain'] })];
    writeHistory(file, [nights[0]!]);
    writeHistory(file, [...readHistory(file), nights[1]!]);
    expect(readHistory(file)).toEqual(nights);
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test('drops the oldest nights', () => {
    const nights = Array.from({ length: keptNights + 3 }, (_, i) => night({ from: i }));
    writeHistory(file, [...nights, night({ from: 99_999 })]);
    const kept = readHistory(file);
    expect(kept).toHaveLength(keptNights);
    expect([kept[0]!.from, kept.at(-1)!.from]).toEqual([4, 99_999]);
  });

  test.each([
    ['{"schema":', 'line 2 is no JSON', 'move the file away'],
    [JSON.stringify({ ...night(), cases: -1 }), 'line 2: cases', 'Too small'],
    [JSON.stringify({ ...night(), more: 1 }), 'line 2', 'more'],
  ])('with a bad line is refused, by its place: %s', (line, where, what) => {
    writeFileSync(file, `${JSON.stringify(night())}\n${line}\n`);
    expect(() => readHistory(file)).toThrow(where);
    expect(() => readHistory(file)).toThrow(what);
  });
});

describe('the next night', () => {
  test('begins with the first batch that has not run, each shard with its own', () => {
    const history = [
      night({ shard: [1, 3], next: 12 }),
      night({ shard: [2, 3], next: 19 }),
      night({ shard: [3, 3], next: 14 }),
      night({ seed: 2, next: 70 }),
    ];
    expect(nextBatch(history, 1)).toBe(12);
    expect([0, 1, 2].map((index) => nextBatch(history, 1, { index, count: 3 }))).toEqual([12, 19, 14]);
    // 13, 16 and 10 of the second shard have run, 12 and 14 have not.
    expect([0, 1].map((index) => nextBatch(history, 1, { index, count: 2 }))).toEqual([12, 15]);
    expect(nextBatch(history, 2)).toBe(70);
    expect(nextBatch(history, 3)).toBe(0);
    expect(nextBatch(history, 3, { index: 1, count: 2 })).toBe(1);
  });
});

test('what ran in nights that are forgotten does not run again', () => {
  const nights = [...new Array<Night>(keptNights - 1).fill(night({ seed: 2 })), night({ from: 500, next: 512 })];
  expect(nextBatch(nights, 1)).toBe(512);
  expect(nextBatch(nights, 1, { index: 1, count: 3 })).toBe(514);
});

test('what a shard should have run that left nothing runs yet', () => {
  const nights = [night({ shard: [2, 3], from: 1, next: 13 })];
  expect(nextBatch(nights, 1)).toBe(0);
  expect([0, 1, 2].map((index) => nextBatch(nights, 1, { index, count: 3 }))).toEqual([0, 13, 2]);
});

test('what a night found that was killed is untold until another night ends that has it', () => {
  const killed = night({ exit: null, fresh: ['a', 'b'], old: ['c'] });
  expect([...untoldIn([killed])]).toEqual(['a', 'b']);
  expect([...untoldIn([killed, night({ exit: null, fresh: ['b'] })])]).toEqual(['a', 'b']);
  expect([...untoldIn([killed, night({ exit: 1, fresh: ['a'] })])]).toEqual(['b']);
  expect([...untoldIn([night({ fresh: ['a'] })])]).toEqual([]);
  // It had been deleted since.
  expect([...untoldIn([night({ exit: 1, fresh: ['a'] }), killed])]).toEqual(['a', 'b']);
});

describe('the last standing of a kept failure', () => {
  const saved = (standing: Night['saved'][number]['standing']) => night({ saved: [{ key: 'a', standing }] });

  test('is that of the last night that could tell', () => {
    expect(lastStanding([saved('fails'), saved('fixed')], 'a')).toBe('fixed');
    expect(lastStanding([saved('fixed'), saved('left out'), saved('undecided'), night()], 'a')).toBe('fixed');
    expect(lastStanding([saved('fixed'), saved('fails')], 'a')).toBe('fails');
    expect(lastStanding([saved('fixed')], 'b')).toBe(null);
  });
});
