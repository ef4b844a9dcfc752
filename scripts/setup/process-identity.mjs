/** Telling a process from another one that was given the same pid later, after a reboot or in a new container. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @typedef {{ pid: number, start: string }} ProcessIdentity */

/**
 * @param {number} pid
 * @returns {ProcessIdentity | null} null where no such process runs
 */
export function identityOf(pid) {
  const start = process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
  return start === null ? null : { pid, start };
}

/** @param {ProcessIdentity} identity */
export function isRunning({ pid, start }) {
  return identityOf(pid)?.start === start;
}

/** @param {number} pid */
function startFromProc(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field, the command in parentheses, may itself hold spaces and parentheses.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? null : (fields[18] ?? null);
}

/** @param {number} pid */
function startFromPs(pid) {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}
