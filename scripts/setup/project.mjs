/** Where things are: the project's folder, set-up's own folder, and the Python environment. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The project's folder. This file runs from scripts/ and, compiled, from dist/scripts/, so the folder is looked for and not counted.
 *
 * @param {string} start
 */
function findRoot(start) {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isProject(folder)) return folder;
    if (folder === dirname(folder)) throw new Error(`no convdiff project holds ${start}`);
  }
}

/** @param {string} folder */
function isProject(folder) {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest) || !existsSync(join(folder, 'oracles'))) return false;
  return JSON.parse(readFileSync(manifest, 'utf8')).name === 'convdiff';
}

export const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Logs, stamps and the lock. May be deleted at any time: the next set-up checks everything again. */
export const stateFolder = join(root, '.setup');

export const venv = join(root, '.venv');

/** A package from npm has dist/ and no sources: nothing to install or compile there. */
export const isInstalledPackage = !existsSync(join(root, 'tsconfig.json'));

/** The interpreter that the user named, or null. What it has installed is the user's business. */
export function userPython() {
  return process.env.CONVDIFF_PYTHON || null;
}

/** The interpreter that runs the oracle. */
export function pythonPath() {
  return userPython() ?? venvPython();
}

export function venvPython() {
  return join(venv, 'bin', 'python');
}

/** The environment's package folder and Python's minor version, or null where there is no whole environment. */
export function sitePackages() {
  const lib = join(venv, 'lib');
  if (!existsSync(lib)) return null;
  for (const entry of readdirSync(lib)) {
    const minor = /^python3\.(\d+)$/.exec(entry)?.[1];
    const folder = join(lib, entry, 'site-packages');
    if (minor !== undefined && existsSync(folder)) return { folder, minor: Number(minor) };
  }
  return null;
}
