import type { Case } from '../core/case.ts';
import type { Verdict } from '../core/verdict.ts';

/** What became of one backend's cases. */
export interface Tally {
  agree: number;
  mismatch: number;
  unsupported: number;
  unknown: number;
  /** Agreements that say nothing of the backend. */
  vacuous: number;
  /** Agreements about a malformed call that the backend itself never got. */
  onBehalf: number;
  /** Unknown verdicts in which it is the oracle that is wrong. */
  oracleWrong: number;
  /** The first case of a campaign whose verdict is unknown, and why. */
  doubt: { case: Case; reason: string } | null;
  benched: boolean;
}

export function emptyTally(): Tally {
  const counts = { agree: 0, mismatch: 0, unsupported: 0, unknown: 0, vacuous: 0, onBehalf: 0, oracleWrong: 0 };
  return { ...counts, doubt: null, benched: false };
}

/** Adds one verdict; what was drawn is kept of the first that is unknown. */
export function count(tally: Tally, verdict: Verdict, drawn: Case | null = null): void {
  tally[verdict.verdict] += 1;
  if (verdict.verdict === 'unknown' && drawn !== null) tally.doubt ??= { case: drawn, reason: verdict.reason };
  if (verdict.verdict === 'unknown' && verdict.convicted === 'oracle') tally.oracleWrong += 1;
  if (verdict.verdict === 'agree' && verdict.vacuous !== null) tally.vacuous += 1;
}

/** What the exit code of a command follows from, over all backends. */
export function totalsOf(
  tallies: Iterable<Tally>,
): Record<'comparisons' | 'compared' | 'unknown' | 'oracleWrong', number> {
  const totals = { comparisons: 0, compared: 0, unknown: 0, oracleWrong: 0 };
  for (const { agree, mismatch, unknown, vacuous, onBehalf, oracleWrong } of tallies) {
    totals.comparisons += agree + mismatch;
    totals.compared += agree + mismatch - vacuous - onBehalf;
    totals.unknown += unknown;
    totals.oracleWrong += oracleWrong;
  }
  return totals;
}
