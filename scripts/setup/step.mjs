/** A step of set-up: when it counts as done, and what its parts look like. */

import { createHash } from 'node:crypto';
import { readRecord } from './record.mjs';

/**
 * What a step may use while it runs.
 *
 * @typedef {object} StepContext
 * @property {boolean} repair the last attempt did not come to its end, or what it made was damaged since
 * @property {(file: string, args: readonly string[], options?: { cwd?: string, env?: NodeJS.ProcessEnv }) => Promise<string>} command
 *   runs a tool with its output in the step's log, and gives its standard output
 */

/**
 * @typedef {object} StepParts
 * @property {string} name
 * @property {string} title
 * @property {readonly string[]} needs names of steps that come first
 * @property {boolean} [onDemand] only one backend needs it: it is installed where someone asks for that
 * @property {string} remedy what a user can do where it fails
 * @property {() => string | null} [notOurs] why set-up leaves this alone here, or null
 * @property {() => string} fingerprint of what it is made from: another one makes it stale
 * @property {() => string | null} problem what is missing on disk, or null; cheap, starts no process
 * @property {boolean} acceptsByHand whether what looks whole on disk counts although set-up did not make it
 * @property {string} present what to say of it when it is there
 * @property {(context: StepContext) => Promise<void>} run
 */

/** @typedef {StepParts & { isDone(): boolean, check(): { done: boolean, detail: string } }} Step */

/**
 * @param {StepParts} parts
 * @returns {Step}
 */
export function defineStep(parts) {
  const check = () => checkStep(parts);
  return { ...parts, check, isDone: () => check().done };
}

/**
 * @param {StepParts} step
 * @returns {{ done: boolean, detail: string }}
 */
function checkStep(step) {
  const left = step.notOurs?.() ?? null;
  if (left !== null) return { done: true, detail: left };
  const reason = whyNotDone(step);
  return reason === null ? { done: true, detail: step.present } : { done: false, detail: reason };
}

/** @param {StepParts} step */
function whyNotDone(step) {
  const record = readRecord(step.name);
  if (record?.state === 'started') return 'the last attempt did not come to its end';
  const problem = step.problem();
  if (problem !== null) return problem;
  if (record === null) return step.acceptsByHand ? null : 'not checked yet';
  return step.acceptsByHand || record.fingerprint === step.fingerprint() ? null : 'out of date';
}

/** @param {readonly string[]} parts */
export function fingerprintOf(parts) {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
}
