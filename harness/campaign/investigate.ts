import type { Case } from '../core/case.ts';
import type { Oracle } from './oracle.ts';
import type { Draw } from './plan.ts';
import type { Contender } from './session.ts';
import { shrink } from './shrink.ts';
import { type Failure, Trial, type Which } from './trial.ts';

/** Shrinking one failure may take so long; what it has by then is saved. */
const shrinkTime_ms = 20_000;

export interface Circumstances {
  contender: Contender;
  oracle: Oracle;
  /** What the case was drawn from, or null where it came from a file. */
  draw: Draw | null;
  /** What the backend's process had run before. */
  past: readonly Case[];
  /** Nothing is waited for once it is raised. */
  signal: AbortSignal;
  /** Until when it may be shrunk, on performance.now's clock. */
  end_ms: number;
  /** Which candidates count as the same failure; all that fail with its lock where it is left out. */
  which?: Which;
}

/** What an investigation came to. */
export interface Investigated {
  smallest: Failure;
  /** Whether someone wanted to leave, or time was up, before it was through. */
  isCutOff: boolean;
}

/**
 * Finds out what a failure needs to happen again, and the smallest case that shows it. A failure that happens neither alone in
 * a fresh process nor after the cases that ran before it is `unstable`: two runs differ.
 */
export async function investigate(failure: Failure, circumstances: Circumstances): Promise<Investigated> {
  const { contender, oracle, draw, past, signal, end_ms, which } = circumstances;
  const trial = new Trial(contender, oracle, failure, signal, which);
  try {
    const { caseTimeout_ms } = contender.runner.options;
    const reproduced = await reproduce(failure, past, trial, caseTimeout_ms, signal);
    if (signal.aborted) return { smallest: reproduced ?? failure, isCutOff: true };
    if (reproduced === null) return { smallest: unstable(failure), isCutOff: false };
    const deadline_ms = Math.min(performance.now() + shrinkTime_ms, end_ms);
    const smallest = await shrink(reproduced, draw, trial, { deadline_ms, signal });
    const isCutOff = signal.aborted || performance.now() > end_ms;
    const sure = await trial.alone(smallest.call.case, smallest.before, caseTimeout_ms);
    if (sure !== null || !signal.aborted) return { smallest: sure ?? reproduced, isCutOff };
    // Shrinking a hang gives each candidate little time: the result must hang for a whole time limit.
    return { smallest: smallest.mismatch.kind === 'timeout' ? reproduced : smallest, isCutOff: true };
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
