/** The step that installs the npm packages. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isInstalledPackage, root } from './project.mjs';
import { defineStep } from './step.mjs';

const lockFile = join(root, 'package-lock.json');
/** npm writes it last of all, with what it has installed. */
const installedFile = join(root, 'node_modules', '.package-lock.json');

export const packages = defineStep({
  name: 'packages',
  title: 'npm packages',
  needs: [],
  remedy: 'check that npm reaches its registry (`npm ping`), then run `npm run setup` again.',
  notOurs: () => (isInstalledPackage ? 'installed with the package' : null),
  // Whatever is on disk is compared with package-lock.json itself, whoever installed it.
  fingerprint: () => '',
  problem: () => problemOfTree(readLock(lockFile), readLock(installedFile)) ?? missingFolder(),
  acceptsByHand: true,
  present: 'as package-lock.json has them',
  async run({ command }) {
    const [file, ...args] = npmCommand();
    await command(file, [...args, ...cleanInstall]);
  },
});

/** Stated, since NODE_ENV=production or a user's npmrc would leave some out. Install scripts: see .npmrc. */
export const cleanInstall = [
  'ci',
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
];

/**
 * npm itself: the one that started us, or the one on PATH. Under another package manager npm_execpath is not npm.
 *
 * @returns {[string, ...string[]]}
 */
export function npmCommand() {
  const script = process.env.npm_execpath ?? '';
  return basename(script) === 'npm-cli.js' && existsSync(script) ? [process.execPath, script] : ['npm'];
}

/**
 * @typedef {{ version?: string, dependencies?: Record<string, string>, devDependencies?: Record<string, string>,
 *   optionalDependencies?: Record<string, string> }} LockEntry
 * @typedef {Record<string, LockEntry>} LockEntries
 */

/**
 * @param {string} file
 * @returns {LockEntries | null}
 */
export function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return null;
  }
}

/**
 * What is installed must be in the lock in the same version, and the project's own dependencies must all be there. What else the lock names
 * may be missing: it holds the binaries of every platform.
 *
 * @param {LockEntries | null} locked
 * @param {LockEntries | null} installed
 * @returns {string | null}
 */
export function problemOfTree(locked, installed) {
  if (locked === null) return 'package-lock.json cannot be read';
  if (installed === null) return 'not installed';
  for (const [path, { version }] of Object.entries(installed)) {
    if (locked[path]?.version !== version)
      return `${path} is ${version}, and ${locked[path]?.version ?? 'absent'} in package-lock.json`;
  }
  const missing = directDependencies(locked).find((path) => installed[path] === undefined);
  return missing === undefined ? null : `${missing} is missing`;
}

/** @param {LockEntries} locked */
function directDependencies(locked) {
  const { dependencies, devDependencies, optionalDependencies } = locked[''] ?? {};
  return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).map(
    (name) => `node_modules/${name}`,
  );
}

/** @returns {string | null} */
function missingFolder() {
  const missing = directDependencies(readLock(lockFile) ?? {}).find(
    (path) => !existsSync(join(root, path, 'package.json')),
  );
  return missing === undefined ? null : `${missing} was removed`;
}
