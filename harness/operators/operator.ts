import type fc from 'fast-check';
import type { z } from 'zod';
import type { Params } from '../core/case.ts';
import type { Differentiable, Oddity, Rule, Semantics, Spec } from '../semantics/semantics.ts';

/** An operator's semantics, how case files spell its calls, and how they are drawn: all that the harness knows about it. */
export interface Operator extends Semantics {
  /** The parameters as a case file may spell them; unknown keys are refused. */
  params: z.ZodType<Params>;
  /** Valid specs only; shrinks fully, also from a spec that was read from a file. */
  arbitrary: fc.Arbitrary<Spec>;
  /**
   * The call without these of its features, as far as they can be taken away, and otherwise as it is: with a result as large, with an
   * input as large, and with a result somewhat larger, in which more can be seen.
   */
  without(spec: Spec, features: readonly string[]): Spec[];
  /**
   * The call without a feature that it may have by chance, since it has to have something like it: padding beyond a kernel that is 1,
   * at one end of an axis and not at the other. What fails does not need the feature where in each of these lists some call fails, too.
   */
  otherwise(spec: Spec, feature: string): Spec[][];
  /** The smallest call of it. */
  plainest: Spec;
  /** A named way to break or bend a valid spec, of `twists`. */
  twists: ReadonlyMap<string, (spec: Spec) => Spec>;
}

/** An operator whose gradients are operators too. */
export type ForwardOperator = Operator & Differentiable;

/** Every way in which a family's rules can be broken and its oddities applied, by a stable name. */
export function twistsOf(rules: readonly Rule[], oddities: readonly Oddity[], sample: Spec): Operator['twists'] {
  const twists = new Map<string, (spec: Spec) => Spec>();
  for (const rule of rules) {
    const ways = rule.breaks(sample).length;
    for (let way = 0; way < ways; way++) {
      twists.set(`break ${rule.name} #${way + 1}`, (spec) => rule.breaks(spec)[way] ?? spec);
    }
  }
  for (const oddity of oddities) twists.set(`oddity ${oddity.name}`, oddity.apply);
  return twists;
}
