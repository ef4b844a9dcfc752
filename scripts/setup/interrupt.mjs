/** Ctrl-C and its like: what runs is stopped and tidied up first, and then the process dies of the signal as it would have. */

/** @type {readonly NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
    this.signal = signal;
  }
}

/**
 * Runs `work` with an AbortSignal that fires, with an Interrupted, when this process is to end.
 *
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function interruptible(work) {
  const controller = new AbortController();
  /** @type {NodeJS.Signals | null} */
  let received = null;
  /** @type {(signal: NodeJS.Signals) => void} */
  const onSignal = (signal) => {
    received = signal;
    controller.abort(new Interrupted(signal));
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
    // Ends the process here, unless the program has a handler of its own for the signal.
    if (received !== null) process.kill(process.pid, received);
  }
}
