/**
 * The step that builds tfjs-node's addon. Its own installer downloads TensorFlow from outside the package registries; here the libraries
 * and headers come from the Python wheel, so the addon and the Python side run the same kernels.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { StepFailure } from './error.mjs';
import { npmCommand } from './packages.mjs';
import { root, sitePackages, venvPython } from './project.mjs';
import { defineStep, fingerprintOf } from './step.mjs';
import { tensorflowVersion } from './wheels.mjs';

const onMac = process.platform === 'darwin';

export const addon = defineStep({
  name: 'tfjs-node',
  title: 'building tfjs-node against TensorFlow',
  needs: ['packages', 'tensorflow'],
  remedy:
    'it takes make, a C++ compiler (Debian and Ubuntu: apt-get install build-essential; macOS: xcode-select --install) and the headers of Node, which node-gyp downloads where they did not come with Node; then run `npm run setup` again, or leave tfjs-node out with --backend.',
  fingerprint: () => fingerprintOf([packageVersion(), tensorflowVersion, process.platform, process.arch]),
  problem: problemOfAddon,
  acceptsByHand: false,
  present: 'built',
  async run({ command }) {
    const folder = packageFolder();
    const wheel = wheelFolder();
    if (folder === null) throw new StepFailure('the optional package @tensorflow/tfjs-node is not installed');
    if (wheel === null) throw new StepFailure('the TensorFlow wheel is not installed');
    for (const made of ['deps', 'build', 'lib']) rmSync(join(folder, made), { recursive: true, force: true });
    linkWheel(wheel, join(folder, 'deps'));
    // Through npm, which knows its own node-gyp and hands on the user's settings for it.
    const [npm, ...args] = npmCommand();
    await command(npm, [...args, 'exec', '--no', '--', 'node-pre-gyp', 'install', '--build-from-source'], {
      cwd: folder,
      env: { ...process.env, ...buildEnvironment() },
    });
    await command(process.execPath, ['-e', trial], { cwd: folder });
  },
});

/** @returns {string | null} */
function packageFolder() {
  try {
    return dirname(createRequire(join(root, 'package.json')).resolve('@tensorflow/tfjs-node/package.json'));
  } catch {
    return null;
  }
}

function packageVersion() {
  const folder = packageFolder();
  return folder === null ? '' : JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}

function wheelFolder() {
  const packages = sitePackages();
  return packages === null ? null : join(packages.folder, 'tensorflow');
}

/** @returns {string | null} */
function problemOfAddon() {
  const folder = packageFolder();
  if (folder === null) return 'the package @tensorflow/tfjs-node is not installed';
  // existsSync follows links: a wheel that was removed leaves them dangling.
  const lib = join(folder, 'deps', 'lib');
  if (!libraryLinks(process.platform).every(([link]) => existsSync(join(lib, link))))
    return "TensorFlow's libraries are not linked";
  return builtAddon(folder) === null ? 'not built' : null;
}

/** @param {string} folder */
function builtAddon(folder) {
  const lib = join(folder, 'lib');
  const versions = existsSync(lib) ? readdirSync(lib) : [];
  return versions.map((version) => join(lib, version, 'tfjs_binding.node')).find((file) => existsSync(file)) ?? null;
}

/**
 * The names under which the addon's build, the addon, and the libraries among themselves look for each other.
 *
 * @param {string} platform
 * @returns {[link: string, library: string][]} the library as the wheel has it
 */
export function libraryLinks(platform) {
  const mac = platform === 'darwin';
  const [main, framework] = mac
    ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
    : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
  const aliases = mac
    ? { main: ['libtensorflow.dylib', 'libtensorflow.2.dylib'], framework: ['libtensorflow_framework.dylib'] }
    : { main: ['libtensorflow.so', 'libtensorflow.so.2'], framework: ['libtensorflow_framework.so'] };
  return [
    ...[main, ...aliases.main].map((link) => /** @type {[string, string]} */ ([link, main])),
    ...[framework, ...aliases.framework].map((link) => /** @type {[string, string]} */ ([link, framework])),
  ];
}

/**
 * Relative links, so that the project's folder may be moved.
 *
 * @param {string} wheel
 * @param {string} deps
 */
function linkWheel(wheel, deps) {
  const lib = join(deps, 'lib');
  mkdirSync(lib, { recursive: true });
  symlinkSync(relative(deps, join(wheel, 'include')), join(deps, 'include'));
  for (const [link, library] of libraryLinks(process.platform)) {
    if (!existsSync(join(wheel, library))) throw new StepFailure(`the TensorFlow wheel has no ${library}`);
    symlinkSync(relative(lib, join(wheel, library)), join(lib, link));
  }
}

function buildEnvironment() {
  /** @type {NodeJS.ProcessEnv} */
  const environment = { PYTHON: venvPython(), npm_config_python: venvPython() };
  // Most ways of installing Node bring its headers along: then nothing need be downloaded.
  const prefix = dirname(dirname(process.execPath));
  if (existsSync(join(prefix, 'include', 'node', 'node_api.h'))) environment.npm_config_nodedir = prefix;
  // The wheel's library calls itself @rpath/libtensorflow_cc.2.dylib, a name that tfjs-node's build settings don't mend.
  if (onMac) environment.LDFLAGS = `${process.env.LDFLAGS ?? ''} -Wl,-rpath,@loader_path/../../deps/lib`.trim();
  return environment;
}

/** tfjs-node 4.22 calls a function that Node 23 dropped; without it the addon doesn't load there. */
const trial = `
const util = require('node:util');
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const tf = require('@tensorflow/tfjs-node');
const got = tf.conv1d(tf.tensor3d([1, 2, 3], [1, 3, 1]), tf.tensor3d([1, 10], [2, 1, 1]), 1, 'valid').dataSync();
if (String(got) !== '21,32') throw new Error('error: the addon computes ' + got + ' where 21,32 is right');
`;
