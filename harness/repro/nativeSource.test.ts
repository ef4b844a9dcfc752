import '../backends/runtimes/cpu.ts';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { execute } from '../backends/tfjs-native.ts';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs } from '../core/case.ts';
import type { Tensor } from '../core/tensor.ts';
import { type NativeCall, nativeCallOf, nativeFeatures } from '../lowering/native.ts';
import { backendTensors, type Call, normalSpec, prepare, withoutAddedBatch } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import { writtenNative } from './nativeSource.ts';
import { pythonPrograms } from './python.ts';
import { nothingWrong, runAtOnce } from './testing.ts';

/*
 * Written-down calls are the calls that the native backends make: on random layers the text, evaluated, gives what they give.
 */

/** Calls that tfjs has a native form for, on whole numbers. */
const calls = operators.map((operator) => {
  const own = fc
    .sample(operator.arbitrary, { seed: 5, numRuns: 700 })
    .filter((spec) => operator.undefinedBecause(spec) === null)
    .map((spec, seed) => prepare(caseOf(operator.name, { spec, values: 'lattice', seed, twist: null })))
    .filter((call) => !call.strictOnly)
    .map((call) => ({ call, native: nativeCallOf(operator, normalSpec(call)) }))
    .filter((one): one is { call: Call; native: NativeCall } => typeof one.native !== 'string');
  return [operator.name, own] as const;
});

function tensorOf({ data, shape, dtype }: Tensor): tf.Tensor {
  return tf.tensor(data, shape, dtype as 'float32');
}

/** What the text gives, or that it throws. */
function evaluated({ operands, expression }: ReturnType<typeof writtenNative>): Tensor | 'throws' {
  const names = operands.map(({ name }) => name);
  const run = new Function('tf', ...names, `return ${expression};`);
  return outcome(() => run(tf, ...operands.map(({ tensor }) => tensorOf(tensor))));
}

function outcome(compute: () => tf.Tensor): Tensor | 'throws' {
  try {
    return tf.tidy(() => {
      const y = compute();
      return { dtype: 'float32', shape: y.shape, data: Float32Array.from(y.dataSync()) };
    });
  } catch {
    return 'throws';
  }
}

describe.each(calls)('%s', (_, own) => {
  test('there are enough of them', () => expect(own.length).toBeGreaterThan(40));

  test('its text gives what the backend gives', () => {
    for (const { call, native } of own) {
      const operands = mapInputs(backendTensors(call), tensorOf);
      const wanted = outcome(() => execute(native, operands));
      tf.dispose(Object.values(operands));
      const written = writtenNative(native, call);
      const result =
        wanted === 'throws' ? wanted : { ...written.arranged(withoutAddedBatch(call, wanted)), dtype: 'float32' };
      expect({ text: written.expression, result: evaluated(written) }).toEqual({
        text: written.expression,
        result,
      });
    }
    expect(tf.memory().numTensors).toBe(0);
  });
});

const tfjsNode = {
  name: 'tfjs-node-native',
  builtIn: 'tfjs-node-native',
  version: tf.version_core,
} as const;

/** Where TensorFlow in Python is known not to give what PyTorch gives. */
function expectedCode({ operator, spec }: Call): string {
  const dilated = [spec.params.dilation].flat().some((dilation) => (dilation as number) > 1);
  if (operator.name === 'conv3d' && dilated) return 'InvalidArgumentError';
  // tf.pad takes -0.0 for 0, which shows in the last element where that is padding.
  const isLastPadded = (spec.params.pad as number[] | undefined)?.some((width, i) => i % 2 === 1 && width > 0) ?? false;
  return spec.params.value === '-0' && spec.dtypes.input === 'float32' && isLastPadded ? '1' : '0';
}

test('in Python, TensorFlow gives what PyTorch gives', async () => {
  const programs = calls.flatMap(([, own]) =>
    own
      .filter(({ call }) => !nativeFeatures(call.operator, normalSpec(call)).includes('unreached end'))
      .map(({ call }) => ({ call, all: pythonPrograms(nothingWrong(call, tfjsNode)) }))
      .filter(({ all }) => all.length === 2)
      .slice(0, 40)
      .map(({ call, all }) => ({ text: all[0]!.text, code: expectedCode(call) })),
  );
  expect(programs.length).toBeGreaterThan(200);
  const ends = await runAtOnce(programs.map(({ text }) => text));
  const error = 'InvalidArgumentError';
  const codes = ends.map(({ code, all }) => (all.includes(error) ? error : String(code)));
  expect(programs.map(({ text }, i) => ({ text, code: codes[i] }))).toEqual(programs);
}, 120_000);
