import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';

// tfjs-node 4.22 calls functions of node:util that Node 23 and later no longer have.
const require = createRequire(import.meta.url);
const util = require('node:util') as Record<string, unknown>;
util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
util.isArray ??= Array.isArray;

await import('@tensorflow/tfjs-node');
await tf.setBackend('tensorflow');
