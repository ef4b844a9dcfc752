import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { caseOf } from '../campaign/plan.ts';
import { exactElement, exactly } from '../compare/exact.ts';
import { type Inputs, mapInputs } from '../core/case.ts';
import { indexOf, type TensorData } from '../core/tensor.ts';
import { type Call, prepare } from '../operators/call.ts';
import { gradients } from '../operators/index.ts';

/* Gradients against what they are by definition: how Σ grad_output · result changes with each element. */

function callsOf(at: number, count: number): Call[] {
  const operator = gradients[at]!;
  return fc
    .sample(operator.arbitrary, { seed: 7 + at, numRuns: 6 * count })
    .map((spec, i) => prepare(caseOf(operator.name, { spec, values: 'lattice', seed: i, twist: null })))
    .filter(({ tensors }) => tensors.input.data.length + (tensors.grad_output?.data.length ?? 0) < 200)
    .slice(0, count);
}

function dataOf({ tensors }: Call): Inputs<TensorData> {
  return mapInputs(tensors, ({ data }) => data);
}

/** Σ grad_output · result, of integers: exact. */
function objective(call: Call, operands: Inputs<TensorData>): number {
  const { of } = call.operator.gradient!;
  const { grad_output, ...shapes } = call.spec.shapes;
  const { grad_output: _, ...dtypes } = call.spec.dtypes;
  // A constant that is appended has no gradient, and drops out of the difference.
  const result = of.evaluate({ params: call.spec.params, shapes, dtypes }, operands);
  return result.reduce(
    (sum, value, i) => sum + (Number.isFinite(value) ? value : 0) * call.tensors.grad_output!.data[i]!,
    0,
  );
}

describe.each(gradients.map(({ name }, at) => [name, at] as const))('%s', (_, at) => {
  const calls = callsOf(at, 12);

  test('is how much the sum grows with each element', () => {
    expect(calls.length).toBeGreaterThan(4);
    for (const call of calls) {
      const { by } = call.operator.gradient!;
      const data = dataOf(call);
      const found = call.operator.evaluate(call.spec, data);
      const before = objective(call, data);
      const grown = Array.from(found, (_, i) => {
        const more = Float64Array.from(data[by]!);
        more[i]! += 1;
        return objective(call, { ...data, [by]: more }) - before;
      });
      expect([...found]).toEqual(grown);
    }
  });

  test('its number of terms is what ones sum up to, and the second opinion agrees', () => {
    for (const call of calls) {
      const { rounding, gradient } = call.operator;
      const found = call.operator.evaluate(call.spec, dataOf(call));
      const taps = rounding!.taps(call.spec);
      for (let i = 0; i < found.length; i++) {
        const exact = exactElement(call, indexOf(i, call.spec.shapes[gradient!.by]!));
        if (exact.kind !== 'finite') throw new Error('integers are finite');
        expect(exact.terms).toBe(taps[i]);
        expect(exact.sum).toBe(exactly(found[i]!) << 1074n);
      }
    }
  });
});
