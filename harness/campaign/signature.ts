import { createHash } from 'node:crypto';
import type { Verdict } from '../core/verdict.ts';
import type { Call } from '../operators/call.ts';

export type Mismatch = Extract<Verdict, { verdict: 'mismatch' }>;

function classOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? 'finite' : 'infinite';
}

/** What sort of failure it is, beyond its kind: one that is of another sort is another bug. */
function sortOf(call: Call, mismatch: Mismatch): string[] {
  if (mismatch.kind === 'acceptance') return [call.refusal === null ? 'refuses' : `takes: ${call.refusal.rule}`];
  const { culprit } = mismatch;
  if (culprit === null) return [];
  const [want, got] = [classOf(culprit.want), classOf(culprit.got)];
  if (want !== 'finite' || got !== 'finite') return [`wanted ${want}`, `got ${got}`];
  return culprit.allowed > 0 ? ['not exact'] : [];
}

/**
 * What a shrinking case is locked to: a candidate that fails in another way is another bug, and is not taken. Whether values
 * are integers does not count, since data shrinks towards them.
 */
export function lockOf(call: Call, backend: string, mismatch: Mismatch): string {
  const sort = sortOf(call, mismatch).filter((tag) => tag !== 'not exact');
  return [call.case.op, backend, mismatch.kind, ...sort].join(' ');
}

/** The features of a failing call: what sets it apart from the plainest call, and what sort of failure it is. */
export function featuresOf(call: Call, mismatch: Mismatch): string[] {
  // An invalid call cannot be measured: which rule it breaks is what counts.
  const ofCall = call.refusal === null ? call.operator.features(call.spec) : [];
  return [...sortOf(call, mismatch), ...ofCall];
}

/** What makes two failures the same bug: operator, backend, kind, and the features of the minimal case. */
export function signatureOf(call: Call, backend: string, mismatch: Mismatch, needsHistory: boolean): string {
  const features = [...featuresOf(call, mismatch), ...(needsHistory ? ['history'] : [])];
  return `${call.case.op}/${backend}/${mismatch.kind}/${features.length === 0 ? 'plain' : features.join('+')}`;
}

/** A short name for a signature. */
export function idOf(signature: string): string {
  return createHash('sha256').update(signature).digest('hex').slice(0, 12);
}
