#!/usr/bin/env node
/** `npm run bench`: sets up what is missing, then measures. What is measured is in scripts/bench/. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensure, isSetupError, root } from './setup.mjs';

try {
  await ensure(['packages', 'build', 'torch']);
} catch (error) {
  console.error(isSetupError(error) ? error.message : error);
  process.exit(3);
}

await import(pathToFileURL(join(root, 'dist', 'scripts', 'bench', 'campaign.js')).href);
