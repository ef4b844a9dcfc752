/**
 * Everything that a fresh clone lacks: npm packages, the compiled code, a Python environment, PyTorch, TensorFlow and tfjs-node's addon.
 *
 * Plain JavaScript on Node alone, since it runs before anything is installed.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { addon } from './setup/addon.mjs';
import { build } from './setup/build.mjs';
import { chromium } from './setup/chromium.mjs';
import { killGroup, runCommand } from './setup/command.mjs';
import { SetupError, StepFailure } from './setup/error.mjs';
import { onnxruntimeNode, onnxruntimeWeb } from './setup/extras.mjs';
import { interruptible } from './setup/interrupt.mjs';
import { takeLock } from './setup/lock.mjs';
import { packages } from './setup/packages.mjs';
import { identityOf, isRunning } from './setup/process-identity.mjs';
import { createProgress } from './setup/progress.mjs';
import { root, stateFolder } from './setup/project.mjs';
import { python } from './setup/python.mjs';
import { logPath, readRecord, writeRecord } from './setup/record.mjs';
import { jax, openvino, tensorflow, torch } from './setup/wheels.mjs';

export { chromiumPath } from './setup/chromium.mjs';
export { isSetupError, SetupError } from './setup/error.mjs';
export { pythonPath, root, venvPython } from './setup/project.mjs';

/** @typedef {import('./setup/step.mjs').Step} Step */

/**
 * In the order in which they run: a step comes after those that it needs.
 *
 * @type {readonly Step[]}
 */
export const steps = Object.freeze([
  packages,
  build,
  python,
  torch,
  tensorflow,
  addon,
  jax,
  openvino,
  onnxruntimeNode,
  onnxruntimeWeb,
  chromium,
]);

/**
 * Runs those of the named steps, and of the steps they need, that are not done. Costs a few milliseconds where nothing is missing.
 *
 * One set-up runs at a time: a second process waits for the first and then does what is left, if anything.
 *
 * @param {readonly string[]} names
 * @param {{ progress?: import('./setup/progress.mjs').Output }} [options] `progress`: where to say what happens; standard error
 * @throws {SetupError} where a step fails: its message says which, why, and what to do
 */
export async function ensure(names, { progress: out = process.stderr } = {}) {
  const wanted = withNeeds(names);
  if (wanted.every((step) => step.isDone())) return;
  const progress = createProgress(out);
  await interruptible(async (signal) => {
    const release = await lockSetup(progress, signal);
    try {
      await runMissing(wanted, progress, signal);
    } finally {
      release();
    }
  });
}

/**
 * What is there and what is missing, for people.
 *
 * @returns {{ name: string, title: string, done: boolean, detail: string, remedy: string, onDemand: boolean }[]}
 */
export function status() {
  return steps.map((step) => ({
    name: step.name,
    title: step.title,
    ...step.check(),
    remedy: step.remedy,
    onDemand: step.onDemand ?? false,
  }));
}

/** @param {readonly string[]} names */
function withNeeds(names) {
  /** @type {Set<string>} */
  const all = new Set();
  /** @type {(name: string) => void} */
  const add = (name) => {
    const step = steps.find((one) => one.name === name);
    if (step === undefined)
      throw new Error(`no such set-up step: ${name} (there are ${steps.map((one) => one.name).join(', ')})`);
    step.needs.forEach(add);
    all.add(name);
  };
  names.forEach(add);
  return steps.filter((step) => all.has(step.name));
}

/**
 * @param {import('./setup/progress.mjs').Progress} progress
 * @param {AbortSignal} signal
 */
async function lockSetup(progress, signal) {
  let waiting = false;
  const onWait = (/** @type {number | null} */ pid) => {
    waiting = true;
    progress.begin(`waiting for process ${pid ?? 'unknown'}, which is setting up convdiff`);
  };
  try {
    const release = await takeLock(join(stateFolder, 'lock'), { signal, onWait });
    if (waiting) progress.end('it has ended');
    return release;
  } catch (error) {
    if (waiting) progress.end('interrupted');
    if (signal.aborted) throw signal.reason;
    throw new SetupError({
      step: 'lock',
      title: 'taking the lock of .setup/',
      reason: error instanceof Error ? error.message : String(error),
      remedy: `make ${root} writable for you.`,
      log: null,
    });
  }
}

/**
 * Whether a step is done is asked when its turn comes: installing the packages, say, takes the addon away.
 *
 * @param {readonly Step[]} wanted
 * @param {import('./setup/progress.mjs').Progress} progress
 * @param {AbortSignal} signal
 */
async function runMissing(wanted, progress, signal) {
  let number = 0;
  for (const step of wanted) {
    const left = wanted.filter((one) => !one.isDone());
    if (!left.includes(step)) continue;
    number += 1;
    progress.begin(`[${number}/${number - 1 + left.length}] ${step.title}`);
    try {
      await runStep(step, (line) => progress.line(line), signal);
    } catch (error) {
      progress.end(signal.aborted ? 'interrupted' : 'failed');
      throw signal.aborted ? signal.reason : explain(step, error);
    }
    progress.end('done');
  }
}

/**
 * @param {Step} step
 * @param {(line: string) => void} onLine
 * @param {AbortSignal} signal
 */
async function runStep(step, onLine, signal) {
  const last = readRecord(step.name);
  const fingerprint = step.fingerprint();
  const interrupted = last?.state === 'started';
  const damaged = last?.fingerprint === fingerprint && step.problem() !== null;
  // Where set-up itself was killed outright, its tool may still be at work and would write into what is made now.
  if (interrupted && last.child && isRunning(last.child)) killGroup(last.child.pid, 'SIGKILL');
  const log = logPath(step.name);
  mkdirSync(stateFolder, { recursive: true });
  writeFileSync(log, '');
  writeRecord(step.name, { state: 'started', fingerprint, child: null });
  const onStart = (/** @type {number} */ pid) =>
    writeRecord(step.name, { state: 'started', fingerprint, child: identityOf(pid) });
  await step.run({
    repair: interrupted || damaged,
    command: (file, args, { cwd = root, env = process.env } = {}) =>
      runCommand(file, args, { cwd, env, log, signal, onLine, onStart }),
  });
  const problem = step.problem();
  if (problem !== null) throw new StepFailure(`it ran to its end, but: ${problem}`);
  writeRecord(step.name, { state: 'done', fingerprint, child: null });
}

/**
 * @param {Step} step
 * @param {unknown} error
 */
function explain(step, error) {
  const reason = error instanceof Error ? error.message : String(error);
  const remedy = error instanceof StepFailure && error.remedy !== null ? error.remedy : step.remedy;
  return new SetupError({
    step: step.name,
    title: step.title,
    reason,
    remedy,
    log: relative(root, logPath(step.name)),
  });
}
