import type { Call } from '../operators/call.ts';
import { isLack, type Spec, withoutLacks } from '../semantics/semantics.ts';
import { areAlike } from './alike.ts';
import { unlike, withLayer } from './layers.ts';
import { isMoreThan, isOfValues, type Mismatch, sortOf, telling } from './signature.ts';

/*
 * What a bug needs, by its smallest case and a few more runs: each of its features is taken away, or had in another way, and what fails
 * still did not need it.
 */

/** A case that fails. */
export interface Failing {
  call: Call;
  mismatch: Mismatch;
}

/** A bug that has been found, by the features that its smallest case needs. */
export interface Known {
  features: readonly string[];
  /** Whether that case does not fail with small integers. */
  needsItsValues?: boolean;
}

/** Whether a bug shows in certain values only. */
export function hangsOnValues({ features, needsItsValues = false }: Known): boolean {
  return needsItsValues || features.some(isOfValues);
}

/**
 * The features that a smallest case needs: all, but those that it has because it is small. `failingAnew`: those of some calls that fail in
 * the same way for another reason than some bugs that are known.
 */
export async function neededFeatures(
  call: Call,
  features: readonly string[],
  known: readonly Known[],
  failingAnew: (some: readonly Call[], others: readonly Known[]) => Promise<Failing[]>,
): Promise<string[]> {
  if (call.refusal !== null) return [...features];
  const { operator, spec } = call;
  let needed = [...features];
  /** A layer that fails still, without each of the things in turn that the case does not need. */
  let left = spec;
  let own: Failing[] | null = null;
  for (const feature of operator.features(spec)) {
    const others = without(spec, feature);
    const isLike = isOfEnds(feature) ? await alikeness() : () => true;
    const failures = await failingOf(others, isLack(feature) ? hiding() : known, isLike);
    const [failing] = failures;
    if (failing === undefined || (isReplaced(feature, features) && !(await isLikewise(feature, others.flat()))))
      continue;
    if (!isLack(feature)) {
      // Each of two bugs in one case fails without what the other needs; without both needs neither does.
      if (left === spec) left = failing.call.spec;
      else if (operator.features(left).includes(feature)) {
        const [still] = await failingOf(without(left, feature), known, isLike);
        if (still === undefined) continue;
        left = still.call.spec;
      }
    }
    // Nor does it need that values are wrong in a way in which none of those is.
    const sort = failures.flatMap((one) => sortOf(one.call, one.mismatch));
    needed = needed.filter((one) => one !== feature && (!isOfValues(one) || sort.includes(one)));
  }
  return needed;

  function without(from: Spec, feature: string): Spec[][] {
    const lists = operator.otherwise(from, feature);
    return lists.map((specs) => specs.filter((other) => !operator.features(other).includes(feature)));
  }

  /** What fails of these lists, where in each of them something does. */
  async function failingOf(
    lists: readonly (readonly Spec[])[],
    others: readonly Known[],
    isLike: (failing: Failing) => boolean = () => true,
  ): Promise<Failing[]> {
    const failures: Failing[] = [];
    for (const specs of lists) {
      const calls = unlike(specs.flatMap((other) => withLayer(call, other, false)));
      const found = calls.length === 0 ? [] : (await failingAnew(calls, others)).filter(isLike);
      if (found.length === 0) return [];
      failures.push(...found);
    }
    return failures;
  }

  /** Whether a failure with crops for pads, or pads for crops, is like those of this layer, in results of any size. */
  async function alikeness(): Promise<(failing: Failing) => boolean> {
    own ??= await failingAnew(
      operator.without(spec, []).flatMap((one) => withLayer(call, one, false)),
      [],
    );
    const all = own;
    const signs = (one: Spec) => operator.features(one).filter((feature) => feature === 'pad' || feature === 'crop');
    const had = signs(spec).join();
    return ({ call: other, mismatch: its }) =>
      signs(other.spec).join() === had || all.some(({ mismatch }) => areAlike(mismatch, its));
  }

  /**
   * The known bugs that need no more than what this layer lacks. Where one of them is why other layers fail, their failing does not say
   * that this bug can do without the lack; beside any other known bug it nearly always does.
   */
  function hiding(): readonly Known[] {
    const had = operator.features(spec);
    return known.filter(({ features }) => features.length > 0 && !features.some((one) => had.includes(one)));
  }

  /**
   * Whether layers with something else in the place of a feature fail by this bug: without what it needs beside, not one of them does; of
   * what shows it, without what is beside the input.
   */
  async function isLikewise(replaced: string, others: readonly Spec[]): Promise<boolean> {
    const isSame = (one: string) =>
      one === replaced || (isExchanged(replaced) && (one === 'outputs' || isExchanged(one)));
    const had = operator.features(spec).filter((one) => !isSame(one));
    const rest = withoutLacks(telling(needed.filter((one) => had.includes(one)))).filter(
      (one) => isExchanged(replaced) || isBeside([one]),
    );
    const isKept = (other: Spec) => !isExchanged(replaced) || operator.features(other).includes('outputs');
    const less = rest
      .map((feature) => {
        const all = had.filter((one) => one === feature || isMoreThan(feature, one));
        const specs = others.flatMap((other) => operator.without(other, all));
        return specs.filter((other) => !operator.features(other).includes(feature));
      })
      .filter((specs) => specs.length > 0 && specs.every(isKept));
    for (const specs of less) {
      if ((await failingOf([specs], known)).length === 0) return true;
    }
    return less.length === 0;
  }
}

/** What an output_padding takes one of. */
const roomMakers = ['stride', 'dilation'];

/**
 * The same of a death, where each run may cost a process. Shrinking has taken away what can be taken away; but a death of an output_padding
 * has a stride or a dilation that it would not need, since an output_padding takes one of them. So there is the other in its place: that
 * has to kill as well, and not to kill without the output_padding. `dies`: whether a call dies so for another reason than what is known.
 */
export async function neededByDeath(
  call: Call,
  features: readonly string[],
  dies: (one: Call) => Promise<boolean>,
): Promise<string[]> {
  const { operator, spec, refusal } = call;
  const shown = 'output_padding';
  const maker = roomMakers.find((one) => features.includes(one));
  if (refusal !== null || maker === undefined || !features.includes(shown)) return [...features];
  const own = operator.features(spec);
  const isOfMaker = (one: string) => one === maker || isMoreThan(one, maker);
  // An output_padding that is beyond a stride is not beyond a dilation.
  const kept = own.filter((one) => features.includes(one) && !isOfMaker(one) && !isMoreThan(one, shown));
  const has = (one: Spec, ...wanted: readonly string[]) => {
    const its = operator.features(one);
    return wanted.every((feature) => its.includes(feature));
  };
  const other = operator
    .otherwise(spec, maker)
    .flat()
    .find((one) => !has(one, maker) && has(one, ...kept));
  if (other === undefined) return [...features];
  const makers = roomMakers.filter((one) => has(other, one));
  const without = [...operator.without(other, [shown]), ...operator.otherwise(other, shown).flat()].find(
    (one) => !has(one, shown) && has(one, ...makers),
  );
  const kills = (one: Spec) => dies(withLayer(call, one, false)[0]!);
  if (without === undefined || !(await kills(other)) || (await kills(without))) return [...features];
  // What the backend adds to the operator's features is not looked at.
  return features.filter((one) => !own.includes(one) || has(other, one));
}

/** Whether a feature is one of two ways to have several output channels: bugs of either are common, and may be beside each other. */
function isExchanged(feature: string): boolean {
  return feature === 'groups' || feature === 'outputs a group';
}

/** Whether a feature is of an end of an axis: a bug may be of pads and crops alike, and there are bugs of either. */
function isOfEnds(feature: string): boolean {
  return /^(pad|crop)( |$)/.test(feature);
}

/** What shows that something beside the input's own elements is wrong. */
export const showings = ['kernel', 'bias', 'padding'];

/** Whether there is something beside them. */
export function isBeside(features: readonly string[]): boolean {
  return features.some((one) => /^(output_)?padding(?! valid)/.test(one));
}

/** Whether something else in the place of a feature may show the same bug, or another one that is common. */
function isReplaced(feature: string, features: readonly string[]): boolean {
  return isExchanged(feature) || (isBeside(features) && showings.includes(feature));
}
