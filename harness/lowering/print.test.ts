import '../backends/runtimes/node.ts';
import '../backends/runtimes/wasm.ts';
import '../backends/runtimes/cpu.ts';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pythonPath, root } from '../../scripts/setup.mjs';
import { caseOf } from '../campaign/plan.ts';
import { caseSchema, mapInputs } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import { printed } from './print.ts';

/* Printed functions run as they stand, and give what PyTorch gives. Small whole numbers: every sum is exact. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-printed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const calls: Call[] = operators.flatMap((operator) =>
  fc
    .sample(operator.arbitrary, { seed: 9, numRuns: 50 })
    .filter((spec) => operator.undefinedBecause(spec) === null)
    .map((spec, seed) => prepare(caseOf(operator.name, { spec, values: 'lattice', seed, twist: null })))
    .filter((call) => !call.strictOnly),
);

/** Values that runtimes pad wrongly by, or take for another. */
for (const [value, dtype] of [['-0'], ['NaN'], ['-Infinity'], [0.1], [16777217, 'int32']] as const) {
  const data = { kind: 'inline', values: [0, 1] } as const;
  const input = { dtype: dtype ?? 'float32', shape: [1, 2], data } as const;
  calls.push(prepare({ schema: caseSchema, op: 'pad', params: { pad: [2, 1], value }, inputs: { input } }));
}

interface Answer {
  shape: number[];
  same: boolean;
  values: string[];
}

let answers: Answer[];

beforeAll(async () => {
  for (const [index, call] of calls.entries()) {
    writeFileSync(join(folder, `printed_${index}.py`), printed(call, 'tensorflow'));
    writeFileSync(join(folder, `printed_${index}.mjs`), printed(call, 'tfjs'));
  }
  const described = calls.map(({ operator, spec, tensors }) => ({
    op: operator.name,
    options: spec.params,
    inputs: mapInputs(tensors, ({ dtype, shape, data }) => ({ dtype, shape, values: Array.from(data, String) })),
  }));
  writeFileSync(join(folder, 'calls.json'), JSON.stringify(described));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const script = join(root, 'harness/lowering/fixtures/run_printed.py');
  const env = { TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' };
  const { stdout } = await execa(pythonPath(), [script, folder], { env, maxBuffer: 2 ** 28 });
  answers = JSON.parse(stdout);
}, 300_000);

describe.each(operators.map(({ name }) => name))('%s', (name) => {
  const own = [...calls.entries()].filter(([, { operator }]) => operator.name === name);

  test('there are enough of them', () => expect(own.length).toBeGreaterThan(30));

  test('in TensorFlow’s Python', () => {
    for (const [index, call] of own) {
      const { same, shape } = answers[index]!;
      expect({ text: printed(call, 'tensorflow'), same, shape }).toMatchObject({
        same: true,
        shape: call.operator.outputShape(call.spec),
      });
    }
  });

  test.each(['cpu', 'wasm', 'tensorflow'])('in TensorFlow.js on %s', async (runtime) => {
    await tf.setBackend(runtime);
    // The sign of a zero counts where values are only copied.
    const asPrinted = (value: number | string) => Number(value) + (name === 'pad' ? -0 : 0);
    const before = tf.memory().numTensors;
    for (const [index, call] of own) {
      const module = await import(pathToFileURL(join(folder, `printed_${index}.mjs`)).href);
      const run = module[name.replace(/_./, (letter) => letter[1]!.toUpperCase())];
      const tensors = Object.values(call.tensors).map(({ data, shape, dtype }) =>
        tf.tensor(data, shape, dtype as 'float32'),
      );
      const result: tf.Tensor = run(...tensors);
      const found = {
        text: printed(call, 'tfjs'),
        values: [...result.dataSync()].map(asPrinted),
        dtype: result.dtype,
      };
      const { values, shape } = answers[index]!;
      expect({ ...found, shape: result.shape }).toEqual({
        text: found.text,
        values: values.map(asPrinted),
        dtype: call.spec.dtypes.input,
        shape,
      });
      tf.dispose([result, ...tensors]);
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
