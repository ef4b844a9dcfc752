import { describe, expect, test } from 'vitest';
import { type Case, caseSchema, type OpName } from '../core/case.ts';
import { operatorOf } from '../operators/index.ts';
import { type Counterexample, counterexampleSchema } from '../store/counterexample.ts';
import type { KnownIssue } from '../store/knownIssues.ts';
import { isKnownToFail, type KnownClass, knownClasses } from './known.ts';
import { batchSize, type Draw, drawBatch } from './plan.ts';

const strided: Case = {
  schema: caseSchema,
  op: 'conv1d' as const,
  params: { stride: 2 },
  inputs: {
    input: { dtype: 'float32' as const, shape: [1, 1, 2], data: { kind: 'inline' as const, values: [0, 1] } },
    weight: { dtype: 'float32' as const, shape: [1, 1, 1], data: { kind: 'inline' as const, values: [1] } },
  },
};

function saved(signature: string): Counterexample {
  const [op, backend, kind] = signature.split('/') as [OpName, string, Counterexample['kind']];
  return {
    schema: counterexampleSchema,
    id: 'a',
    signature,
    op,
    backend,
    version: '1',
    kind,
    reason: '',
    elements: 3,
    case: strided,
    before: [],
    shrunk: true,
    found: { seed: 1, batch: 0, index: 0 },
  };
}

function issue(features: string[], without: string[] = [], backends = ['mine']): KnownIssue {
  return {
    schema: 'convdiff/known-issue@1',
    id: 'issue',
    title: '',
    ops: ['conv1d', 'conv2d'],
    backends,
    versions: ['1'],
    kinds: ['value'],
    features,
    without,
    explanation: '',
    upstream: null,
    case: strided,
    before: [],
  };
}

const classesOf = (signature: string) => knownClasses([saved(signature)], [], ['mine']);
const ops: OpName[] = ['conv1d', 'conv2d'];
const has = (op: OpName, draw: Draw, feature: string) =>
  draw.twist === null && operatorOf(op).features(draw.spec).includes(feature);

describe('the classes that are known to fail', () => {
  test('are those of what is saved, and of known issues, on backends that take part', () => {
    expect(classesOf('conv1d/mine/value/stride+bias')).toEqual([
      { op: 'conv1d', backend: 'mine', features: ['stride', 'bias'], without: [], isOfValues: false },
    ]);
    const known = knownClasses([], [issue(['wanted NaN', 'bias'], ['groups'], ['mine', 'other'])], ['mine']);
    expect(known.map(({ op }) => op)).toEqual(ops);
    expect(known[0]).toEqual({
      op: 'conv1d',
      backend: 'mine',
      features: ['bias'],
      without: ['groups'],
      isOfValues: true,
    });
    expect(knownClasses([saved('conv1d/mine/value/bias')], [], ['other'])).toEqual([]);
  });

  test.each(['plain', 'not exact', 'takes: stride ≥ 1', 'invalid: stride ≥ 1', 'stride+history'])(
    'are not those of which nothing can be drawn instead: %s',
    (features) => {
      expect(classesOf(`conv1d/mine/value/${features}`)).toEqual([]);
    },
  );
});

describe('what is known to fail', () => {
  const batches = Array.from({ length: 8 }, (_, k) => k);
  const drawn = (classes: readonly KnownClass[]) =>
    batches.flatMap((k) => drawBatch(1, k, ops, batchSize, (op, draw) => isKnownToFail(classes, op, draw)));
  const count = (draws: ReturnType<typeof drawn>, op: OpName, feature: string) =>
    draws.filter((one) => one.op === op && has(one.op, one.draw, feature)).length;

  test('is drawn a quarter as often, and the rest more', () => {
    const before = drawn([]);
    const after = drawn(classesOf('conv1d/mine/value/stride'));
    expect(after).toHaveLength(before.length);
    const share = count(after, 'conv1d', 'stride') / count(before, 'conv1d', 'stride');
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.4);
    const others = (draws: ReturnType<typeof drawn>) =>
      draws.filter(({ op, draw }) => op === 'conv1d' && draw.twist === null && !has(op, draw, 'stride')).length;
    expect(others(after)).toBeGreaterThan(1.5 * others(before));
    expect(after.filter(({ op }) => op === 'conv2d')).toEqual(before.filter(({ op }) => op === 'conv2d'));
  });

  test('is drawn as seldom by whoever draws a batch, and as it was where it shows in other values', () => {
    const classes = classesOf('conv1d/mine/value/wanted NaN+stride');
    expect(drawn(classes)).toEqual(drawn(classes));
    const plain = (draws: ReturnType<typeof drawn>) =>
      count(
        draws.filter(({ draw }) => draw.values === 'lattice'),
        'conv1d',
        'stride',
      );
    expect(plain(drawn(classes))).toBeGreaterThanOrEqual(plain(drawn([])));
  });

  test.each<[string, KnownClass[], string[], string[]]>([
    ['all of a class’s features', classesOf('conv1d/mine/value/stride+bias'), ['stride', 'bias'], ['stride']],
    [
      'none of those that it is without',
      knownClasses([], [issue(['bias'], ['groups'])], ['mine']),
      ['bias'],
      ['bias', 'groups'],
    ],
  ])('has %s', (_, classes, known, other) => {
    const draws = batches.flatMap((k) => drawBatch(1, k, ops)).filter(({ op }) => op === 'conv1d');
    const of = (draw: Draw, features: readonly string[]) => {
      const own = operatorOf('conv1d').features(draw.spec);
      return ['stride', 'bias', 'groups'].every((one) => own.includes(one) === features.includes(one));
    };
    const those = (features: readonly string[]) =>
      draws
        .filter(({ draw }) => draw.twist === null && of(draw, features))
        .map(({ op, draw }) => isKnownToFail(classes, op, draw));
    expect(new Set(those(known))).toEqual(new Set([true]));
    expect(new Set(those(other))).toEqual(new Set([false]));
  });

  test('is drawn all the same where there is nothing else', () => {
    const everything = (op: OpName, draw: Draw) => op !== 'pad' || draw.twist === null;
    expect(drawBatch(1, 0, ops, 10, everything)).toEqual(drawBatch(1, 0, ops, 10));
  });
});
