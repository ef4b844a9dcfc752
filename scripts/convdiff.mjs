#!/usr/bin/env node
/** The command `convdiff`: installs and compiles what is missing, then hands over to harness/cli.ts. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireNode } from './setup/node-version.mjs';

requireNode();

// Only now, since an older Node can't parse it.
const { ensure, isSetupError, root } = await import('./setup.mjs');

try {
  await ensure(['packages', 'build']);
} catch (error) {
  console.error(isSetupError(error) ? error.message : error);
  process.exit(3);
}

const { main } = await import(pathToFileURL(join(root, 'dist', 'harness', 'cli.js')).href);
await main(process.argv.slice(2));
