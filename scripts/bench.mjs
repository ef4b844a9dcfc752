#!/usr/bin/env node
/**
 * `npm run bench`: sets up what is missing, then measures a campaign's speed; `npm run bench -- lowering`: that of convdiff/tfjs on each
 * runtime; `npm run bench -- power`: how soon it finds
 * mistakes; `npm run bench -- rounding`: whether the rounding bound holds. What is measured is in scripts/bench/.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensure, isSetupError, root } from './setup.mjs';

const [what = 'campaign'] = process.argv.slice(2);
/** The set-up steps and the processes of each benchmark, which run one after the other. */
const benchmarks = {
  campaign: { needs: ['torch'], runs: [[]] },
  rounding: { needs: [], runs: [process.argv.slice(3)] },
  power: { needs: ['torch'], runs: [process.argv.slice(3)] },
  grouping: { needs: ['torch'], runs: [process.argv.slice(3)] },
  lowering: { needs: ['tfjs-node'], runs: [['cpu'], ['wasm'], ['node']] },
};
const benchmark = benchmarks[/** @type {keyof typeof benchmarks} */ (what)];
if (benchmark === undefined) {
  console.error(`there is no benchmark "${what}": there are ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}

try {
  await ensure(['packages', 'build', ...benchmark.needs]);
} catch (error) {
  console.error(isSetupError(error) ? error.message : error);
  process.exit(3);
}

const script = join(root, 'dist', 'scripts', 'bench', `${what}.js`);
const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
const codes = benchmark.runs.map(
  (args) => spawnSync(process.execPath, [script, ...args], { stdio: 'inherit', env }).status ?? 3,
);
process.exit(Math.max(...codes));
