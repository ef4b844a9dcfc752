import { describe, expect, test } from 'vitest';
import { caseOf } from '../campaign/plan.ts';
import type { OpName } from '../core/case.ts';
import { drawsOf } from '../coverage/coverage.ts';
import type { Classes } from '../coverage/model.ts';
import { prepare } from '../operators/call.ts';
import { operatorOf } from '../operators/index.ts';
import { learn, meets } from './learn.ts';
import { conditionsOf, describe as describeCall } from './vocabulary.ts';

/* Boundaries that real backends have, from the classes of a campaign's draws alone. */

function classesIn(op: OpName, seed: number, cases: number): Classes[] {
  return [...drawsOf(op, seed, cases)]
    .filter(({ twist }) => twist === null)
    .map((draw) => describeCall(prepare(caseOf(op, draw)), draw.values, 'none'));
}

function rulesFor(op: OpName, happens: (classes: Classes, i: number) => boolean): string[] {
  const all = classesIn(op, 1, 1000);
  const rules = learn(
    all.filter(happens),
    all.filter((classes, i) => !happens(classes, i)),
    conditionsOf(operatorOf(op), all),
  );
  return rules.map((rule) => rule.map(({ words }) => words).join(' and '));
}

const isOneOf =
  (...classes: string[]) =>
  (found: string | undefined) =>
    classes.includes(found!);
const isStrided = (classes: Classes) => classes.stride !== '1';
const isDilated = (classes: Classes) => classes.dilation !== '1';

describe('a boundary is found as it is', () => {
  test.each<[OpName, string[], (classes: Classes) => boolean]>([
    ['conv2d', ['stride > 1 and dilation > 1'], (c) => isStrided(c) && isDilated(c)],
    ['conv1d', ['groups > 1'], (c) => c.groups !== 'one'],
    ['conv3d', ["padding 'same'"], (c) => c.padding === 'same'],
    ['conv_transpose2d', ['output_padding ≥ stride'], (c) => c.output_padding === '≥ stride'],
    ['conv_transpose1d', ['padding > 0 and output_padding > 0'], (c) => c.output_padding !== '0' && c.padding !== '0'],
    ['conv2d', ['stride > 1 and batch > 1 and a bias'], (c) => c.bias === 'yes' && c.batch === '> 1' && isStrided(c)],
    ['pad', ['mode circular'], (c) => c.mode === 'circular'],
    [
      'pad',
      ['mode reflect or replicate and crops'],
      (c) => isOneOf('reflect', 'replicate')(c.mode) && isOneOf('crops', 'both')(c.signs),
    ],
    ['conv2d', ['a kernel > 3'], (c) => c['kernel size'] === '4'],
    ['conv1d', ['groups > 2'], (c) => c['number of groups'] === '3'],
    ['conv2d', ['stride > 1 and dilation > 1 on one axis'], (c) => c['on one axis'] === 'stride and dilation'],
    ['conv1d', ["padding 'same' with one zero more behind"], (c) => c['ends of same'] === 'unequal'],
    ['pad', ['an input of four axes'], (c) => c.rank === '4'],
    ['pad', ['crops and an input of four axes'], (c) => c.rank === '4' && isOneOf('crops', 'both')(c.signs)],
    ['conv2d', [''], () => true],
    ['conv2d', [], () => false],
  ])('%s: %j', (op, expected, happens) => expect(rulesFor(op, happens)).toEqual(expected));

  test('where there are two, both', () => {
    const rules = rulesFor('conv_transpose2d', (c) => c.groups !== 'one' || (isDilated(c) && isStrided(c)));
    expect(rules.sort()).toEqual(['groups > 1', 'stride > 1 and dilation > 1']);
  });

  test('also where it happens in most of the cases only', () => {
    expect(rulesFor('conv2d', (c, i) => isDilated(c) && i % 3 > 0)).toEqual(['dilation > 1']);
  });
});

test('no rule for what happens anywhere, now and then', () => {
  expect(rulesFor('conv2d', (_, i) => i % 97 === 0)).toEqual([]);
});

test.each(['conv1d', 'conv_transpose3d', 'pad'] as OpName[])('%s: each condition divides the draws', (op) => {
  const all = classesIn(op, 2, 3000);
  for (const condition of conditionsOf(operatorOf(op), all)) {
    const count = all.filter((classes) => meets([condition], classes)).length;
    expect({ condition: condition.words, divides: count > 0 && count < all.length }).toMatchObject({ divides: true });
  }
});
