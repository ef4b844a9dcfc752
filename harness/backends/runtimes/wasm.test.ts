import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { restart } from './wasm.ts';

const padded = (value: number) => [...tf.pad(tf.tensor1d([1]), [[1, 0]], value).dataSync()];

test('a restart leaves nothing of the old instance', async () => {
  const listeners = () => process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');
  const before = listeners();
  for (let i = 0; i < 12; i++) {
    // tfjs-wasm keeps the value of a first pad by NaN for all that follow.
    padded(Number.NaN);
    expect(padded(2)).toEqual([Number.NaN, 1]);
    await restart();
    expect(padded(2)).toEqual([2, 1]);
    await restart();
  }
  expect(listeners()).toBe(before);
  expect(tf.getBackend()).toBe('wasm');
  expect(tf.memory().numTensors).toBe(0);
});
