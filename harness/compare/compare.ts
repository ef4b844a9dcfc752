import { toJsonNumber } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import { indexOf, sameShape, type Tensor } from '../core/tensor.ts';
import type { Culprit, End, MismatchKind, Verdict } from '../core/verdict.ts';
import { type Call, withoutAddedBatch } from '../operators/call.ts';
import { type Allowance, Allowances, type Arithmetic } from './allowance.ts';

/** What the comparison needs to know of a backend. */
export interface BackendTraits {
  strict: boolean;
  arithmetic: Arithmetic;
}

function mismatch(kind: MismatchKind, reason: string, shape: number[] | null = null): Verdict {
  return { verdict: 'mismatch', kind, reason, shape, culprit: null };
}

/**
 * The verdict on a backend's outcome, `got`, where the oracle's was `want`. Pure: shape, dtype and acceptance first, then the
 * values, each within what rounding allows.
 */
export function compare(call: Call, want: Outcome, got: Outcome, traits: BackendTraits): Verdict {
  switch (got.kind) {
    case 'crash':
    case 'timeout':
      return mismatch(got.kind, got.detail);
    case 'side-effect':
      return mismatch('side-effect', `changed its ${got.changed.join(' and ')}`);
    case 'malformed':
      return mismatch(got.what, got.reason);
    case 'unsupported':
      return { verdict: 'unsupported', reason: got.reason };
  }
  if (call.undefinedBecause !== null) {
    return { verdict: 'unknown', reason: `PyTorch's own result is not defined: ${call.undefinedBecause}` };
  }
  if (want.kind === 'rejected') return compareWithRefusal(want.reason, got, traits);
  if (want.kind !== 'ok') return { verdict: 'unknown', reason: `the oracle gave no answer: ${explain(want)}` };
  if (got.kind === 'rejected')
    return mismatch('acceptance', `refuses what PyTorch takes: ${got.reason}`, want.output.shape);

  const output = withoutAddedBatch(call, got.output);
  if (!sameShape(output.shape, want.output.shape)) {
    const shapes = `wanted ${JSON.stringify(want.output.shape)}, got ${JSON.stringify(output.shape)}`;
    return mismatch('shape', shapes, want.output.shape);
  }
  const dtype = call.spec.dtypes.input;
  if (output.dtype !== dtype) return mismatch('dtype', `wanted ${dtype}, got ${output.dtype}`, want.output.shape);
  return compareValues(call, want.output, output, traits.arithmetic);
}

function compareWithRefusal(
  reason: string,
  got: Outcome & { kind: 'ok' | 'rejected' },
  traits: BackendTraits,
): Verdict {
  if (got.kind === 'rejected') return { verdict: 'agree', shape: null, worst: 0, bound: 0, compared: 1, vacuous: null };
  if (traits.strict) return mismatch('acceptance', `takes what PyTorch refuses: ${reason}`);
  return { verdict: 'unsupported', reason: `PyTorch refuses the case, and the backend does not claim to: ${reason}` };
}

function explain(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'ok':
      return 'ok';
    case 'side-effect':
      return `it changed its ${outcome.changed.join(' and ')}`;
    case 'crash':
    case 'timeout':
      return outcome.detail;
    default:
      return outcome.reason;
  }
}

/** NaN is NaN. The sign of a zero counts where values are only copied. */
function sameValue(a: number, b: number, copied: boolean): boolean {
  return a === b ? !copied || Object.is(a, b) : Number.isNaN(a) && Number.isNaN(b);
}

/** How far off, as a multiple of the allowance; infinite where no rounding explains it. */
function excess(difference: number, bound: number): number {
  if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
  if (difference === 0) return 0;
  return bound === 0 ? Number.POSITIVE_INFINITY : difference / bound;
}

/** Why a result would say nothing of whoever gives it too, or null where it says something. */
function emptinessOf(call: Call, want: Tensor, compared: number): string | null {
  if (want.data.length === 0) return null;
  if (compared === 0) return 'no element has a value that is defined';
  const { rounding } = call.operator;
  if (rounding === null) return null;
  if (want.data.every((value) => value === 0)) return 'the result is all zeros';
  // Padding alone leaves the bias, and zeros where there is none.
  const bias = rounding.addend === undefined ? undefined : call.tensors[rounding.addend]?.data[0];
  if (bias === undefined || !sameValue(bias, want.data[0]!, false)) return null;
  return rounding.taps(call.spec).every((taps) => taps === 0) ? 'every tap lies in the padding' : null;
}

/** The ends of axes at which all of some elements lie, given by their flat indices. */
function endsOf(elements: readonly number[], shape: readonly number[]): End[] {
  const indices = elements.map((at) => indexOf(at, shape));
  return shape.flatMap((size, axis) => {
    if (size === 1) return [];
    const isAllAt = (place: number) => indices.every((index) => index[axis] === place);
    const ends = [...(isAllAt(0) ? ['first' as const] : []), ...(isAllAt(size - 1) ? ['last' as const] : [])];
    return ends.map((end) => ({ axis: axis - shape.length, end }));
  });
}

function compareValues(call: Call, want: Tensor, got: Tensor, arithmetic: Arithmetic): Verdict {
  const { rounding } = call.operator;
  const copied = rounding === null;
  let allowances: Allowances | null = null;
  let culprit: { at: number; difference: number; bound: number; excess: number } | null = null;
  const wrong: number[] = [];
  let compared = want.data.length;
  for (let at = 0; at < want.data.length; at++) {
    const wanted = want.data[at]!;
    const given = got.data[at]!;
    if (sameValue(wanted, given, copied)) continue;
    if (rounding !== null) allowances ??= new Allowances(call, rounding, arithmetic);
    const allowance: Allowance = allowances?.at(at, wanted) ?? { kind: 'within', bound: 0 };
    if (allowance.kind === 'undefined') {
      compared -= 1;
      continue;
    }
    const bound = allowance.kind === 'within' ? allowance.bound : 0;
    const overflowed = allowance.kind === 'same class' && given === Math.sign(wanted) * Number.POSITIVE_INFINITY;
    if (overflowed) continue;
    const difference = Math.abs(given - wanted);
    // A zero of the wrong sign is no distance away, and wrong all the same.
    const off = copied ? Number.POSITIVE_INFINITY : excess(difference, bound);
    if (off > 1) wrong.push(at);
    if (culprit === null || off > culprit.excess) culprit = { at, difference, bound, excess: off };
  }
  const shape = want.shape;
  const agreement = { verdict: 'agree', shape, compared, vacuous: emptinessOf(call, want, compared) } as const;
  if (culprit === null) return { ...agreement, worst: 0, bound: 0 };
  const { difference, bound } = culprit;
  if (culprit.excess <= 1) return { ...agreement, worst: difference, bound };
  const at: Culprit = {
    index: indexOf(culprit.at, shape),
    want: want.data[culprit.at]!,
    got: got.data[culprit.at]!,
    allowed: bound,
    ends: endsOf(wrong, shape),
    share: wrong.length / want.data.length,
  };
  const [wanted, given] = [toJsonNumber(at.want), toJsonNumber(at.got)];
  const reason = `at [${at.index.join(', ')}]: wanted ${wanted}, got ${given}, allowed difference ${at.allowed}`;
  return { verdict: 'mismatch', kind: 'value', reason, shape, culprit: at };
}
