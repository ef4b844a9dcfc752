import type { JsonNumber } from '../core/case.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Programs } from '../report/failure.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { Night } from './history.ts';
import type { Cell, CoveragePoint } from './recorder.ts';
import type { Replayed } from './saved.ts';

/* All that a night's pages and files are made of. */

export const nightReportSchema = 'convdiff/night-report@1';

/** A tensor as JSON has it. */
export interface Shown {
  shape: readonly number[];
  dtype: Tensor['dtype'];
  values: readonly JsonNumber[];
}

/** A bug that the night came upon. */
export interface NightFinding
  extends Pick<
    Counterexample,
    'id' | 'signature' | 'op' | 'backend' | 'version' | 'kind' | 'reason' | 'elements' | 'case' | 'before' | 'found'
  > {
  /** Whether it was not there before, was saved before, or is a known issue. */
  standing: 'fresh' | 'old' | 'known';
  /** Where it is saved; null for a known issue. */
  file: string | null;
  knownIssue: { id: string; title: string; upstream: string | null } | null;
  /** How many of the night's cases are cases of it. */
  times: number;
  /** Right, and what the backend gave: where both are small tensors. */
  want: Shown | null;
  got: Shown | null;
  /** The element that is furthest off, and what it is allowed to be off by; null where all else is wrong. */
  culprit: { index: readonly number[]; allowed: number } | null;
  /** Programs that were seen to show it. */
  programs: Programs;
  /** What is typed to see it again. */
  command: string;
}

/** What became of something that was kept. */
export interface NightKept extends Pick<Replayed, 'key' | 'what' | 'title' | 'standing' | 'regressed' | 'reason'> {}

export interface NightReport {
  schema: typeof nightReportSchema;
  night: Night;
  /** How it ended, in words. */
  why: string | null;
  cells: readonly Cell[];
  curve: readonly CoveragePoint[];
  findings: readonly NightFinding[];
  kept: readonly NightKept[];
}
