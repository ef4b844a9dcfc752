import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameworkOracle } from '../campaign/framework.ts';
import { caseOf, type Draw } from '../campaign/plan.ts';
import { mapInputs } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import { elementCount } from '../core/tensor.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';
import { prepare } from './call.ts';
import { operators } from './index.ts';
import type { Operator } from './operator.ts';

/*
 * The rules and oddities against PyTorch itself: what they say of a call is what PyTorch does with it.
 */

let oracle: FrameworkOracle;
beforeAll(async () => {
  oracle = await FrameworkOracle.pytorch(60_000);
});
afterAll(() => oracle.close());

/** Several runs of fast-check: each begins with its bias towards small and large values. */
function specsOf(operator: Operator, runs: number, perRun: number): Spec[] {
  return Array.from({ length: runs }, (_, seed) => fc.sample(operator.arbitrary, { seed, numRuns: perRun })).flat();
}

async function judged(operator: Operator, spec: Spec): Promise<{ refusal: string | null; outcome: Outcome }> {
  const draw: Draw = { spec, values: 'lattice', seed: 1, twist: null };
  const call = prepare(caseOf(operator.name, draw));
  return { refusal: call.refusal?.rule ?? null, outcome: await oracle.run(call) };
}

/** What PyTorch and our rules say of each, in one form; the shape where it is taken. All are asked at once. */
async function said(operator: Operator, specs: readonly Spec[]) {
  return Promise.all(
    specs.map(async (spec) => {
      const { refusal, outcome } = await judged(operator, spec);
      return {
        pytorch: outcome.kind === 'ok' ? outcome.output.shape : outcome.kind,
        ours: refusal === null ? operator.outputShape(spec) : 'rejected',
        spec,
        refusal,
      };
    }),
  );
}

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_, operator) => {
  test('every drawn call is legal, for PyTorch too, and has the shape that we say', async () => {
    for (const { spec, refusal, pytorch, ours } of await said(operator, specsOf(operator, 10, 60))) {
      expect({ spec, refusal, pytorch }).toEqual({ spec, refusal: null, pytorch: ours });
    }
  });

  const plain = specsOf(operator, 6, 30);

  test.each([...operator.twists.keys()])(
    '%s: PyTorch takes it exactly where our rules do, with the same shape',
    async (name) => {
      for (const { spec, refusal, pytorch, ours } of await said(operator, plain.map(operator.twists.get(name)!))) {
        expect({ spec, refusal, pytorch }).toEqual({ spec, refusal, pytorch: ours });
      }
    },
  );

  test.each(operator.rules.map((rule) => [rule.name, rule] as const))('%s: its breaks break it', (name, rule) => {
    const broken = specsOf(operator, 2, 40).flatMap((spec) => rule.breaks(spec));
    const rules = broken.map((spec) => refusalOf(operator.rules, spec)?.rule ?? null);
    expect(rules).not.toContain(null);
    // A break may trip over an earlier rule now and then, but a rule that is never the one that counts is not tested at all.
    expect(rules.filter((rule) => rule === name).length).toBeGreaterThan(0.2 * rules.length);
  });

  test('a broken rule says which value is wrong', () => {
    for (const rule of operator.rules) {
      for (const spec of rule.breaks(specsOf(operator, 1, 1)[0]!)) {
        expect(rule.message(spec)).toMatch(/: (got|kernel|its sizes) |got /);
      }
    }
  });

  test('without a feature, and otherwise than with it, a call keeps all rules', () => {
    for (const spec of specsOf(operator, 5, 30)) {
      for (const feature of operator.features(spec)) {
        for (const other of [...operator.without(spec, [feature]), ...operator.otherwise(spec, feature).flat()]) {
          const refusal = refusalOf(operator.rules, other);
          expect({ spec, feature, other, refusal }).toEqual({ spec, feature, other, refusal: null });
        }
      }
    }
  });

  const { rounding } = operator;
  if (rounding !== null) {
    test('taps are what the definition counts over ones', () => {
      for (const spec of specsOf(operator, 3, 40)) {
        const ones = mapInputs(spec.shapes, (shape, name) =>
          new Float64Array(elementCount(shape)).fill(name === 'bias' ? 0 : 1),
        );
        expect({ spec, taps: rounding.taps(spec) }).toEqual({ spec, taps: operator.evaluate(spec, ones) });
      }
    });
  }

  test('twists leave the spec that they are given alone', () => {
    for (const spec of specsOf(operator, 1, 20)) {
      const before = structuredClone(spec);
      for (const twist of operator.twists.values()) twist(spec);
      expect(spec).toEqual(before);
    }
  });
});
