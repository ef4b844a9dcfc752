/** The step that finds a Chromium, or installs one. */

import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { StepFailure } from './error.mjs';
import { root } from './project.mjs';
import { defineStep } from './step.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
/** Where macOS has them. */
const applications = ['Chromium', 'Google Chrome'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);

export const chromium = defineStep({
  name: 'chromium',
  title: 'Chromium',
  needs: ['packages'],
  onDemand: true,
  remedy:
    'install Chromium or Chrome (Debian: apt-get install chromium), or name one in CONVDIFF_CHROMIUM; only tfjs-webgl and tfjs-webgpu need it.',
  fingerprint: () => '',
  problem: () => {
    const named = userChromium();
    if (named !== null && !isProgram(named)) return `CONVDIFF_CHROMIUM is ${named}, which is no program`;
    return chromiumPath() === null ? 'none was found' : null;
  },
  acceptsByHand: true,
  present: 'found',
  async run({ command }) {
    const named = userChromium();
    if (named !== null) {
      const remedy = 'name the program itself in CONVDIFF_CHROMIUM, or unset it.';
      throw new StepFailure(`CONVDIFF_CHROMIUM is ${named}, which is no program`, remedy);
    }
    const isRoot = process.getuid?.() === 0;
    if (isRoot && distribution() === 'debian') {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await command('apt-get', ['update'], { env });
      await command('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { env });
      return;
    }
    // Playwright's own, which also knows the libraries that it takes.
    const libraries = isRoot && process.platform === 'linux' ? ['--with-deps'] : [];
    await command(process.execPath, [playwrightFile('cli.js'), 'install', ...libraries, 'chromium']);
  },
});

/** The program that the user named, or null. */
function userChromium() {
  return process.env.CONVDIFF_CHROMIUM || null;
}

/**
 * The Chromium that would be run: the user's, one on PATH, or the one that Playwright has installed. Null where there is none.
 *
 * @returns {string | null}
 */
export function chromiumPath() {
  const named = userChromium();
  if (named !== null) return isProgram(named) ? named : null;
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...onPath, ...applications].find(isProgram) ?? playwrightsOwn();
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} file */
function playwrightFile(file) {
  return join(createRequire(join(root, 'package.json')).resolve('playwright-core/package.json'), '..', file);
}

/** @returns {string | null} */
function playwrightsOwn() {
  try {
    const path = createRequire(join(root, 'package.json'))('playwright-core').chromium.executablePath();
    return existsSync(path) ? path : null;
  } catch {
    // The packages are not installed yet, or Playwright has no build for this machine.
    return null;
  }
}

/** The ID of the Linux distribution, or null. */
function distribution() {
  try {
    return /^ID="?([^"\n]*)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}
