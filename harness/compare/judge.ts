import type { Outcome } from '../core/outcome.ts';
import { allocate, flatIndex, sameShape, type Tensor } from '../core/tensor.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Call } from '../operators/call.ts';
import { type BackendTraits, compare } from './compare.ts';
import { exactElement, isRounded } from './exact.ts';

/*
 * Who is wrong? Where a backend's outcome is not the oracle's, a second opinion decides, which shares no code with PyTorch: our
 * rules of what is valid, the sizes that follow, and exact arithmetic. A backend is convicted only where the oracle is confirmed.
 */

/** What an oracle has to say of one call. */
export interface Opinion {
  /** The right outcome, or null where the oracle does not know it, and only holds results against each other. */
  want: Promise<Outcome> | null;
  /** Calls that the backend has to answer as well, after this one. */
  related: readonly Call[];
  /** The verdict on what a backend made of the call and of the related ones. */
  of(got: Outcome, related: readonly Outcome[], traits: BackendTraits): Promise<Verdict>;
}

/**
 * The verdict on a backend's outcome, where the oracle's was `want`. As `compare`, but a mismatch that the oracle is to blame for is
 * `unknown` and says so, as is one where nobody can tell, because PyTorch and our rules differ in what is valid.
 */
export function judge(call: Call, want: Outcome, got: Outcome, traits: BackendTraits): Verdict {
  const verdict = compare(call, want, got, traits);
  if (verdict.verdict !== 'mismatch' || isOwnDoing(got)) return verdict;
  const doubt = doubtOf(call, want, verdict.culprit?.index ?? null);
  if (doubt === null) return verdict;
  const reason = `${doubt.reason} (the backend: ${verdict.reason})`;
  return { verdict: 'unknown', reason, ...(doubt.isConvicted ? { convicted: 'oracle' } : {}) };
}

/** The opinion of an oracle that knows the result. */
export function byWord(call: Call, want: Promise<Outcome>): Opinion {
  // Whoever hears the opinion hears of it.
  want.catch(() => {});
  return { want, related: [], of: async (got, _, traits) => judge(call, await want, got, traits) };
}

/** What a backend is to blame for whatever the oracle says. */
function isOwnDoing({ kind }: Outcome): boolean {
  return kind !== 'ok' && kind !== 'rejected';
}

interface Doubt {
  reason: string;
  /** It is the oracle that is wrong; otherwise it may be our rules. */
  isConvicted: boolean;
}

/** Why the oracle is not to be believed about a call, or about one element of its result; null where it is right. */
function doubtOf(call: Call, want: Outcome, index: readonly number[] | null): Doubt | null {
  const { refusal } = call;
  const undecided = (reason: string): Doubt => ({ reason, isConvicted: false });
  if (want.kind === 'rejected') {
    return refusal === null ? undecided(`the oracle refuses what our rules take: ${want.reason}`) : null;
  }
  if (want.kind !== 'ok') return null;
  if (refusal !== null) return undecided(`the oracle takes what our rules refuse: ${refusal.message}`);
  const wrong = wrongResult(call, want.output, index);
  return wrong === null ? null : { reason: `the oracle is wrong: ${wrong}`, isConvicted: true };
}

function wrongResult(call: Call, output: Tensor, index: readonly number[] | null): string | null {
  const { operator, spec } = call;
  const shape = operator.outputShape(spec);
  if (!sameShape(output.shape, shape)) {
    return `the shape ${JSON.stringify(output.shape)} should be ${JSON.stringify(shape)}`;
  }
  if (index === null) return null;
  const at = flatIndex(index, shape);
  const value = output.data[at]!;
  if (isRight(call, index, at, value)) return null;
  return `exact arithmetic does not give ${value} at [${index.join(', ')}]`;
}

function isRight(call: Call, index: readonly number[], at: number, value: number): boolean {
  if (call.operator.rounding !== null) return isRounded(value, exactElement(call, index));
  // Padding only copies, into the input's dtype.
  const { input } = call.tensors;
  const copied = call.operator.evaluate(call.spec, { input: input.data });
  const stored = allocate(input.dtype, copied.length);
  stored.set(copied);
  return Object.is(value, stored[at]);
}
