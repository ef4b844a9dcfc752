/** The steps that install PyTorch and TensorFlow into the Python environment. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { distInfos, forgetBroken } from './distributions.mjs';
import { StepFailure } from './error.mjs';
import { root, sitePackages, userPython, venvPython } from './project.mjs';
import { makeVenv, problemOfVenv } from './python.mjs';
import { defineStep, fingerprintOf } from './step.mjs';

const constraints = join(root, 'oracles', 'requirements.lock');

/** The direct requirements, one a line, with their markers. */
const requirements = readFileSync(join(root, 'oracles', 'requirements.txt'), 'utf8')
  .split('\n')
  .filter((line) => /^[a-z]/i.test(line));

const remedy =
  "check that pip reaches a package index (its own variables are passed on: PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS) and that the disk has 5 GB left, then run `npm run setup` again; if that doesn't help, delete .venv first.";

/**
 * @typedef {object} Wheel
 * @property {readonly string[]} distributions names that it may have, as in its .dist-info folder
 * @property {string} module
 * @property {string} version
 */

/** @type {Wheel} */
const torchWheel = { distributions: ['torch'], module: 'torch', version: versionOf('torch') };

/** @type {Wheel} */
const tensorflowWheel = {
  distributions: ['tensorflow_cpu', 'tensorflow'],
  module: 'tensorflow',
  version: versionOf('tensorflow'),
};

export const tensorflowVersion = tensorflowWheel.version;

export const torch = defineStep({
  name: 'torch',
  title: `PyTorch ${torchWheel.version}`,
  needs: ['python'],
  remedy: `${remedy} On Linux, PyTorch's CPU index in PIP_EXTRA_INDEX_URL avoids the far larger build for CUDA.`,
  notOurs: () => (userPython() === null ? null : `expected in ${userPython()}`),
  fingerprint: () => fingerprintOf([...requirementsOf('numpy', 'torch'), readFileSync(constraints, 'utf8')]),
  problem: () => problemOfWheel(torchWheel),
  acceptsByHand: false,
  present: `${torchWheel.version} in .venv`,
  run: (context) => install(context, requirementsOf('numpy', 'torch'), 'torch'),
});

export const tensorflow = defineStep({
  name: 'tensorflow',
  title: `TensorFlow ${tensorflowWheel.version}`,
  needs: ['python'],
  remedy: `${remedy} Its wheels are for Python 3.11 to 3.13: with a newer one, delete .venv and name another in CONVDIFF_PYTHON while .venv is made.`,
  fingerprint: () => fingerprintOf([...requirementsOf('tensorflow'), readFileSync(constraints, 'utf8')]),
  problem: () => problemOfWheel(tensorflowWheel),
  acceptsByHand: false,
  present: `${tensorflowWheel.version} in .venv`,
  async run(context) {
    // With CONVDIFF_PYTHON nothing is installed into the user's Python: TensorFlow's libraries, which tfjs-node links to, go to .venv.
    if (problemOfVenv() !== null) await makeVenv(context);
    await install(context, requirementsOf('tensorflow'), 'tensorflow');
  },
});

/**
 * A Python package that only its own backend needs.
 *
 * @param {string} name the package's, the module's and the step's
 * @param {string} title
 */
function framework(name, title) {
  const version = versionOf(name);
  return defineStep({
    name,
    title: `${title} ${version}`,
    needs: ['python'],
    onDemand: true,
    remedy,
    fingerprint: () => fingerprintOf([...requirementsOf(name), readFileSync(constraints, 'utf8')]),
    problem: () => problemOfWheel({ distributions: [name], module: name, version }),
    acceptsByHand: false,
    present: `${version} in .venv`,
    async run(context) {
      // With CONVDIFF_PYTHON nothing is installed into the user's Python.
      if (problemOfVenv() !== null) await makeVenv(context);
      await install(context, requirementsOf(name), name);
    },
  });
}

export const jax = framework('jax', 'JAX');
export const openvino = framework('openvino', 'OpenVINO');

/**
 * TensorFlow has another name where the CPU-only wheel exists.
 *
 * @param {readonly string[]} projects
 */
function requirementsOf(...projects) {
  return requirements.filter((line) => projects.some((project) => new RegExp(`^${project}(-cpu)?==`).test(line)));
}

/** @param {string} project */
function versionOf(project) {
  const version = /==([\w.]+)/.exec(requirementsOf(project)[0] ?? '')?.[1];
  if (version === undefined) throw new Error(`oracles/requirements.txt must pin ${project} with ==`);
  return version;
}

/**
 * Installs, and has Python compile what a module imports, not all, most of which nobody needs: that would take most of the time. It is
 * done now, since each start would do it again where Python is told to write nothing.
 *
 * @param {import('./step.mjs').StepContext} context
 * @param {readonly string[]} wanted
 * @param {string} module
 */
async function install({ command, repair }, wanted, module) {
  const packages = sitePackages();
  if (repair && packages !== null) forgetBroken(packages.folder);
  const options = ['--progress-bar', 'off', '--constraint', constraints, '--no-compile'];
  await command(venvPython(), ['-m', 'pip', 'install', ...options, ...wanted], { cwd: root });
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '' };
  // What can't be imported is told of by who needs it.
  await command(venvPython(), ['-c', `import ${module}`], { cwd: root, env }).catch((error) => {
    if (!(error instanceof StepFailure)) throw error;
  });
}

/**
 * pip writes RECORD last, so a wheel without it is not whole. A local version (2.13.0+cpu) is the same release in another build.
 *
 * @param {Wheel} wheel
 * @returns {string | null}
 */
function problemOfWheel({ distributions, module, version }) {
  const packages = problemOfVenv() === null ? sitePackages() : null;
  if (packages === null) return 'not installed';
  const found = distributions.flatMap((name) => distInfos(packages.folder, name));
  const [info] = found;
  if (info === undefined) return 'not installed';
  if (found.length > 1) return `installed more than once: ${found.map((one) => one.folder).join(', ')}`;
  if (info.version.split('+')[0] !== version) return `${info.version} is installed, and ${version} is wanted`;
  const whole = [join(info.folder, 'RECORD'), join(module, '__init__.py')].every((file) =>
    existsSync(join(packages.folder, file)),
  );
  return whole ? null : 'partly installed';
}
