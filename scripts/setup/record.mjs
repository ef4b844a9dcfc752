/**
 * What set-up remembers of a step. `started` is written before anything is touched and `done` only at the very end, so a step that was
 * killed in the middle is never believed.
 */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from './project.mjs';

/**
 * @typedef {object} StepRecord
 * @property {'started' | 'done'} state
 * @property {string} fingerprint of what the step was made from
 * @property {import('./process-identity.mjs').ProcessIdentity | null} child the tool that runs, so that one left over by a killed set-up can be found
 */

/** @param {string} name */
export function logPath(name) {
  return join(stateFolder, `${name}.log`);
}

/**
 * @param {string} name
 * @returns {StepRecord | null}
 */
export function readRecord(name) {
  let text;
  try {
    text = readFileSync(recordPath(name), 'utf8');
  } catch {
    return null;
  }
  try {
    return JSON.parse(text);
  } catch {
    // Somebody's editor or a full disk: to be repaired like an interruption.
    return { state: 'started', fingerprint: '', child: null };
  }
}

/**
 * @param {string} name
 * @param {StepRecord} record
 */
export function writeRecord(name, record) {
  mkdirSync(stateFolder, { recursive: true });
  const unfinished = `${recordPath(name)}.tmp`;
  writeFileSync(unfinished, `${JSON.stringify(record)}\n`);
  renameSync(unfinished, recordPath(name));
}

/** @param {string} name */
function recordPath(name) {
  return join(stateFolder, `${name}.json`);
}
