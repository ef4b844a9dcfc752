/** Running vitest and counting, from its own report, what it ran. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { chromiumPath, ensure, isSetupError, root, steps } from '../setup.mjs';

/**
 * @param {readonly string[]} args for vitest
 * @returns {Promise<number>} the exit code
 */
export async function runTests(args) {
  try {
    await ensure(steps.map((step) => step.name).filter((name) => name !== 'chromium'));
  } catch (error) {
    console.error(isSetupError(error) ? error.message : error);
    return 3;
  }
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-test-'));
  try {
    const report = join(folder, 'report.json');
    const exitCode = await runVitest(args, report);
    const result = readReport(report);
    if (result !== null) sayLeftOut(result);
    return sayResult(result, exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} args
 * @param {string} report
 * @returns {Promise<number>}
 */
function runVitest(args, report) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], { cwd: root, stdio: 'inherit' });
    // Ctrl-C reaches vitest as well, which stops its workers: wait for it.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    const forward = () => child.kill('SIGTERM');
    process.on('SIGTERM', forward);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('SIGINT', ignore).off('SIGTERM', forward);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/**
 * @typedef {object} Report vitest's JSON report, as far as it is read here
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {{ name: string, status: string, assertionResults: { fullName: string, status: string }[] }[]} testResults
 */

/**
 * @param {string} path
 * @returns {Report | null}
 */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * @param {Report} report
 * @returns {{ passed: number, failed: number }}
 */
export function count(report) {
  // A file that fails before its first test, by its syntax or an import, has no failed test of its own to be counted.
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
  };
}

/**
 * Which tests were left out, and how that is mended where it is for want of a browser.
 *
 * @param {Report} report
 */
function sayLeftOut({ testResults }) {
  const names = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName }) => `${relative(root, name)}: ${fullName}`),
  );
  if (names.length === 0) return;
  const browser =
    chromiumPath() === null ? ', some since there is no Chromium (`npm run -s convdiff -- setup chromium`)' : '';
  console.log(`${names.length} left out${browser}:\n${names.map((name) => `  ${name}\n`).join('')}`);
}

/**
 * @param {Report | null} report
 * @param {number} exitCode vitest's
 * @returns {number} ours
 */
function sayResult(report, exitCode) {
  if (report === null) {
    console.error('vitest left no report: nothing is known to have passed');
    return exitCode || 1;
  }
  const { passed, failed } = count(report);
  const nothingRan = passed + failed === 0;
  if (nothingRan) console.error('no test was run');
  if (exitCode !== 0 && failed === 0) console.error('no test failed, but vitest did: see its errors above');
  console.log(`${passed} passed, ${failed} failed`);
  return exitCode || (nothingRan || failed > 0 ? 1 : 0);
}
