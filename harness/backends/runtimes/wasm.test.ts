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

test('a new instance gives XNNPACK the memory that it asks for', async () => {
  await restart();
  const ones = (...shape: number[]) => tf.ones(shape);
  const first = [ones(30), ones(3), ones(2, 5, 3, 1), ones(3, 1, 1, 1)] as const;
  const y = tf.conv2d(first[2] as tf.Tensor4D, first[3] as tf.Tensor4D, [3, 1], 'valid');
  const z = tf.transpose(y, [0, 3, 1, 2]);
  tf.dispose([first[2], first[3], y, z, first[0], first[1]]);
  const second = [ones(48), ones(12), ones(2, 8, 3), ones(2, 3, 2)] as const;
  const result = tf.conv1d(second[2] as tf.Tensor3D, second[3] as tf.Tensor3D, 1, 'same', 'NWC', 2);
  const row = [3, 3, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 3, 3];
  expect([...result.dataSync()]).toEqual([...row, ...row]);
  tf.dispose([result, ...second]);
});
