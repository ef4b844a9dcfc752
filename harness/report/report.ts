import type { Progress } from '../campaign/campaign.ts';
import type { Finding } from '../campaign/findings.ts';
import type { Tally } from '../campaign/tally.ts';
import type { OpName } from '../core/case.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Saved } from '../store/store.ts';

/** One case's verdict on one backend, of `check`, `try` and `replay`. */
export interface Result {
  /** The case as it was named. */
  case: string;
  op: OpName;
  backend: string;
  verdict: Verdict;
  /** The known issue that explains a mismatch, if any. */
  knownIssue: string | null;
}

/** How a command ends. */
export interface Summary {
  seed: number | null;
  cases: number;
  /** Pairs of case and backend that were compared. */
  comparisons: number;
  seconds: number;
  /** Bugs that are not known issues; for `check`, `try` and `replay` the mismatches. */
  counterexamples: number;
  known: number;
  exit: number;
  /** By backend. */
  tallies: ReadonlyMap<string, Tally>;
  /** How often a backend's process was too slow or was killed, and answered when asked again. */
  retried: Readonly<Record<string, number>>;
  /** Why the exit code is what it is, in words. */
  why: string | null;
  /** Of `nightly`: what had been found fixed and fails again, and what fails no more, by the history's keys. */
  regressions?: readonly string[];
  fixed?: readonly string[];
}

/** How a failure stands to the nights before: never told of, told of, or found fixed in between. */
export type Standing = 'new' | 'old' | 'regression';

/** Where a command's results go, for people or for programs. */
export interface Report {
  /** Before a campaign: what it is going to do. */
  begin(seed: number, ops: readonly OpName[], backends: readonly string[], budget: string): void;
  progress(progress: Progress, share: number | null): void;
  /** `standing`: of `nightly`. */
  finding(finding: Finding, standing?: Standing): void;
  /** A counterexample that the store had and that fails still, where the campaign did not come upon it. */
  saved(saved: Saved, standing: Standing): void;
  result(result: Result): void;
  end(summary: Summary): void;
}
