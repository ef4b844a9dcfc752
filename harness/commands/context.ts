import { relative } from 'node:path';
import { isSetupError, root } from '../../scripts/setup.mjs';
import { Session, type SessionOptions } from '../campaign/session.ts';
import { HarnessError } from '../core/errors.ts';
import { jsonlReport } from '../report/jsonl.ts';
import { prettyReport } from '../report/pretty.ts';
import type { Report } from '../report/report.ts';
import type { CommonOptions } from './options.ts';

/** A report in the format that was asked for, on this process's streams. */
export function reportFor(format: CommonOptions['format'], replayHint: Parameters<typeof prettyReport>[1]): Report {
  const { stdout: out, stderr: err } = process;
  return format === 'jsonl' ? jsonlReport(out, err) : prettyReport({ out, err }, replayHint);
}

/**
 * A signal that is raised when someone wants the command to end: Ctrl-C, a closed terminal, or `kill`. The second time the
 * process ends at once; its children go with it.
 */
export function leaveSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
      process.stderr.write('\nstopping: saving what there is; once more to leave at once\n');
    });
  }
  return controller.signal;
}

/** Does something once in so much time at most: what comes in between is dropped. */
export function atTimes<T>(every_ms: number, act: (of: T) => void): (of: T) => void {
  let last_ms = performance.now();
  return (of) => {
    if (performance.now() - last_ms < every_ms) return;
    last_ms = performance.now();
    act(of);
  };
}

/** Says lines on standard error, one in so much time at most. */
export function sparingly(every_ms: number): (line: string) => void {
  return atTimes(every_ms, (line) => process.stderr.write(`${line}\n`));
}

/** What a command's exit code follows from. */
export interface Ending {
  mismatches: number;
  unknown: number;
  oracleWrong: number;
  /** The first of those that are unknown or where the oracle is wrong, where it has not been told already. */
  doubt?: string | null;
  compared: number;
  /** Why less was done than was asked for, or null. */
  shortfall: string | null;
}

/** The exit code of a command that ran cases; why, in words, where that is not for mismatches alone; and what was not done. */
export function exitOf(ending: Ending): { exit: 0 | 1 | 3 | 4; why: string | null } {
  const { mismatches, unknown, oracleWrong, doubt = null, compared, shortfall } = ending;
  const first = doubt === null ? '' : `; the first: ${doubt}`;
  if (oracleWrong > 0)
    return { exit: 3, why: `the oracle cannot be trusted: it was wrong ${oracleWrong} times${first}` };
  if (mismatches > 0) return { exit: 1, why: shortfall };
  if (compared === 0) return { exit: 4, why: 'undecided: nothing was compared' };
  if (unknown > 0) return { exit: 4, why: `undecided: ${unknown} verdicts are unknown${first}` };
  if (shortfall !== null) return { exit: 4, why: `undecided: ${shortfall}` };
  return { exit: 0, why: null };
}

/** No backend is held to less than others without a word. */
function tellDeclarations({ contenders }: Session): void {
  for (const { name, traits } of contenders) {
    const { unitRoundoff = 0, amplification = 1 } = traits.arithmetic;
    const words = [
      ...(unitRoundoff > 2 ** -24 ? [`a unit roundoff of ${unitRoundoff}`] : []),
      ...(amplification > 1 ? [`${amplification} times the error of a direct sum`] : []),
    ];
    if (words.length > 0) process.stderr.write(`${name} declares ${words.join(' and ')}: it is allowed that\n`);
  }
}

/**
 * Runs a command's work with the oracle and the backends running, and ends them. Where the harness cannot work, programs get a
 * summary that says so; the error goes on.
 */
export async function withSession<T>(
  options: SessionOptions,
  { report, format, seed }: { report: Report; format: CommonOptions['format']; seed: number | null },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const started_ms = performance.now();
  let session: Session | null = null;
  try {
    session = await Session.open(options);
    tellDeclarations(session);
    return await work(session);
  } catch (error) {
    if (format === 'jsonl' && (error instanceof HarnessError || isSetupError(error))) {
      const seconds = (performance.now() - started_ms) / 1000;
      const nothing = { cases: 0, comparisons: 0, counterexamples: 0, known: 0, tallies: new Map(), retried: {} };
      report.end({ ...nothing, seed, seconds, exit: 3, why: (error as Error).message });
    }
    throw error;
  } finally {
    await session?.close();
  }
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** How convdiff is run, in a command to be typed in this folder. */
export function commandPrefix(cwd: string): string {
  const inside = !relative(root, cwd).startsWith('..');
  return inside ? 'npm run -s convdiff --' : `npm --prefix ${quoted(root)} run -s convdiff --`;
}
