#!/usr/bin/env node
/** `npm run docs`: writes the pages of the documentation that follow from the code. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensure, isSetupError, root } from './setup.mjs';

try {
  await ensure(['packages', 'build']);
} catch (error) {
  console.error(isSetupError(error) ? error.message : error);
  process.exit(3);
}
const load = /** @param {string} path */ (path) => import(pathToFileURL(join(root, 'dist/harness', path)).href);
const { rulesPage } = await load('report/rulesPage.js');
const { operators } = await load('operators/index.js');
writeFileSync(join(root, 'docs/reference/rules.md'), rulesPage(operators));
