import type { Comparison } from '../capability/comparison.ts';
import { entryWords } from './boundaries.ts';

/** What `compare` saves: the comparison, without what only a page needs. */
export function comparisonJson({ entries, ...rest }: Comparison): string {
  const told = entries.map(({ finding: _, ...entry }) => ({ rule: entryWords(entry), ...entry }));
  return `${JSON.stringify({ ...rest, entries: told }, null, 1)}\n`;
}

/** A line a rule, and one for the whole. */
export function comparisonLines({ seed, cases, seconds, entries, tables }: Comparison, exit: number): string {
  const lines = entries.map(({ finding: _, ...entry }) => ({
    schema: 'convdiff/rule@1',
    rule: entryWords(entry),
    ...entry,
  }));
  const comparisons = tables.reduce((sum, { totals }) => sum + sumOf(Object.values(totals)), 0);
  const known = entries.filter(({ knownIssue }) => knownIssue !== null).length;
  const counterexamples = entries.filter(
    ({ standing, knownIssue }) => standing !== 'unsupported' && knownIssue === null,
  ).length;
  const summary = { schema: 'convdiff/summary@1', seed, cases, comparisons, seconds, counterexamples, known, exit };
  return [...lines, summary].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Of what was compared. */
function sumOf(counts: readonly Comparison['tables'][number]['totals'][string][]): number {
  return counts.reduce(
    (sum, { agrees = 0, refuses = 0, takes = 0, crashes = 0, wrong = 0 }) =>
      sum + agrees + refuses + takes + crashes + wrong,
    0,
  );
}
