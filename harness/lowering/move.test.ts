import '../backends/runtimes/wasm.ts';
import '../backends/runtimes/cpu.ts';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { cropped, joined, pad, parts } from './move.ts';
import type { Width } from './plan.ts';

/* On cpu elements are moved in ways of our own, because tfjs's are slow there. They give what tfjs's own give on wasm. */

afterEach(() => expect(tf.memory().numTensors).toBe(0));

interface Moved {
  shape: number[];
  data: number[];
}

/** What a function makes of a tensor that counts from 1, on a runtime. */
async function on(runtime: string, shape: number[], move: (x: tf.Tensor) => readonly tf.Tensor[]): Promise<Moved[]> {
  await tf.setBackend(runtime);
  const size = shape.reduce((all, one) => all * one, 1);
  tf.engine().startScope();
  const results = move(tf.reshape(tf.range(1, size + 1), shape));
  const moved = results.map((y) => ({ shape: [...y.shape], data: [...y.dataSync()] }));
  tf.engine().endScope();
  return moved;
}

const width = fc.record({ before: fc.integer({ min: -4, max: 2 }), after: fc.integer({ min: -4, max: 2 }) });
/** Long enough for runs of elements that are worth a call each, and too short. */
const axes = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), width), { minLength: 1, maxLength: 3 })
  .chain((outer) => fc.tuple(fc.constant(outer), fc.integer({ min: 1, max: 60 }), width))
  .map(([outer, length, last]) => [...outer, [length, last] as [number, Width]]);

test('cropping and padding', async () => {
  const drawn = fc.sample(axes, { seed: 3, numRuns: 400 });
  let long = 0;
  for (const dimensions of drawn) {
    const [shape, widths] = [dimensions.map(([size]) => size), dimensions.map(([, given]) => given)];
    const move = (x: tf.Tensor) => {
      const inner = cropped(x, widths);
      return inner === null ? [] : [inner, pad(x, widths)];
    };
    const [onCpu, onWasm] = [await on('cpu', shape, move), await on('wasm', shape, move)];
    expect({ dimensions, result: onCpu }).toEqual({ dimensions, result: onWasm });
    if ((onCpu[0]?.shape.at(-1) ?? 0) >= 32) long += 1;
  }
  expect(long).toBeGreaterThan(50);
});

test('taking channels apart, and joining them again', async () => {
  const shapes = fc.sample(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }), {
    seed: 3,
    numRuns: 60,
  });
  for (const outer of shapes) {
    for (const count of [1, 2, 3]) {
      const shape = [...outer, 3 * 2 * outer[0]!];
      const move = (x: tf.Tensor) => [...parts(x, count), joined(parts(x, count))];
      expect(await on('cpu', shape, move)).toEqual(await on('wasm', shape, move));
    }
  }
});
