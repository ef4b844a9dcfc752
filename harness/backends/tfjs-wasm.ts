import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { tfjsBackend } from './tfjs.ts';

// One thread: cases are small, and worker threads are no help to anyone here.
setThreadsCount(1);
await tf.setBackend('wasm');

export default tfjsBackend('tfjs-wasm');
