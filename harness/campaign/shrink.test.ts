import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Case } from '../core/case.ts';
import { fromJsonNumber } from '../core/json.ts';
import { prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import { withoutLacks } from '../semantics/semantics.ts';
import { caseOf, type Draw, drawArbitrary } from './plan.ts';
import { inlined, shrinkData, shrinkLayer } from './shrink.ts';
import { telling } from './signature.ts';
import type { Failure } from './trial.ts';

/** Shrinking is pure but for the question whether a candidate fails, which these tests answer themselves. */
function failing(testCase: Case): Failure {
  const mismatch = { verdict: 'mismatch' as const, kind: 'value' as const, reason: '', shape: null, culprit: null };
  return { call: prepare(testCase), mismatch, before: [] };
}

function failsWhen(condition: (testCase: Case) => boolean) {
  return async (candidates: readonly Case[]) =>
    candidates.map((candidate) => (condition(candidate) ? failing(candidate) : null));
}

const forever = () => ({ deadline_ms: Number.POSITIVE_INFINITY, signal: new AbortController().signal });

type Bug = [string, (testCase: Case) => boolean];

const layerBugs: Bug[] = [
  ['a kernel of 3 or more with a bias', ({ inputs }) => inputs.weight!.shape[2]! >= 3 && inputs.bias !== undefined],
  ['groups', ({ params }) => ((params.groups as number | undefined) ?? 1) > 1],
  ['stride with dilation', ({ params }) => params.stride !== undefined && params.dilation !== undefined],
];
const paddingBugs: Bug[] = [
  ['a crop beside a pad', ({ params }) => [-1, 1].every((sign) => (params.pad as number[]).some((n) => sign * n > 0))],
  [
    'two padded axes of integers',
    ({ params, inputs }) => (params.pad as number[]).length > 2 && inputs.input.dtype === 'int32',
  ],
];
const bugsOf = ({ family }: Operator): Bug[] => [
  ...(family === 'padding' ? paddingBugs : layerBugs),
  ['more than 20 input elements', ({ inputs }) => inputs.input.shape.reduce((a, b) => a * b, 1) > 20],
];

describe.each(operators)('the smallest layer of $name', (operator) => {
  it.each(bugsOf(operator))(
    'that has %s needs no more than the one that fc.check finds from the same value, and shrinks no further',
    async (_, bug) => {
      const arbitrary = drawArbitrary(operator);
      const draws = fc
        .sample(arbitrary, { seed: 11, numRuns: 1500 })
        .filter((draw) => draw.twist === null && bug(caseOf(operator.name, draw)))
        .slice(0, 8);
      expect(draws.length).toBe(8);
      for (const draw of draws) {
        const property = fc.property(arbitrary, (candidate) => !bug(caseOf(operator.name, candidate)));
        const { counterexample } = fc.check(property, { examples: [[draw]], numRuns: 1 });
        const start = failing(caseOf(operator.name, draw));
        for (const width of [1, 8]) {
          const smallest = await shrinkLayer(start, draw, failsWhen(bug), width, forever());
          expect(smallest.call.operator).toBe(operator);
          expect(bug(smallest.call.case)).toBe(true);
          const needs = ({ spec }: Draw) => withoutLacks(telling(operator.features(spec))).length;
          // Of pads, one at each of two axes is as plain as two at one.
          const most = needs(counterexample![0]!) + Number(operator.family === 'padding');
          expect(needs({ ...draw, spec: smallest.call.spec })).toBeLessThanOrEqual(most);
          const further = [...arbitrary.shrink({ ...draw, spec: smallest.call.spec }, undefined)].filter(({ value }) =>
            bug(caseOf(operator.name, { ...value, values: draw.values })),
          );
          expect(
            further.map(({ value }) => value.spec).filter((spec) => !isDeepStrictEqual(spec, smallest.call.spec)),
          ).toEqual([]);
        }
      }
    },
  );
});

describe('shrinking data', () => {
  const draw: Draw = {
    spec: {
      params: { stride: 2, padding: 1, dilation: 1, groups: 1 },
      shapes: { input: [2, 3, 9], weight: [4, 3, 3], bias: [4] },
      dtypes: { input: 'float32', weight: 'float32', bias: 'float32' },
    },
    values: 'normal',
    seed: 5,
    twist: null,
  };
  const testCase = caseOf('conv1d', draw);
  const needs = ({ inputs: { input } }: Case) =>
    input.data.kind === 'inline' && input.data.values.some((value) => Math.abs(fromJsonNumber(value)) >= 0.5);

  it('keeps only what the failure needs: all else becomes 0', async () => {
    const start = failing(inlined(testCase, prepare(testCase)));
    expect(needs(start.call.case)).toBe(true);
    const smallest = await shrinkData(start, failsWhen(needs), 8, forever());
    const values = Object.values(smallest.call.case.inputs).flatMap(({ data }) =>
      data.kind === 'inline' ? data.values : [],
    );
    expect(values.filter((value) => value !== 0)).toEqual([1]);
  });

  it('stops at once when time is up, with the case as it was', async () => {
    const start = failing(testCase);
    const over = { deadline_ms: 0, signal: new AbortController().signal };
    const smallest = await shrinkLayer(
      start,
      draw,
      failsWhen(() => true),
      8,
      over,
    );
    expect(smallest).toBe(start);
  });
});
