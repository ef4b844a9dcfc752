#!/usr/bin/env node
/** The command `convdiff`: installs and compiles what is missing, then hands over to harness/cli.ts. */

import { existsSync } from 'node:fs';
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

// The package has no bundle: what it imports is installed beside it.
const bundle = join(root, 'dist', 'convdiff.js');
const { main } = await import(
  pathToFileURL(existsSync(bundle) ? bundle : join(root, 'dist', 'harness', 'cli.js')).href
);
await main(process.argv.slice(2));
