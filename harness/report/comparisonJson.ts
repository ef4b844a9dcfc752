import type { Comparison, Entry } from '../capability/comparison.ts';
import { entryWords } from './boundaries.ts';

/** An entry, without what only a page needs. */
function told({ finding: _, ...entry }: Entry) {
  return { rule: entryWords(entry), ...entry };
}

/** What `compare` saves beside its page. */
export function comparisonJson({ entries, ...rest }: Comparison): string {
  return `${JSON.stringify({ ...rest, entries: entries.map(told) }, null, 1)}\n`;
}

/** A line a rule, and one for the whole. */
export function comparisonLines({ seed, cases, seconds, entries, tables }: Comparison, exit: number): string {
  const lines = entries.map((entry) => ({ schema: 'convdiff/rule@1', ...told(entry) }));
  const comparisons = tables
    .flatMap(({ totals }) => Object.values(totals))
    .reduce((sum, counts) => {
      const { agrees = 0, refuses = 0, takes = 0, crashes = 0, wrong = 0 } = counts;
      return sum + agrees + refuses + takes + crashes + wrong;
    }, 0);
  const known = entries.filter(({ knownIssue }) => knownIssue !== null).length;
  const counterexamples = entries.filter(
    ({ standing, knownIssue }) => standing !== 'unsupported' && knownIssue === null,
  ).length;
  const summary = { schema: 'convdiff/summary@1', seed, cases, comparisons, seconds, counterexamples, known, exit };
  return [...lines, summary].map((line) => `${JSON.stringify(line)}\n`).join('');
}
