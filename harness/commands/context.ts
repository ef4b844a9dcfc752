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

/** What a command's exit code follows from. */
export interface Ending {
  mismatches: number;
  unknown: number;
  compared: number;
  /** Why less was done than was asked for, or null. */
  shortfall: string | null;
}

/** The exit code of a command that ran cases, and why, in words, where it is not 0. */
export function exitOf({ mismatches, unknown, compared, shortfall }: Ending): { exit: 0 | 1 | 4; why: string | null } {
  if (mismatches > 0) return { exit: 1, why: null };
  if (compared === 0) return { exit: 4, why: 'undecided: nothing was compared' };
  if (unknown > 0) return { exit: 4, why: `undecided: ${unknown} verdicts are unknown` };
  if (shortfall !== null) return { exit: 4, why: `undecided: ${shortfall}` };
  return { exit: 0, why: null };
}
