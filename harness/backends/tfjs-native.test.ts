import './runtimes/cpu.ts';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { caseOf } from '../campaign/plan.ts';
import { type Case, caseSchema, mapInputs, type Params } from '../core/case.ts';
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

/** Axes of a case, its parameters, the length of every axis of its input and of its weight, and output channels. */
test.each<[string, number, Params, number, number, number]>([
  ["as 'valid'", 1, {}, 1, 1, 1],
  ['as a number', 1, {}, 1, 1, 2],
  ['as rows', 2, { padding: 1 }, 3, 3, 2],
  ["as 'same', with zeros around first", 2, { padding: 2 }, 3, 3, 3],
  ["as 'same', with zeros around first, over three axes", 3, { padding: 2 }, 3, 3, 1],
  ["as 'same', cropped first", 3, { stride: 2 }, 5, 2, 2],
  ["depthwise, as 'same'", 1, { groups: 2 }, 3, 3, 4],
])('a batch of none comes out empty: %s', async (_, axes, params, length, kernel, outChannels) => {
  const of = (channels: number[], size: number) => ({
    dtype: 'float32' as const,
    shape: [...channels, ...new Array<number>(axes).fill(size)],
    data: { kind: 'seeded' as const, values: 'lattice' as const, seed: 1 },
  });
  const inChannels = params.groups === undefined ? 1 : 2;
  const call = prepare({
    schema: caseSchema,
    op: `conv${axes}d` as Case['op'],
    params,
    inputs: { input: of([0, inChannels], length), weight: of([outChannels, 1], kernel) },
  });
  expect(supported(call)).toBe(true);
  const { shape, data } = await run(call);
  expect({ shape, data: [...data] }).toEqual({ shape: call.operator.outputShape(call.spec), data: [] });
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
