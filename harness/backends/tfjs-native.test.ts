import './runtimes/cpu.ts';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs } from '../core/case.ts';
import type { Tensor } from '../core/tensor.ts';
import { nativeFeatures } from '../lowering/native.ts';
import { backendTensors, type Call, normalSpec, prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import type { Spec } from '../semantics/semantics.ts';
import { nativeBackend } from './tfjs-native.ts';

/*
 * The native backend in this process, on tfjs's plain JavaScript kernels, against the operators' definitions wherever tfjs is
 * known to be right. What it gets wrong, and other runtimes, are for campaigns.
 */

const backend = nativeBackend('tfjs-cpu-native');
/** What tfjs-core is wrong about: see reports/known-issues. */
const knownToFail = ['as number', 'unreached end'];

function callOf(operator: Operator, spec: Spec, seed: number): Call {
  return prepare(caseOf(operator.name, { spec, values: 'lattice', seed, twist: null }));
}

function supported(call: Call): true | string {
  const shapes = mapInputs(backendTensors(call), ({ shape }) => [...shape]);
  return backend.supports!({ op: call.case.op, params: call.normalised!, shapes, dtypes: call.spec.dtypes });
}

async function run(call: Call): Promise<Tensor> {
  return backend.run({ op: call.case.op, params: call.normalised! }, backendTensors(call));
}

describe.each(operators)('$name', (operator) => {
  const calls = fc
    .sample(operator.arbitrary, { seed: 5, numRuns: 1500 })
    .map((spec, seed) => callOf(operator, spec, seed))
    .filter((call) => supported(call) === true);

  test('integers come out exactly as defined', async () => {
    let compared = 0;
    for (const call of calls) {
      if (nativeFeatures(operator, normalSpec(call)).some((feature) => knownToFail.includes(feature))) continue;
      const { shape, data } = await run(call);
      const wanted = operator.evaluate(
        call.spec,
        mapInputs(call.tensors, (tensor) => tensor.data),
      );
      const wantedShape = operator.outputShape(call.spec);
      // The sign of a zero is among what tfjs gets wrong.
      const values = (list: Iterable<number>) =>
        [...list].map((value) => (call.spec.dtypes.input === 'int32' ? Math.trunc(value) : Math.fround(value)) + 0);
      expect({ case: call.case, shape, data: values(data) }).toEqual({
        case: call.case,
        shape: call.addsBatch ? [1, ...wantedShape] : wantedShape,
        data: values(wanted),
      });
      compared += 1;
    }
    expect(compared).toBeGreaterThan(40);
  });

  test('leaves no tensor behind, also where tfjs refuses', async () => {
    const before = tf.memory().numTensors;
    for (const call of calls) await run(call).catch(() => {});
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('a runtime is started afresh after a refusal and after a wrong shape, and only then', async () => {
  let restarts = 0;
  const counting = nativeBackend('counting', {
    restart: async () => {
      restarts += 1;
    },
  });
  const tensor = (shape: number[]): Tensor => ({
    dtype: 'float32',
    shape,
    data: new Float32Array(shape.reduce((all, size) => all * size, 1)),
  });
  const convolve = (padding: number, outChannels: number) =>
    counting.run(
      { op: 'conv1d', params: { stride: [1], padding: [padding], dilation: [1], groups: 1 } },
      { input: tensor([1, 1, 3]), weight: tensor([outChannels, 1, 2]) },
    );
  await convolve(0, 1);
  expect(restarts).toBe(0);
  await convolve(0, 2);
  expect(restarts).toBe(1);
  await expect(convolve(1, 1)).rejects.toThrow('must match');
  expect(restarts).toBe(2);
});

test('float64 is unsupported, and what PyTorch refuses is refused', async () => {
  const call = { op: 'conv1d' as const, params: { stride: [0], padding: [0], dilation: [1], groups: 1 } };
  const shapes = { input: [1, 1, 3], weight: [1, 1, 2] };
  expect(backend.supports!({ ...call, shapes, dtypes: { input: 'float64' } })).toContain('float64');
  expect(backend.supports!({ ...call, shapes, dtypes: { input: 'float32', weight: 'float32' } })).toBe(true);
  const input: Tensor = { dtype: 'float32', shape: shapes.input, data: new Float32Array(3) };
  const weight: Tensor = { dtype: 'float32', shape: shapes.weight, data: new Float32Array(2) };
  await expect(backend.run(call, { input, weight })).rejects.toThrow('stride must be ≥ 1');
});
