/** Running a tool: its output goes to the step's log, and stopping it stops all that it started. */

import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { reasonFrom, StepFailure } from './error.mjs';

const grace_ms = 2_000;

/**
 * @typedef {object} CommandOptions
 * @property {string} cwd
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} log the file to append to
 * @property {AbortSignal} signal aborted with an Interrupted
 * @property {(line: string) => void} [onLine]
 * @property {(pid: number) => void} [onStart]
 */

/**
 * Runs a tool to its end.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 * @returns {Promise<string>} its standard output
 * @throws {StepFailure} where it cannot start or does not exit with 0
 */
export async function runCommand(file, args, options) {
  options.signal.throwIfAborted();
  appendFileSync(options.log, `$ ${[file, ...args].join(' ')}\n`);
  const { code, signal, standardOutput, everything } = await spawnLogged(file, args, options);
  options.signal.throwIfAborted();
  if (code === 0) return standardOutput;
  const said = reasonFrom(everything);
  const ending = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  throw new StepFailure(`${nameOf(file, args)} ${ending}${said && `\n${said}`}`);
}

/**
 * @param {string} file
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 * @returns {Promise<{ code: number | null, signal: string | null, standardOutput: string, everything: string }>}
 */
function spawnLogged(file, args, { cwd, env = process.env, log, signal: abort, onLine, onStart }) {
  return new Promise((resolve, reject) => {
    // A process group of its own, so that stopping reaches the compilers that a build tool has started.
    const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let standardOutput = '';
    let everything = '';
    /** @type {(text: string) => void} */
    const receive = (text) => {
      everything += text;
      appendFileSync(log, text);
      onLine?.(lastLine(text));
    };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      standardOutput += text;
      receive(text);
    });
    child.stderr.setEncoding('utf8').on('data', receive);
    const stopListening = stopOnAbort(child, abort);
    child.on('spawn', () => child.pid !== undefined && onStart?.(child.pid));
    child.on('error', (error) => {
      stopListening();
      reject(new StepFailure(`${file} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      stopListening();
      resolve({ code, signal, standardOutput, everything });
    });
  });
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {AbortSignal} abort
 * @returns {() => void} stops listening
 */
function stopOnAbort(child, abort) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const stop = () => {
    if (child.pid === undefined) return;
    killGroup(child.pid, abort.reason.signal);
    timer = setTimeout(killGroup, grace_ms, child.pid, 'SIGKILL');
  };
  abort.addEventListener('abort', stop, { once: true });
  return () => {
    clearTimeout(timer);
    abort.removeEventListener('abort', stop);
  };
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/** @param {string} text */
function lastLine(text) {
  return (
    text
      .trimEnd()
      .split(/[\r\n]/)
      .at(-1) ?? ''
  );
}

/**
 * @param {string} file
 * @param {readonly string[]} args
 */
function nameOf(file, args) {
  return [file, ...args.slice(0, 3)].map((word) => word.split('/').at(-1)).join(' ');
}
