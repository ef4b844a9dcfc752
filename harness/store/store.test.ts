import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Case, caseSchema } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { type Counterexample, counterexampleSchema, elementsOf } from './counterexample.ts';
import { Store } from './store.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convdiff-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function caseOf(length: number): Case {
  const tensor = (size: number) => ({
    dtype: 'float32' as const,
    shape: [1, 1, size],
    data: { kind: 'seeded' as const, values: 'lattice' as const, seed: 1 },
  });
  return {
    schema: caseSchema,
    op: 'conv1d',
    params: { stride: 2 },
    inputs: { input: tensor(length), weight: tensor(1) },
  };
}

function counterexample(length: number, changes: Partial<Counterexample> = {}): Counterexample {
  const testCase = caseOf(length);
  return {
    schema: counterexampleSchema,
    id: 'abcdef012345',
    signature: 'conv1d/mine/value/stride',
    op: 'conv1d',
    backend: 'mine',
    version: '1',
    kind: 'value',
    reason: 'at [0, 0, 0]: wanted 1, got 2',
    elements: elementsOf(testCase),
    case: testCase,
    before: [],
    shrunk: true,
    found: { seed: 1, batch: 2, index: 3 },
    ...changes,
  };
}

test('what is saved comes back as it was, history and all', () => {
  const store = new Store(folder);
  const saved = counterexample(5, { before: [caseOf(2), caseOf(3)] });
  const file = store.save(saved);
  expect(store.read(file).counterexample).toEqual(saved);
  expect(store.list()).toEqual([{ file, counterexample: saved }]);
  expect(saved.elements).toBe(6);
});

describe('one signature has one file', () => {
  test('in which a smaller counterexample replaces a larger one, and not the other way round', () => {
    const store = new Store(folder);
    const file = store.save(counterexample(5));
    expect(store.save(counterexample(9))).toBe(file);
    expect(store.read(file).counterexample.elements).toBe(6);
    expect(store.save(counterexample(2))).toBe(file);
    expect(store.read(file).counterexample.elements).toBe(3);
    expect(readdirSync(folder).length).toBe(1);
  });

  test('in which the first of two that are equally large stays', () => {
    const store = new Store(folder);
    const file = store.save(counterexample(5));
    store.save(counterexample(5, { reason: 'another' }));
    expect(store.read(file).counterexample.reason).not.toBe('another');
  });

  test('and others have others', () => {
    const store = new Store(folder);
    const files = [
      counterexample(5),
      counterexample(5, { id: 'fedcba' }),
      counterexample(5, { backend: 'other' }),
      counterexample(5, { kind: 'shape' }),
      counterexample(5, { shrunk: false }),
    ].map((one) => store.save(one));
    expect(new Set(files).size).toBe(files.length);
    expect(store.list().map(({ file }) => file)).toEqual([...files].sort());
  });
});

test('whatever a backend calls itself, its files stay in the folder', () => {
  const store = new Store(folder);
  store.save(counterexample(5, { backend: '../../evil name\n/x' }));
  store.save(counterexample(5, { backend: 'x'.repeat(500) }));
  expect(readdirSync(folder)).toHaveLength(2);
  expect(store.list()).toHaveLength(2);
});

test('a file can be removed, also twice', () => {
  const store = new Store(folder);
  const file = store.save(counterexample(5));
  store.remove(file);
  store.remove(file);
  expect(store.list()).toEqual([]);
});

test('among other files those are found that are named as counterexamples, or say that they are', () => {
  const store = new Store(folder);
  const file = store.save(counterexample(5, { id: '0123456789ab' }));
  const renamed = join(folder, 'my-bug.json');
  copyFileSync(file, renamed);
  writeFileSync(join(folder, 'night.json'), '[]');
  writeFileSync(join(folder, 'broken.json'), '{');
  expect(store.named().map((one) => one.file)).toEqual([file]);
  expect(store.found().map((one) => one.file)).toEqual([file, renamed].sort());
  writeFileSync(join(folder, 'conv1d-x-value-0123456789ab.json'), '{');
  expect(() => store.found()).toThrow(UsageError);
});

describe('a folder', () => {
  test('that is not there is empty, and is made once it is checked', () => {
    const store = new Store(join(folder, 'deep', 'er'));
    expect(store.list()).toEqual([]);
    store.checkWritable();
    expect(readdirSync(store.folder)).toEqual([]);
    store.save(counterexample(5));
    expect(store.list()).toHaveLength(1);
  });

  test('that cannot be written is refused with what to do', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'file'), join(folder, 'file', 'below')]) {
      const check = () => new Store(path).checkWritable();
      expect(check).toThrow(UsageError);
      expect(check).toThrow(/^the store .*file.* cannot be written \(E[A-Z]+\): name another folder with --store$/);
    }
  });

  test('that is a file cannot be read', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => new Store(join(folder, 'file')).list()).toThrow(UsageError);
  });

  test('may hold other things than counterexamples', () => {
    writeFileSync(join(folder, 'README.md'), 'mine');
    expect(new Store(folder).list()).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    ['text', 'oops', /is not JSON/],
    ['no object', '7', /must be an object/],
    ['a plain case', JSON.stringify(caseOf(5)), /schema must be "convdiff\/counterexample@1": got "convdiff\/case@1"/],
    ['no id', JSON.stringify({ ...counterexample(5), id: undefined }), /id must be a string: got undefined/],
    [
      'an unknown kind',
      JSON.stringify({ ...counterexample(5), kind: 'odd' }),
      /kind must be one of value, .*: got "odd"/,
    ],
    ['a bad case', JSON.stringify({ ...counterexample(5), case: {} }), /case: schema/],
    ['a bad history', JSON.stringify({ ...counterexample(5), before: {} }), /before must be a list/],
    ['a bad case in the history', JSON.stringify({ ...counterexample(5), before: [{}] }), /before\.0: schema/],
  ])('with a bad file (%s) names the file and what is wrong', (_, text, message) => {
    writeFileSync(join(folder, 'bad.json'), text);
    const list = () => new Store(folder).list();
    expect(list).toThrow(UsageError);
    expect(list).toThrow(/bad\.json: /);
    expect(list).toThrow(message);
  });
});
