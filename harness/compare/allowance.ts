import { type InputName, mapInputs } from '../core/case.ts';
import { type DType, largestFloat32, type TensorData } from '../core/tensor.ts';
import type { Call } from '../operators/call.ts';
import type { Rounding } from '../semantics/semantics.ts';

/*
 * What rounding explains, element by element. For an inner product of m terms in any order, with or without fused
 * multiply-add, in arithmetic with unit roundoff u (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., §3.1):
 *
 *   |computed − exact| ≤ γₘ(u)·S + m·η,   γₘ(u) = m·u/(1 − m·u),   S = Σ|x||w| + |b|,   η = half the smallest denormal.
 *
 * The oracle computes in float64 and errs by the same rule with u = 2⁻⁵³. m counts the terms that are really summed: not those
 * in the padding, and one more for a bias. Where all data are integers and S < 2²⁴, every partial sum is a float32 and nothing
 * is rounded: the allowance is 0.
 */

/** How a backend's arithmetic differs from IEEE 754 with gradual underflow. */
export interface Arithmetic {
  /** Operands and results below the smallest normal number count as 0. */
  flushesDenormals: boolean;
  /** Operands, products and sums are rounded to this where it is more than the dtype's own unit roundoff. */
  unitRoundoff?: number;
  /** The error may be so many times that of a direct sum: then nothing is exact. */
  amplification?: number;
}

interface Format {
  unitRoundoff: number;
  /** Half the smallest denormal. */
  underflow: number;
  smallestNormal: number;
  largest: number;
  /** Integers up to here are exact. */
  exactBelow: number;
}

const float64: Format = {
  unitRoundoff: 2 ** -53,
  underflow: 2 ** -1074,
  smallestNormal: 2 ** -1022,
  largest: Number.MAX_VALUE,
  exactBelow: 2 ** 53,
};
const float32: Format = {
  unitRoundoff: 2 ** -24,
  underflow: 2 ** -150,
  smallestNormal: 2 ** -126,
  largest: largestFloat32,
  exactBelow: 2 ** 24,
};
const formats: Record<DType, Format> = { float32, float64, int32: float64 };

function gamma(terms: number, unitRoundoff: number): number {
  return (terms * unitRoundoff) / (1 - terms * unitRoundoff);
}

function mapData(data: TensorData, fn: (value: number) => number): Float64Array {
  const out = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = fn(data[i]!);
  return out;
}

const finiteMagnitude = (value: number): number => (Number.isFinite(value) ? Math.abs(value) : 0);

/** What may differ at one element: a bound, an infinity that must be there, or nothing that anyone could hold it to. */
export type Allowance = { kind: 'within'; bound: number } | { kind: 'same class' } | { kind: 'undefined' };

/** What rounding a backend is held to. Integers are exact as far as its significand reaches, and not where it transforms them. */
function declaredIn(format: Format, { unitRoundoff = 0, amplification = 1 }: Arithmetic) {
  const isLower = unitRoundoff > format.unitRoundoff;
  const exactBelow = isLower ? 1 / unitRoundoff : format.exactBelow;
  return {
    unitRoundoff: isLower ? unitRoundoff : format.unitRoundoff,
    exactBelow: amplification > 1 ? 0 : exactBelow,
    amplification,
    roundedOperands: isLower ? 2 : 0,
  } as const;
}

/** The allowance of every element of a call's output; built on demand, since equal outputs need none. */
export class Allowances {
  readonly #call: Call;
  readonly #format: Format;
  readonly #arithmetic: Arithmetic;
  /** The format's arithmetic, or what the backend declares in its place. */
  readonly #declared: { unitRoundoff: number; exactBelow: number; amplification: number; roundedOperands: 0 | 2 };
  /** Σ|x||w| + |b| over the finite operands. */
  readonly #magnitude: Float64Array;
  /** The number of products that are really summed. */
  readonly #taps: Float64Array;
  /** Σ|x||w| over products with a denormal operand, and a denormal |b|. */
  readonly #denormal: Float64Array | null;
  /** Σ|x·w| + |b| over the terms of each sign; built where something overflows. */
  #bySign: { positive: Float64Array; negative: Float64Array } | null = null;
  readonly #integers: boolean;
  readonly #rounding: Rounding;
  /** With fewer terms an infinite factor may have met a zero of padding. */
  readonly #definedFrom: number;

  constructor(call: Call, rounding: Rounding, arithmetic: Arithmetic) {
    this.#call = call;
    this.#arithmetic = arithmetic;
    this.#format = formats[call.spec.dtypes.input];
    this.#declared = declaredIn(this.#format, arithmetic);
    const [, second] = rounding.factors;
    const evaluate = (fn: (value: number) => number, secondFn = fn) =>
      call.operator.evaluate(
        call.spec,
        mapInputs(call.tensors, ({ data }, name) => mapData(data, name === second ? secondFn : fn)),
      );
    this.#magnitude = evaluate(finiteMagnitude);
    this.#taps = rounding.taps(call.spec);
    const tensors = Object.values(call.tensors);
    this.#integers = tensors.every(({ data }) => (data as Float64Array).every(Number.isInteger));
    this.#rounding = rounding;
    this.#definedFrom = Math.max(
      0,
      ...Object.entries(rounding.unpadded(call.spec)).map(([factor, terms]) => {
        const { data } = call.tensors[factor as InputName]!;
        return (data as Float64Array).every(Number.isFinite) ? 0 : terms;
      }),
    );
    const tiny = (value: number) => (Math.abs(value) < this.#format.smallestNormal ? Math.abs(value) : 0);
    const anyTiny = tensors.some(({ data }) => (data as Float64Array).some((value) => tiny(value) !== 0));
    this.#denormal = null;
    if (arithmetic.flushesDenormals && anyTiny) {
      const ofFirst = evaluate(tiny, finiteMagnitude);
      const ofSecond = second === undefined ? null : evaluate(finiteMagnitude, tiny);
      this.#denormal = ofFirst.map((value, i) => value + (ofSecond?.[i] ?? 0));
    }
  }

  /** What the element at `i` may be, where the oracle says `want`. */
  at(i: number, want: number): Allowance {
    const { largest } = this.#format;
    const { unitRoundoff, exactBelow, amplification, roundedOperands } = this.#declared;
    const { addend } = this.#rounding;
    const terms = this.#taps[i]! + (addend !== undefined && this.#call.tensors[addend] !== undefined ? 1 : 0);
    const magnitude = this.#magnitude[i]! * (1 + 2 * terms * 2 ** -53);
    const roundings = terms + roundedOperands;
    if (roundings * unitRoundoff >= 0.5) return { kind: 'undefined' };
    const relative = amplification * gamma(roundings, unitRoundoff) + gamma(terms, 2 ** -53);
    // 0·∞ over padding is NaN where an implementation multiplies the padding's zeros, and nothing where it skips them.
    if (this.#taps[i]! < this.#definedFrom) return { kind: 'undefined' };
    if (magnitude * (1 + relative) > largest) {
      return this.#overflowsInAnyOrder(i, want, relative) ? { kind: 'same class' } : { kind: 'undefined' };
    }
    if (!Number.isFinite(want)) {
      // A denormal that counts as 0 makes NaN of an infinity.
      return this.#denormal === null ? { kind: 'same class' } : { kind: 'undefined' };
    }
    if (this.#integers && this.#magnitude[i]! < exactBelow) return { kind: 'within', bound: 0 };
    return { kind: 'within', bound: relative * magnitude + this.#underflow(i, terms) };
  }

  /**
   * Whether every order of summation ends at the same infinity: the sum is out of range, and the terms of the other sign are
   * not, so that no partial sum can reach the other infinity.
   */
  #overflowsInAnyOrder(i: number, want: number, relative: number): boolean {
    const { largest } = this.#format;
    if (!Number.isFinite(want) || Math.abs(want) <= largest * (1 + relative)) return false;
    this.#bySign ??= { positive: this.#sumOfSign(1), negative: this.#sumOfSign(-1) };
    const opposite = want > 0 ? this.#bySign.negative : this.#bySign.positive;
    return opposite[i]! * (1 + relative) < largest;
  }

  /** Σ|x·w| + |b| over the finite terms of one sign. */
  #sumOfSign(sign: 1 | -1): Float64Array {
    const positive = (value: number) => (Number.isFinite(value) ? Math.max(0, value) : 0);
    const negative = (value: number) => positive(-value);
    const { operator, spec, tensors } = this.#call;
    const [first, second] = this.#rounding.factors;
    const [same, other] = sign === 1 ? [positive, negative] : [negative, positive];
    const sumOf = (fn: (name: InputName, value: number) => number) =>
      operator.evaluate(
        spec,
        mapInputs(tensors, ({ data }, name) => mapData(data, (value) => fn(name, value))),
      );
    if (second === undefined) return sumOf((_, value) => same(value));
    const ofPositive = sumOf((name, value) => (name === first ? positive(value) : same(value)));
    const ofNegative = sumOf((name, value) => {
      if (name === first) return negative(value);
      return name === second ? other(value) : 0;
    });
    return ofPositive.map((sum, at) => sum + ofNegative[at]!);
  }

  #underflow(i: number, terms: number): number {
    const { underflow, smallestNormal } = this.#format;
    if (!this.#arithmetic.flushesDenormals) return terms * underflow;
    // Every product and every sum may be flushed.
    return 2 * terms * smallestNormal + (this.#denormal?.[i] ?? 0);
  }
}
