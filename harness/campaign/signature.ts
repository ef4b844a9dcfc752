import { createHash } from 'node:crypto';
import { builtIns } from '../backends/index.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Call } from '../operators/call.ts';
import { withoutLacks } from '../semantics/semantics.ts';

export type Mismatch = Extract<Verdict, { verdict: 'mismatch' }>;

function classOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? 'finite' : 'infinite';
}

/** The smallest number of the input's dtype that is not denormal. */
function leastNormal({ spec }: Call): number {
  return spec.dtypes.input === 'float64' ? 2 ** -1022 : 2 ** -126;
}

/** An error that is no more than a few roundings of a float32, relative to what is wanted or to 1. */
const slight = 2 ** -20;

/** What sort of failure it is, beyond its kind: one that is of another sort is another bug. */
export function sortOf(call: Call, mismatch: Mismatch): string[] {
  if (mismatch.kind === 'acceptance') return [call.refusal === null ? 'refuses' : `takes: ${call.refusal.rule}`];
  const { culprit } = mismatch;
  if (culprit === null) return [];
  const [want, got] = [classOf(culprit.want), classOf(culprit.got)];
  if (want !== 'finite' || got !== 'finite') return [`wanted ${want}`, `got ${got}`];
  if (culprit.want === culprit.got) return ['sign of zero'];
  if (culprit.got === 0 && Math.abs(culprit.want) < leastNormal(call)) return ['denormal lost'];
  if (culprit.allowed > 0) return ['not exact'];
  // On values of which every partial sum is exact, as nothing but other arithmetic gives it.
  const isSlight = Math.abs(culprit.got - culprit.want) <= slight * Math.max(1, Math.abs(culprit.want));
  return isSlight && call.operator.rounding !== null ? ['off by a rounding'] : [];
}

/** Whether a feature says something of the values that are wrong, and nothing of the call. */
export function isOfValues(feature: string): boolean {
  return /^(wanted|got) |^(sign of zero|denormal lost|not exact|off by a rounding)$/.test(feature);
}

/**
 * What a shrinking case is locked to: a candidate that fails in another way is another bug, and is not taken. Which values are
 * wrong does not count: a failure that shows in NaN first is the same bug where it shows in integers as well.
 */
export function lockOf(call: Call, backend: string, mismatch: Mismatch): string {
  const sort = mismatch.kind === 'acceptance' ? sortOf(call, mismatch) : [];
  return [call.case.op, backend, mismatch.kind, ...sort].join(' ');
}

/** The features of a failing call: what sets it apart from the plainest call, and what sort of failure it is. */
export function featuresOf(call: Call, backend: string, mismatch: Mismatch): string[] {
  const sort = sortOf(call, mismatch);
  if (call.refusal === null) {
    const own = builtIns.find(({ name }) => name === backend)?.features?.(call) ?? [];
    return [...sort, ...call.operator.features(call.spec), ...own];
  }
  // An invalid call cannot be measured: which rule it breaks is what counts.
  return mismatch.kind === 'acceptance' ? sort : [...sort, `invalid: ${call.refusal.rule}`];
}

/** Of these each says more than those before. */
const chains = [
  ['padding', 'padding > half', 'padding ≥ kernel', 'padding > reach'],
  ['constant', 'value'],
  ['value', 'value large', 'value infinite'],
  ['outputs', 'groups', 'groups > 2'],
];

/** Whether a feature says all that another does, and more: `kernel > 2` for `kernel`, `pad behind` for `pad`. */
export function isMoreThan(feature: string, other: string): boolean {
  const chain = chains.find((one) => one.includes(feature) && one.includes(other));
  return chain === undefined ? feature.startsWith(`${other} `) : chain.indexOf(feature) > chain.indexOf(other);
}

/** Those that say most: a kernel of more than 2 is one of more than 1, too. */
export function telling(features: readonly string[]): string[] {
  return features.filter((one) => !features.some((other) => isMoreThan(other, one)));
}

/** What makes two failures the same bug: operator, backend, kind, and the features that the minimal case needs. */
export function signatureOf(
  call: Call,
  backend: string,
  mismatch: Mismatch,
  needsHistory: boolean,
  features: readonly string[] = withoutLacks(featuresOf(call, backend, mismatch)),
): string {
  const all = [...telling(features), ...(needsHistory ? ['history'] : [])];
  return `${call.case.op}/${backend}/${mismatch.kind}/${all.length === 0 ? 'plain' : all.join('+')}`;
}

/** A short name for a signature. */
export function idOf(signature: string): string {
  return createHash('sha256').update(signature).digest('hex').slice(0, 12);
}
