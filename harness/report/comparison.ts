import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from '../capability/comparison.ts';
import { writeAtomically } from '../store/atomic.ts';
import { comparisonJson } from './comparisonJson.ts';

/** Writes a comparison's page and its data into a folder, and returns the page's path. */
export function writeComparison(comparison: Comparison, folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeAtomically(join(folder, 'compare.json'), comparisonJson(comparison));
  return join(folder, 'compare.json');
}
