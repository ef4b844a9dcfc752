/** The steps that install npm packages that only one backend needs, each into a folder of its own under .extras/. */

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cleanInstall, npmCommand, problemOfTree, readLock } from './packages.mjs';
import { root } from './project.mjs';
import { defineStep, fingerprintOf } from './step.mjs';

/**
 * @param {string} name the package's and the step's
 * @param {string} title
 */
function extra(name, title) {
  const wanted = join(root, 'scripts', 'setup', 'extras', name);
  const folder = join(root, '.extras', name);
  const lock = join(wanted, 'package-lock.json');
  const version = readLock(lock)?.[`node_modules/${name}`]?.version;
  return defineStep({
    name,
    title: `${title} ${version}`,
    needs: [],
    onDemand: true,
    remedy: 'check that npm reaches its registry (`npm ping`), then run the command again.',
    fingerprint: () => fingerprintOf([readFileSync(lock, 'utf8')]),
    problem: () =>
      problemOfTree(readLock(lock), readLock(join(folder, 'node_modules', '.package-lock.json'))) ??
      (existsSync(join(folder, 'node_modules', name, 'package.json')) ? null : `${name} was removed`),
    acceptsByHand: false,
    present: `${version} in .extras`,
    async run({ command }) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      for (const file of ['package.json', 'package-lock.json']) cpSync(join(wanted, file), join(folder, file));
      const [npm, ...args] = npmCommand();
      await command(npm, [...args, ...cleanInstall], { cwd: folder });
    },
  });
}

export const onnxruntimeNode = extra('onnxruntime-node', 'ONNX Runtime for Node');
export const onnxruntimeWeb = extra('onnxruntime-web', 'ONNX Runtime for the web');
