import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import { UsageError } from '../core/errors.ts';
import { prepare } from '../operators/call.ts';
import { readKnownIssues, recognise } from './knownIssues.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convdiff-known-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tensor = { dtype: 'float32', shape: [1, 1, 1], data: { kind: 'inline', values: ['NaN'] } };
const issue = {
  schema: 'convdiff/known-issue@1',
  title: 'NaN is lost',
  ops: ['conv1d', 'conv_transpose1d'],
  backends: ['mine', 'mine-native'],
  versions: ['1.0', '1.1'],
  kinds: ['value', 'unstable'],
  features: ['wanted NaN', 'bias'],
  without: ['groups', 'dilation'],
  explanation: 'max(x, 0)',
  upstream: null,
  case: { schema: 'convdiff/case@1', op: 'conv1d', inputs: { input: tensor, weight: tensor } },
  before: [],
};

function write(name: string, json: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(json));
}

const failure = {
  op: 'conv1d',
  backend: 'mine',
  version: '1.1',
  kind: 'value',
  features: ['wanted NaN', 'stride', 'bias'],
};

describe('a failure is recognised', () => {
  test('by operator, backend, release, kind and features, with whatever else it has', () => {
    write('nan.json', issue);
    expect(recognise(readKnownIssues(folder), failure)?.id).toBe('nan');
  });

  test.each([
    ['operators', { op: 'conv_transpose1d' }],
    ['backends', { backend: 'mine-native' }],
    ['releases', { version: '1.0' }],
    ['kinds', { kind: 'unstable' }],
  ])('by any of its %s', (_, change) => {
    write('nan.json', issue);
    expect(recognise(readKnownIssues(folder), { ...failure, ...change })?.id).toBe('nan');
  });

  test.each([
    ['another operator', { op: 'pad' }],
    ['another backend', { backend: 'other' }],
    ['another release', { version: '1.2' }],
    ['another kind', { kind: 'shape' }],
    ['a feature less', { features: ['wanted NaN'] }],
    ['a feature that it must not have', { features: ['wanted NaN', 'bias', 'groups'] }],
  ])('and not with %s', (_, change) => {
    write('nan.json', issue);
    expect(recognise(readKnownIssues(folder), { ...failure, ...change })).toBeNull();
  });

  test('by the first file that explains it', () => {
    write('b.json', { ...issue, title: 'second' });
    write('a.json', { ...issue, ops: ['conv_transpose1d'] });
    write('c.json', { ...issue, features: [] });
    expect(recognise(readKnownIssues(folder), failure)?.title).toBe('second');
  });
});

test('no folder is no known issue', () => {
  expect(readKnownIssues(join(folder, 'none'))).toEqual([]);
  expect(recognise([], failure)).toBeNull();
});

test.each<[string, object, RegExp]>([
  ['an unknown key', { ...issue, excuse: 'x' }, /excuse/],
  ['no explanation', { ...issue, explanation: undefined }, /explanation/],
  ['an unknown kind', { ...issue, kinds: ['odd'] }, /kinds/],
  ['a bad case', { ...issue, case: { schema: 'convdiff/case@1' } }, /case: op/],
  ['a bad earlier case', { ...issue, before: [issue.case, {}] }, /before\[1\]: /],
])('a bad file is refused: %s', (_, json, message) => {
  write('bad.json', json);
  const read = () => readKnownIssues(folder);
  expect(read).toThrow(UsageError);
  expect(read).toThrow(/bad\.json: /);
  expect(read).toThrow(message);
});

test('those that come with convdiff can be read, and their cases are valid', () => {
  for (const known of readKnownIssues(join(root, 'reports/known-issues'))) {
    expect(known.ops).toContain(known.case.op);
    // But for what is taken though a rule forbids it.
    const forbidden = known.features.find((feature) => feature.startsWith('takes: '))?.slice('takes: '.length);
    expect(prepare(known.case).refusal?.rule).toBe(forbidden);
  }
});
