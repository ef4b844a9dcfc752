/** `npm test`: sets up everything, runs the tests, and says as its very last line how many passed and failed. */

import { requireNode } from './setup/node-version.mjs';

requireNode();

const { runTests } = await import('./setup/test-run.mjs');
process.exitCode = await runTests(process.argv.slice(2));
