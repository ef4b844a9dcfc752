/** The step that makes the Python environment. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StepFailure } from './error.mjs';
import { root, sitePackages, userPython, venv, venvPython } from './project.mjs';
import { defineStep } from './step.mjs';

const oldest = 11;
/** TensorFlow's pinned wheels end here; PyTorch's don't. */
const newestWithTensorflow = 13;

const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14', 'python'];

export const python = defineStep({
  name: 'python',
  title: 'Python environment in .venv',
  needs: [],
  remedy:
    'install Python 3.11, 3.12 or 3.13 with its venv module (on Debian and Ubuntu: apt-get install python3-venv), or name one: CONVDIFF_PYTHON=/path/to/python.',
  notOurs: () => (userPython() === null ? null : `CONVDIFF_PYTHON is used as it is: ${userPython()}`),
  fingerprint: () => '',
  problem: problemOfVenv,
  acceptsByHand: true,
  present: '.venv',
  run: makeVenv,
});

/** @returns {string | null} */
export function problemOfVenv() {
  const packages = sitePackages();
  if (packages === null || !existsSync(join(venv, 'pyvenv.cfg'))) return 'not made yet';
  // existsSync follows the link: an interpreter that was since removed from the machine is noticed.
  if (!existsSync(venvPython())) return `${venvPython()} is missing or points to a Python that is gone`;
  if (packages.minor < oldest) return `it has Python 3.${packages.minor}, and 3.${oldest} is needed`;
  return existsSync(join(packages.folder, 'pip')) ? null : 'it has no pip';
}

/** @param {import('./step.mjs').StepContext} context */
export async function makeVenv({ command }) {
  const interpreter = await findPython(command);
  await command(interpreter, ['-m', 'venv', '--clear', venv], { cwd: root });
}

const probe =
  'import importlib.util as u, sys; print(*sys.version_info[:2], int(u.find_spec("ensurepip") is not None))';

/**
 * The first that has wheels for everything, or else the first that can at least run the oracle.
 *
 * @param {import('./step.mjs').StepContext['command']} command
 */
async function findPython(command) {
  const named = userPython();
  /** @type {string[]} */
  const refused = [];
  let secondBest = null;
  for (const name of named === null ? names : [named, ...names]) {
    const answer = await command(name, ['-c', probe]).catch(() => '');
    const verdict = judge(answer);
    if (verdict === 'good') return name;
    if (verdict === 'no TensorFlow') secondBest ??= name;
    else if (verdict !== null) refused.push(`${name} ${verdict}`);
  }
  if (secondBest !== null) return secondBest;
  throw new StepFailure(
    `no Python from 3.${oldest} on was found${refused.length > 0 ? `: ${refused.join('; ')}` : ' on PATH'}`,
  );
}

/**
 * @param {string} answer what the probe printed
 * @returns {string | null} `good`, `no TensorFlow`, why it can't be used, or null where it isn't there
 */
export function judge(answer) {
  const [major, minor, hasVenv] = answer.trim().split(' ').map(Number);
  if (major === undefined || minor === undefined || Number.isNaN(major)) return null;
  if (major !== 3 || minor < oldest) return `is ${major}.${minor}`;
  if (hasVenv !== 1) return `(${major}.${minor}) lacks the venv module`;
  return minor <= newestWithTensorflow ? 'good' : 'no TensorFlow';
}
