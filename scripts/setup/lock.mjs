/**
 * One at a time: one set-up, and one process that adds to a file. The lock is a file that names its holder; a holder that died without
 * giving it back is noticed, and its lock broken.
 */

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, isRunning } from './process-identity.mjs';

const poll_ms = 200;
const quickPoll_ms = 5;
const longest_ms = 30_000;
/** Far longer than it takes to write a lock's contents or to break a lock. */
const unfinished_ms = 10_000;

/**
 * Waits until the lock is ours.
 *
 * @param {string} path
 * @param {{ signal?: AbortSignal, onWait?: (pid: number | null) => void }} [options] `onWait` is called once, with the holder's pid
 * @returns {Promise<() => void>} gives the lock back
 */
export async function takeLock(path, { signal, onWait } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = false; ; waited = true) {
    if (create(path)) return () => rmSync(path, { force: true });
    if (isStale(path)) {
      breakLock(path);
      continue;
    }
    if (!waited) onWait?.(readHolder(path)?.pid ?? null);
    await sleep(poll_ms, undefined, signal ? { signal } : {});
  }
}

/**
 * Does something quick while the lock is ours; after half a minute also where somebody else still has it.
 *
 * @template T
 * @param {string} path in a folder that is there
 * @param {() => T} work
 * @returns {T}
 */
export function whileLocked(path, work) {
  const end_ms = Date.now() + longest_ms;
  let isOurs = create(path);
  while (!isOurs && Date.now() < end_ms) {
    if (isStale(path)) breakLock(path);
    pause(quickPoll_ms);
    isOurs = create(path);
  }
  try {
    return work();
  } finally {
    if (isOurs) rmSync(path, { force: true });
  }
}

/** @param {number} ms in which nothing else happens in this process */
function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** @param {string} path */
function create(path) {
  try {
    writeFileSync(path, JSON.stringify(identityOf(process.pid)), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} path
 * @returns {import('./process-identity.mjs').ProcessIdentity | null}
 */
function readHolder(path) {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8'));
    return typeof holder?.pid === 'number' && typeof holder.start === 'string' ? holder : null;
  } catch {
    return null;
  }
}

/** @param {string} path */
function isStale(path) {
  const holder = readHolder(path);
  // No readable holder: the file has just been created and is still empty, or its writer died in between.
  return holder ? !isRunning(holder) : isOlderThan(path, unfinished_ms);
}

/**
 * @param {string} path
 * @param {number} age_ms
 */
function isOlderThan(path, age_ms) {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > age_ms;
}

/**
 * Only one process at a time may break the lock: otherwise the slower of two could remove the lock that the faster has just taken.
 *
 * @param {string} path
 */
function breakLock(path) {
  const breaking = `${path}.breaking`;
  if (!create(breaking)) {
    if (isOlderThan(breaking, unfinished_ms)) rmSync(breaking, { force: true });
    return;
  }
  if (isStale(path)) rmSync(path, { force: true });
  rmSync(breaking, { force: true });
}
