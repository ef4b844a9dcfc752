import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs, type Params, type Values } from '../core/case.ts';
import { backendTensors, type Call, normalSpec, prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import type { Spec } from '../semantics/semantics.ts';
import { execute } from './execute.ts';
import { planOf } from './plan.ts';

/*
 * The lowering in this process, on tfjs's plain JavaScript kernels, against the operators' definitions. Against PyTorch, and on
 * other runtimes, a campaign holds it.
 */

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function lowered(call: Call): { shape: number[]; data: number[] } {
  const tensors = backendTensors(call);
  const spec = normalSpec(call);
  const plan = planOf(call.operator.family, spec.params, spec.shapes, call.operator.outputShape(spec));
  const operands = mapInputs(tensors, ({ data, shape, dtype }) => tf.tensor(data, shape, dtype as 'float32'));
  const result = execute(plan, operands);
  const out = { shape: result.shape, data: values(call, [...result.dataSync()]) };
  tf.dispose([result, ...Object.values(operands)]);
  return out;
}

function defined(call: Call): { shape: number[]; data: number[] } {
  const { operator, spec, tensors, addsBatch } = call;
  const data = operator.evaluate(
    spec,
    mapInputs(tensors, (tensor) => tensor.data),
  );
  const shape = operator.outputShape(spec);
  return { shape: addsBatch ? [1, ...shape] : shape, data: values(call, [...data]) };
}

/** Values as the output's dtype has them. The sign of a zero counts only where values are copied. */
function values({ operator, spec }: Call, data: number[]): number[] {
  const rounded = data.map(spec.dtypes.input === 'int32' ? (value) => Math.trunc(value) + 0 : Math.fround);
  return operator.rounding === null ? rounded : rounded.map((value) => value + 0);
}

function callOf(operator: Operator, spec: Spec, values: Values = 'lattice', seed = 1): Call {
  return prepare(caseOf(operator.name, { spec, values, seed, twist: null }));
}

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_, operator) => {
  const specs = Array.from({ length: 5 }, (_, seed) => fc.sample(operator.arbitrary, { seed, numRuns: 80 })).flat();

  test('integers come out exactly as defined', () => {
    for (const [seed, spec] of specs.entries()) {
      const call = callOf(operator, spec, 'lattice', seed);
      expect({ spec, ...lowered(call) }).toEqual({ spec, ...defined(call) });
    }
  });

  test('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    for (const spec of specs.slice(0, 60)) lowered(callOf(operator, spec));
    expect(tf.memory().numTensors).toBe(before);
  });

  test('zero-sized calls have zero-sized results', () => {
    const batchZero = operator.oddities.find(({ name }) => name === 'batch 0')!;
    for (const spec of specs.slice(0, 20)) {
      const call = callOf(operator, batchZero.apply(spec));
      expect(lowered(call)).toEqual(defined(call));
    }
  });
});

describe('conv_transpose1d', () => {
  const operator = operators.find(({ name }) => name === 'conv_transpose1d')!;

  function transposed(params: Params, input: number, kernel: number): Call {
    const spec: Spec = {
      params: { ...operator.defaults, ...params },
      shapes: { input: [1, 1, input], weight: [1, 1, kernel] },
      dtypes: { input: 'float32', weight: 'float32' },
    };
    return callOf(operator, spec);
  }

  test('with any stride and dilation, whatever divides what', () => {
    for (let stride = 1; stride <= 7; stride++) {
      for (let dilation = 1; dilation <= 7; dilation++) {
        for (const [input, kernel] of [
          [1, 1],
          [1, 4],
          [2, 2],
          [9, 3],
        ] as const) {
          const call = transposed({ stride, dilation }, input, kernel);
          expect({ stride, dilation, ...lowered(call) }).toEqual({ stride, dilation, ...defined(call) });
        }
      }
    }
  });

  test('where all that remains is the appended zeros', () => {
    const call = transposed({ stride: 1, dilation: 9, padding: 4, output_padding: 8 }, 1, 1);
    expect(lowered(call)).toEqual({ shape: [1, 1, 1], data: [0] });
  });
});

test('the gaps of a transposed convolution are not multiplied: an infinite weight leaves them 0', () => {
  const call = prepare({
    schema: 'convdiff/case@1',
    op: 'conv_transpose1d',
    params: { stride: 4, dilation: 2 },
    inputs: {
      input: { dtype: 'float32', shape: [1, 1, 2], data: { kind: 'inline', values: [1, 1] } },
      weight: { dtype: 'float32', shape: [1, 1, 2], data: { kind: 'inline', values: ['Infinity', 2] } },
    },
  });
  const infinity = Number.POSITIVE_INFINITY;
  expect(lowered(call).data).toEqual([infinity, 0, 2, 0, infinity, 0, 2]);
});
