import Table from 'cli-table3';
import type { Coverage } from '../coverage/coverage.ts';
import type { Classes } from '../coverage/model.ts';
import type { TupleCount } from '../coverage/tuples.ts';
import { groupDigits, plural } from './words.ts';

/** So many missing triples are named; of pairs, all. */
const maxTriples = 20;

/** "550 of 550 pairs (100 %)"; a hundred percent is all of them. */
function countWords({ feasible, drawn }: TupleCount, noun: string): string {
  const percent = Math.floor((drawn / feasible) * 1000) / 10;
  return `${groupDigits(drawn)} of ${groupDigits(feasible)} ${noun} (${percent} %)`;
}

function tupleWords(tuple: Classes): string {
  return Object.entries(tuple)
    .map(([name, found]) => `${name} ${found}`)
    .join(', ');
}

function missingLines({ missing }: TupleCount, noun: string, most: number): string[] {
  if (missing.length === 0) return [];
  const shown = missing.slice(0, most).map((tuple) => `  ${tupleWords(tuple)}`);
  const rest = missing.length > most ? [`  … and ${plural(missing.length - most, 'other')}`] : [];
  return [`missing ${noun}:`, ...shown, ...rest];
}

function tableOf(head: readonly string[], rows: readonly string[][]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
}

function classTable(classes: Coverage['classes']): string {
  const rows = Object.entries(classes).map(([name, counts]) => [
    name,
    Object.entries(counts)
      .map(([found, count]) => `${found}: ${groupDigits(count)}`)
      .join('   '),
  ]);
  return tableOf(['dimension', 'plain cases of each class'], rows);
}

/** One row for each rule or oddity, whose ways to be broken are numbered. */
function twistTable(twists: Coverage['twists']): string {
  const rows = new Map<string, string[]>();
  for (const [twist, count] of Object.entries(twists)) {
    const name = twist.replace(/ #\d+$/, '');
    rows.set(name, [...(rows.get(name) ?? []), groupDigits(count)]);
  }
  return tableOf(
    ['broken or bent on purpose', 'cases of each way'],
    [...rows].map(([name, counts]) => [name, counts.join('  ')]),
  );
}

/** What was drawn of one operator, for people. */
export function coverageText({ op, cases, pairs, triples, classes, twists }: Coverage): string {
  const never = Object.keys(twists).filter((twist) => twists[twist] === 0);
  return [
    `${op}: ${countWords(pairs, 'pairs')}, ${countWords(triples, 'triples')} in ${plural(cases, 'case')}`,
    ...missingLines(pairs, 'pairs', pairs.missing.length),
    ...missingLines(triples, 'triples', maxTriples),
    classTable(classes),
    twistTable(twists),
    ...(never.length === 0 ? [] : [`never broken or bent: ${never.join(', ')}`]),
    '',
  ].join('\n');
}

/** What was drawn of one operator, as a line of JSON. */
export function coverageLine({ op, seed, cases, pairs, triples, classes, twists }: Coverage): string {
  return JSON.stringify({ schema: 'convdiff/coverage@1', op, seed, cases, pairs, triples, classes, twists });
}
