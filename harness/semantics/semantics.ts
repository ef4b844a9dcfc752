import type { ForwardName, InputName, Inputs, OperandName, OpName, Params } from '../core/case.ts';
import type { DType, TensorData } from '../core/tensor.ts';

/** A call of an operator without its data: every parameter, spelled as PyTorch takes it, and the tensors' shapes. */
export interface Spec {
  params: Params;
  shapes: Inputs<number[]>;
  dtypes: Inputs<DType>;
}

/**
 * One thing that PyTorch demands of a call. A family's rules stand in the order in which they may rely on each other: `holds`
 * is asked only of a spec that keeps all rules before it.
 */
export interface Rule {
  name: string;
  /** What it demands, for the reference documentation. */
  about: string;
  holds(spec: Spec): boolean;
  /** What is wrong, naming the thing, the value, and what it should be. */
  message(spec: Spec): string;
  /** Specs that break this rule, from a valid one: near its edge first, then far from it. */
  breaks(spec: Spec): Spec[];
}

/** A legal or borderline call that PyTorch treats in a way of its own; only strict backends are given it. */
export interface Oddity {
  name: string;
  /** What PyTorch does with it, for the reference documentation. */
  about: string;
  apply(spec: Spec): Spec;
}

/** How an operator sums: what bounds the rounding of its results. */
export interface Rounding {
  /** The number of terms that are really summed for each element of the output, `addend` not counted; the spec keeps all rules. */
  taps(spec: Spec): Float64Array;
  /** The operands of which each term is a product; one alone is summed as it is. */
  factors: readonly [InputName, InputName?];
  /** What is added to each element once, if it is there. */
  addend?: InputName;
  /**
   * The factors that an implementation may multiply with zeros of padding, or skip there, each with the number of terms that an
   * element has where that does not happen.
   */
  unpadded(spec: Spec): Partial<Record<InputName, number>>;
}

/** What operators of one family share: the definition, the rules, and how they are lowered. */
export type Family = 'convolution' | 'transposed convolution' | 'padding';

/** What PyTorch means by an operator: data and pure functions, and all that a lowering needs to know. */
export interface Semantics {
  name: OpName;
  family: Family;
  /** PyTorch's page on it. */
  specUrl: string;
  /** The tensors it takes. */
  inputs: readonly InputName[];
  dtypes: readonly DType[];
  /** PyTorch's defaults, for every parameter. */
  defaults: Params;
  /** The rank of `input` without its batch axis, or null where there is no such form. */
  unbatchedRank: number | null;
  rules: readonly Rule[];
  oddities: readonly Oddity[];
  /** The parameters as a backend gets them: lists with one entry an axis. Null where a list has the wrong length. */
  normalise(params: Params): Params | null;
  /** The shape of the result. The spec keeps all rules. */
  outputShape(spec: Spec): number[];
  /**
   * The definition, in float64 and not rounded to the output's dtype, row-major in `outputShape`. The spec keeps all rules
   * and `input` may lack its batch axis.
   */
  evaluate(spec: Spec, inputs: Inputs<TensorData>): Float64Array;
  /** Null where it only copies: results are exact then, to the sign of a zero. */
  rounding: Rounding | null;
  /** Why PyTorch's result of a call that it takes is not defined, or null where it is. The spec keeps all rules. */
  undefinedBecause(spec: Spec): string | null;
  /** An upper bound on the elements that any step of any implementation holds at once, to refuse absurd sizes. */
  peakElements(spec: Spec): number;
  /** What this is the gradient of, and by which operand; null where it is none. */
  gradient: { of: Differentiable; by: OperandName } | null;
  /**
   * The features that set this call apart from others: what the plainest call does not have, and the lacks of `isLack`. Two failures with
   * the same features look alike.
   */
  features(spec: Spec): string[];
}

/** What is called with the flat indices of one product: its result's, its input's and its weight's element (0 where there is none). */
export type Visit = (output: number, input: number, weight: number) => void;

/** An operator's semantics with what its gradients follow from. */
export interface Differentiable extends Semantics {
  name: ForwardName;
  /** Visits every product that the definition sums. The spec keeps all rules. */
  products(spec: Spec, visit: Visit): void;
}

/** Why PyTorch refuses this call, in our words, or null where it takes it. */
export function refusalOf(rules: readonly Rule[], spec: Spec): { rule: string; message: string } | null {
  for (const rule of rules) {
    if (!rule.holds(spec)) return { rule: rule.name, message: rule.message(spec) };
  }
  return null;
}

/** The names of what is the case. */
export function namesOf(found: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(found).filter((name) => found[name]);
}

/**
 * Whether a feature says what a call does not have. A bug may come with that, such as one of kernels of 1; but every small case has it,
 * mostly by chance.
 */
export function isLack(feature: string): boolean {
  // Without gaps between the copies of a kernel they overlap, and the smallest kernel that is none of 1 is even.
  return ['a single channel', 'pointwise', 'overlap', 'even kernel', 'constant'].includes(feature);
}

/** Those features that say what a call has. */
export function withoutLacks(features: readonly string[]): string[] {
  return features.filter((feature) => !isLack(feature));
}
