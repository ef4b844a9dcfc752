import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

/** Each instance listens to these for as long as the process lives, and is kept alive by it. */
const events = ['uncaughtException', 'unhandledRejection'] as const;
const others = new Set(events.flatMap((event) => process.rawListeners(event)));

/** Elements that are allocated and freed first, more than nearly all cases need. */
const room = 2 ** 20;

/**
 * A new instance. On a heap that is still small its allocator refuses now and then what XNNPACK asks for, and tfjs takes what lies
 * in the output's memory for the result; a heap that was large once does not do so.
 */
async function start(): Promise<void> {
  await tf.setBackend('wasm');
  tf.zeros([room]).dispose();
}

// One thread: cases are small, and worker threads are no help to anyone here.
setThreadsCount(1);
await start();

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
  await start();
}
