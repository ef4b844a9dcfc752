import { styleText } from 'node:util';
import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import type { Progress } from '../campaign/campaign.ts';
import type { Finding } from '../campaign/findings.ts';
import type { Tally } from '../campaign/tally.ts';
import type { Report, Result, Summary } from './report.ts';
import { caseWords, durationWords, groupDigits, plural, retriedWords } from './words.ts';

type Colour = Parameters<typeof styleText>[0];

/** Off a terminal, progress is one plain line in so much time. */
const plainEvery_ms = 10_000;

interface Streams {
  out: NodeJS.WriteStream;
  err: NodeJS.WriteStream;
}

/** Text for people: results on standard output, progress on standard error. */
export function prettyReport({ out, err }: Streams, replayHint: (finding: Finding) => string): Report {
  const colour = out.isTTY === true && process.env.NO_COLOR === undefined;
  const paint = (style: Colour, text: string) => (colour ? styleText(style, text, { validateStream: false }) : text);
  // A terminal that doesn't know its size can't be redrawn.
  const live = err.isTTY === true && err.columns > 0 ? createLogUpdate(err) : null;
  const say = (text: string) => {
    live?.clear();
    out.write(`${text}\n`);
  };
  let lastPlain_ms = performance.now();

  return {
    begin: (seed, ops, backends, budget) => {
      say(`seed ${seed}`);
      say(`${ops.join(' ')} on ${backends.join(' ')}: ${budget}`);
    },
    progress: (progress, share) => {
      if (live !== null) live(liveLines(progress, share).join('\n'));
      else if (performance.now() - lastPlain_ms >= plainEvery_ms) {
        lastPlain_ms = performance.now();
        err.write(`${statusLine(progress, share)}\n`);
      }
    },
    saved: () => {},
    finding: (finding) => say(findingLines(finding, paint, replayHint).join('\n')),
    result: (result) => say(resultLines(result, paint).join('\n')),
    end: (summary) => {
      live?.clear();
      if (summary.tallies.size > 0) say(tableOf(summary.tallies));
      for (const [name, count] of Object.entries(summary.retried))
        say(`${name} ${retriedWords(count)}: that answer was judged`);
      say(summaryLine(summary, paint));
    },
  };
}

function statusLine({ cases, seconds, doing }: Progress, share: number | null): string {
  const rate = seconds > 0 ? cases / seconds : 0;
  const left = share === null || share <= 0 ? '' : `, ${durationWords((seconds / share) * (1 - share))} left`;
  const busy = doing === null ? '' : `, ${doing}`;
  return `${plural(cases, 'case')}, ${groupDigits(rate)} cases/s, ${durationWords(seconds)}${left}${busy}`;
}

function liveLines(progress: Progress, share: number | null): string[] {
  const width = Math.max(...[...progress.tallies.keys()].map((name) => name.length));
  const rows = [...progress.tallies].map(
    ([name, tally]) =>
      `  ${name.padEnd(width)}  ${groupDigits(tally.agree)} agree, ${groupDigits(tally.mismatch)} mismatch, ${groupDigits(tally.unsupported)} unsupported${tally.benched ? ', benched' : ''}`,
  );
  return [statusLine(progress, share), ...rows];
}

type Paint = (style: Colour, text: string) => string;

function findingLines(
  { counterexample, file, knownIssue }: Finding,
  paint: Paint,
  hint: (finding: Finding) => string,
): string[] {
  const { op, backend, kind, reason, elements, before, found, signature } = counterexample;
  if (knownIssue !== null) {
    return [`${paint('yellow', 'known')} in ${op}: ${knownIssue.title} (${knownIssue.id})`];
  }
  const history = before.length === 0 ? '' : `, after ${plural(before.length, 'earlier case')} in the same process`;
  return [
    '',
    `${paint('red', 'MISMATCH')} ${backend}, ${op}: ${kind}${history}`,
    `  ${reason}`,
    `  minimal case (${plural(elements, 'element')}): ${caseWords(counterexample.case)}`,
    ...(before.length === 0
      ? []
      : [`  first: ${before.slice(0, 3).map(caseWords).join('; ')}${before.length > 3 ? '; …' : ''}`]),
    `  signature: ${signature}`,
    `  saved in ${file}`,
    `  replay with: ${hint({ counterexample, file, knownIssue } as Finding)}`,
    `  found as case ${found.index} of batch ${found.batch} of --seed ${found.seed}`,
    '',
  ];
}

function resultLines({ case: name, op, backend, verdict, knownIssue }: Result, paint: Paint): string[] {
  const head = `${name}  ${op}  ${backend}`;
  switch (verdict.verdict) {
    case 'agree': {
      if (verdict.shape === null) return [`${paint('green', 'agree')}        ${head}  both refuse`];
      const error = verdict.worst === 0 ? '' : `  off by ${verdict.worst} of ${verdict.bound} allowed`;
      const empty = verdict.vacuous === null ? '' : `  vacuous: ${verdict.vacuous}`;
      return [`${paint('green', 'agree')}        ${head}  [${verdict.shape.join(', ')}]${error}${empty}`];
    }
    case 'mismatch': {
      const known = knownIssue === null ? [] : [`             a known issue: ${knownIssue}`];
      return [`${paint('red', 'MISMATCH')}     ${head}  ${verdict.kind}`, `             ${verdict.reason}`, ...known];
    }
    case 'unsupported':
      return [`${paint('dim', 'unsupported')}  ${head}  ${verdict.reason}`];
    case 'unknown':
      return [`${paint('yellow', 'unknown')}      ${head}  ${verdict.reason}`];
  }
}

function tableOf(tallies: ReadonlyMap<string, Tally>): string {
  const table = new Table({
    head: ['backend', 'agree', 'mismatch', 'unsupported', 'unknown', ''],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, tally] of tallies) {
    const notes = [
      ...(tally.benched ? ['benched: it died too often'] : []),
      ...(tally.vacuous > 0 ? [`${groupDigits(tally.vacuous)} vacuous`] : []),
    ];
    const numbers = [tally.agree, tally.mismatch, tally.unsupported, tally.unknown].map(groupDigits);
    table.push([name, ...numbers, notes.join(', ')]);
  }
  return table.toString();
}

function summaryLine(
  { cases, comparisons, seconds, counterexamples, known, exit, why }: Summary,
  paint: Paint,
): string {
  const found = counterexamples === 0 ? 'no new mismatch' : plural(counterexamples, 'counterexample');
  // Of a handful of cases the time goes into starting processes.
  const rate = cases >= 100 ? ` (${groupDigits(cases / seconds)} cases/s)` : '';
  const text = `${plural(cases, 'case')}, ${plural(comparisons, 'comparison')} in ${durationWords(seconds)}${rate}: ${found}, ${plural(known, 'known issue')}`;
  return `${paint(exit === 0 ? 'green' : 'red', text)}${why === null ? '' : `\n${why}`}`;
}
