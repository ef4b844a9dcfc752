import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

/** Each instance listens to these for as long as the process lives, and is kept alive by it. */
const events = ['uncaughtException', 'unhandledRejection'] as const;
const others = new Set(events.flatMap((event) => process.rawListeners(event)));

// One thread: cases are small, and worker threads are no help to anyone here.
setThreadsCount(1);
await tf.setBackend('wasm');

/**
 * A new instance in place of one whose kernel has failed. What such a kernel wrote beyond its output lies on the heap that all
 * later calls would use: they would trap, or go wrong in turn, where nothing is wrong with them.
 */
export async function restart(): Promise<void> {
  // The old instance is not to be trusted with its own clean-up either.
  tf.backend().dispose = () => {};
  for (const event of events) {
    for (const listener of process.rawListeners(event)) {
      if (!others.has(listener)) process.off(event, listener as () => void);
    }
  }
  tf.engine().reset();
  await tf.setBackend('wasm');
}
