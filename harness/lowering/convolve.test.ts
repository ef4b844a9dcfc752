import '../backends/runtimes/wasm.ts';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { convolve, convolveTransposed } from './convolve.ts';

const step = { strides: [1], dilations: [1], groups: 1 };
const one = (value: number) => tf.tensor4d([value], [1, 1, 1, 1]);

test('on wasm a transposed convolution keeps a NaN, which a convolution from one channel to one does not', () => {
  expect([...convolveTransposed(one(Number.NaN), one(1), step).dataSync()]).toEqual([Number.NaN]);
  expect([...convolve(one(Number.NaN), one(1), step).dataSync()]).toEqual([Number.NEGATIVE_INFINITY]);
});
