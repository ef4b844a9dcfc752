import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

// One thread: cases are small, and worker threads are no help to anyone here.
setThreadsCount(1);
await tf.setBackend('wasm');

/**
 * A new instance in place of one whose kernel has failed. What such a kernel wrote beyond its output lies on the heap that all
 * later calls would use: they would trap, or go wrong in turn, where nothing is wrong with them.
 */
export async function restart(): Promise<void> {
  // The old instance is not to be trusted with its own clean-up either; each one also left a listener on this process.
  tf.backend().dispose = () => {};
  for (const event of ['uncaughtException', 'unhandledRejection']) process.removeAllListeners(event);
  tf.engine().reset();
  await tf.setBackend('wasm');
}
