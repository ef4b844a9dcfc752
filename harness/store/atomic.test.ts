import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeAtomically } from './atomic.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convdiff-atomic-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('writes the whole file and leaves nothing beside it', () => {
  const text = '{"é": "≥"}\n'.repeat(100_000);
  writeAtomically(join(folder, 'a.json'), text);
  expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe(text);
  expect(readdirSync(folder)).toEqual(['a.json']);
});

test('replaces what was there, also by something shorter', () => {
  const file = join(folder, 'a.json');
  writeFileSync(file, 'something longer');
  writeAtomically(file, 'short');
  expect(readFileSync(file, 'utf8')).toBe('short');
});

test('where it fails it throws, and leaves what was there and no temporary file', () => {
  const taken = join(folder, 'taken');
  mkdirSync(taken);
  writeFileSync(join(taken, 'inside'), 'still here');
  expect(() => writeAtomically(taken, 'text')).toThrow(/EISDIR|EEXIST|ENOTEMPTY/);
  expect(readdirSync(folder)).toEqual(['taken']);
  expect(readFileSync(join(taken, 'inside'), 'utf8')).toBe('still here');
});

test('a folder that is not there is not made', () => {
  expect(() => writeAtomically(join(folder, 'no', 'a.json'), 'text')).toThrow(/ENOENT/);
});
