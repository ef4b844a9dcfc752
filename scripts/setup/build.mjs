/** The step that compiles harness/ and scripts/ into dist/, and puts the command into one file there. */

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isInstalledPackage, root } from './project.mjs';
import { defineStep, fingerprintOf } from './step.mjs';

const dist = join(root, 'dist');
/** The command with all that it imports: some hundred files take longer to find and to load than most commands to run. */
const bundle = 'convdiff.js';
const sourceFolders = ['harness', 'scripts'];
/** What the compiler reads besides the sources. */
const settings = ['tsconfig.json', 'package.json', 'package-lock.json'];

export const build = defineStep({
  name: 'build',
  title: 'compiling TypeScript into dist/',
  needs: ['packages'],
  remedy: 'mend what the compiler names, then run the command again.',
  notOurs: () => (isInstalledPackage ? 'compiled in the package' : null),
  fingerprint: () => fingerprintOf([...settings, ...sourceFiles(root)].map((file) => describe(join(root, file)))),
  problem: () => {
    const missing = sourceFiles(root)
      .flatMap(outputOf)
      .concat(bundle)
      .find((file) => !existsSync(join(dist, file)));
    return missing === undefined ? null : `dist/${missing} is missing`;
  },
  acceptsByHand: false,
  present: 'as the sources are',
  async run({ command }) {
    await command(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json']);
    for (const file of orphans(root, dist)) rmSync(file);
    const rolldown = join(root, 'node_modules', 'rolldown', 'bin', 'cli.mjs');
    const options = ['--platform', 'node', '--format', 'esm', '--file', join(dist, bundle)];
    await command(process.execPath, [rolldown, join(dist, 'harness', 'cli.js'), ...options]);
  },
});

/**
 * The files that tsconfig.json includes, relative to the project. Fixtures run as they are.
 *
 * @param {string} project
 */
export function sourceFiles(project) {
  return sourceFolders
    .flatMap((folder) => filesUnder(join(project, folder)))
    .filter((file) => /\.(ts|mts|js|mjs)$/.test(file))
    .map((file) => relative(project, file))
    .sort();
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return entry.name === 'fixtures' ? [] : filesUnder(path);
  });
}

/** @param {string} file */
function describe(file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  return `${file} ${stat?.size} ${stat?.mtimeMs}`;
}

/**
 * @param {string} source
 * @returns {string[]} what it becomes under dist/; nothing for declarations
 */
function outputOf(source) {
  return /\.d\.m?ts$/.test(source) ? [] : [source.replace(/ts$/, 'js')];
}

/**
 * Compiled files whose source is gone: a test or an import would still find them.
 *
 * @param {string} project
 * @param {string} output
 */
export function orphans(project, output) {
  return filesUnder(output).filter((file) => {
    const [, stem, m] = /^(.*?)\.(?:d\.)?(m?)[jt]s(?:\.map)?$/.exec(relative(output, file)) ?? [];
    return (
      stem !== undefined && ![`${stem}.${m}ts`, `${stem}.${m}js`].some((source) => existsSync(join(project, source)))
    );
  });
}
