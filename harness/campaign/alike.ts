import { sameShape } from '../core/tensor.ts';
import type { End } from '../core/verdict.ts';
import type { Mismatch } from './signature.ts';

/* How alike wrong results are, by how much of them is wrong and where. */

/** Whether failures that are all wrong at an end of an axis are unlike one that is wrong beside it. */
export function isElsewhere(own: Mismatch, others: readonly Mismatch[]): boolean {
  const { culprit, shape } = own;
  if (culprit === null || shape === null) return false;
  const has = (one: Mismatch, { axis, end }: End) =>
    one.culprit?.ends.some((other) => other.axis === axis && other.end === end) ?? false;
  const common = (others[0]?.culprit?.ends ?? []).filter((end) => others.every((one) => has(one, end)));
  return common.some((end) => (shape.at(end.axis) ?? 1) > 1 && !has(own, end));
}

/** Shares of wrong elements that differ by no more may be by one bug: with other data, and in results of other sizes. */
const alikeShare = 0.2;

/** Whether as many elements are wrong in two results, and at the same ends of their axes. */
export function areAlike(one: Mismatch, other: Mismatch): boolean {
  return shareApart(one, [other]) === 0 && !isElsewhere(one, [other]) && !isElsewhere(other, [one]);
}

/** So far apart they are where a bug that has no part in it is gone. */
const sameShare = 0.02;

/** How far apart the shares of wrong elements are, of a failure and of others on average, beyond what says nothing. */
export function shareApart(own: Mismatch, others: readonly Mismatch[]): number {
  const shares = others.flatMap(({ culprit }) => culprit?.share ?? []);
  const share = own.culprit?.share ?? null;
  if (share === null || shares.length === 0) return 0;
  const mean = shares.reduce((sum, one) => sum + one, 0) / shares.length;
  return Math.max(0, Math.abs(share - mean) - alikeShare);
}

/** Whether as many of as many elements are wrong, give or take some that are right by chance. */
export function isJustSo(own: Mismatch, other: Mismatch | null): boolean {
  const [share, its] = [own.culprit?.share ?? null, other?.culprit?.share ?? null];
  if (share === null || its === null || own.shape === null || other!.shape === null) return false;
  return sameShape(own.shape, other!.shape) && Math.abs(share - its) <= sameShare;
}
