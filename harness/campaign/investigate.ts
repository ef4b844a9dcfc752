import type { Case } from '../core/case.ts';
import type { Oracle } from './oracle.ts';
import type { Draw } from './plan.ts';
import type { Contender } from './session.ts';
import { shrink } from './shrink.ts';
import { type Failure, Trial, type Which } from './trial.ts';

/** Shrinking one failure may take so long; what it has by then is saved. */
const shrinkTime_ms = 20_000;
/** And so long after the campaign's time is up. */
const overtime_ms = 2_000;

export interface Circumstances {
  contender: Contender;
  oracle: Oracle;
  /** What the case was drawn from, or null where it came from a file. */
  draw: Draw | null;
  /** What the backend's process had run before. */
  past: readonly Case[];
  signal: AbortSignal;
  /** When the campaign's time is up, on performance.now's clock; shrinking gets a little more. */
  campaignEnd_ms: number;
  /** Which candidates count as the same failure; all that fail with its lock where it is left out. */
  which?: Which;
}

/** What an investigation came to. */
export interface Investigated {
  smallest: Failure;
  /** Whether someone wanted to leave, or the campaign's time was up, before it was through. */
  isCutOff: boolean;
}

/**
 * Finds out what a failure needs to happen again, and the smallest case that shows it. A failure that happens neither alone in
 * a fresh process nor after the cases that ran before it is `unstable`: two runs differ.
 */
export async function investigate(failure: Failure, circumstances: Circumstances): Promise<Investigated> {
  const { contender, oracle, draw, past, signal, campaignEnd_ms, which } = circumstances;
  const trial = new Trial(contender, oracle, failure, which);
  try {
    const { caseTimeout_ms } = contender.runner.options;
    const reproduced = await reproduce(failure, past, trial, caseTimeout_ms, signal);
    if (signal.aborted) return { smallest: reproduced ?? failure, isCutOff: true };
    if (reproduced === null) return { smallest: unstable(failure), isCutOff: false };
    const now_ms = performance.now();
    const overtimeEnd_ms = Math.max(now_ms, campaignEnd_ms) + overtime_ms;
    const deadline_ms = Math.min(now_ms + shrinkTime_ms, overtimeEnd_ms);
    const until = { deadline_ms, signal };
    const smallest = await shrink(reproduced, draw, trial, until);
    // Shrinking a hang gives each candidate little time: the result must hang for a whole time limit.
    if (signal.aborted) return { smallest, isCutOff: true };
    const isCutOff = performance.now() > overtimeEnd_ms;
    const sure = await trial.alone(smallest.call.case, smallest.before, caseTimeout_ms);
    return { smallest: sure ?? reproduced, isCutOff };
  } finally {
    trial.close();
  }
}

/** The failure with as little history as it takes of: none, what was seen to lead to a death, all that had run before. */
async function reproduce(
  failure: Failure,
  past: readonly Case[],
  trial: Trial,
  caseTimeout_ms: number,
  signal: AbortSignal,
): Promise<Failure | null> {
  const histories = [[], failure.before, past].filter((history, i) => i === 0 || history.length > 0);
  for (const history of histories) {
    if (signal.aborted) return null;
    // While shrinking, a hang gets little time; that it is one has to be sure.
    const again = await trial.alone(failure.call.case, history, caseTimeout_ms);
    if (again !== null) return again;
  }
  return null;
}

function unstable(failure: Failure): Failure {
  const { mismatch } = failure;
  const reason = `failed once and not again, neither alone nor after the same cases: ${mismatch.kind}, ${mismatch.reason}`;
  return { ...failure, mismatch: { ...mismatch, kind: 'unstable', reason, culprit: null } };
}
