import type { Call } from '../operators/call.ts';
import { type Spec, withoutLacks } from '../semantics/semantics.ts';
import { isElsewhere, isJustSo, shareApart } from './alike.ts';
import { keyOf, unlike, withLayer } from './layers.ts';
import { type Failing, hangsOnValues, isBeside, type Known, showings } from './needs.ts';
import { featuresOf, isMoreThan, type Mismatch } from './signature.ts';

/*
 * What a failure is a case of, by a few more runs. That a case has all that a known bug needs does not say that the bug is why it
 * fails. So its features are taken away. All but what the bug needs: it has to fail still, or the bug is not why it fails. One of
 * those that the bug needs: it has to pass, or there is another bug behind.
 */

/** So often a failure that is left when something has been taken away is looked at in the same way. */
const maxDepth = 3;

/** What a failure comes to: a case of a bug that is known, and what fails still when what that bug needs is taken away. */
export interface Likeness<K> {
  known: K | null;
  /** Whether runs have shown that this is why it fails. */
  isExplained: boolean;
  behind: Failing | null;
}

/** What cases come to on the same backend; null where one agrees, or fails with another lock. */
export type RunAll = (calls: readonly Call[]) => Promise<(Mismatch | null)[]>;

/** The bugs whose features a call has, those that need most first. */
function candidatesOf<K extends Known>(own: readonly string[], known: readonly K[]): K[] {
  return known
    .filter(({ features }) => features.every((feature) => own.includes(feature)))
    .sort((one, other) => other.features.length - one.features.length);
}

/** The bug that needs the most of what a failure has. */
export function closest<K extends Known>({ call, mismatch }: Failing, backend: string, known: readonly K[]): K | null {
  return candidatesOf(featuresOf(call, backend, mismatch), known)[0] ?? null;
}

/**
 * The call with only what a bug needs, of that as much as it has; and, for each thing that it has more of, with another thing instead that
 * the bug needs no less: groups for several outputs of one group. Where the bug is why the call fails, it fails in each of these ways; in
 * the first, where the bug is of what is beside the input, with nothing else or with any one thing that may show that.
 */
function bare(call: Call, known: Known): Call[][] {
  const { operator, spec } = call;
  const isMore = (feature: string) => known.features.some((one) => isMoreThan(feature, one));
  const isNeeded = (feature: string) => known.features.includes(feature);
  const rest = operator.features(spec).filter((feature) => !isNeeded(feature) && !isMore(feature));
  const shown = isBeside(known.features) ? showings.filter((one) => rest.includes(one)) : [];
  const specs = [
    ...operator.without(spec, rest),
    ...shown.flatMap((kept) =>
      operator.without(
        spec,
        rest.filter((one) => one !== kept && !isMoreThan(one, kept)),
      ),
    ),
  ];
  const hasNeeded = (one: Spec) => known.features.every((feature) => operator.features(one).includes(feature));
  const first = specs.find(hasNeeded) ?? specs[0];
  const own = first === undefined ? [] : operator.features(first);
  const others = own
    .filter((feature) => withoutLacks(known.features).some((one) => isMoreThan(feature, one)) && !isNeeded(feature))
    .map((feature) =>
      operator
        .otherwise(first!, feature)
        .flat()
        .filter((other) => {
          const its = operator.features(other);
          return !its.includes(feature) && own.filter(isNeeded).every((one) => its.includes(one));
        }),
    );
  const calls = (some: readonly Spec[]) => unlike(some.flatMap((one) => withLayer(call, one, !hangsOnValues(known))));
  return [specs, ...others.filter((some) => some.length > 0)].map(calls);
}

/** What a call comes to; null where it does not fail with the lock that is asked for. */
export type ResultOf = (call: Call) => Mismatch | null;

/** Calls that are run to see whether a known bug is why another one fails, and what their results say of that. */
export interface Explanation {
  calls: readonly Call[];
  explains(own: Mismatch, resultOf: ResultOf): boolean;
}

/** Whether a bug is why a call fails as it does, by what the call comes to with only what that bug needs, in several ways. */
function explains({ features }: Known, own: Mismatch, ways: readonly (readonly Call[])[], resultOf: ResultOf): boolean {
  const wrong = ways.map((calls) => calls.flatMap((call) => resultOf(call) ?? []));
  // What needs nothing fails beside every other bug: there it counts where the results are wrong.
  return wrong.every((some) => some.length > 0) && !(features.length === 0 && isElsewhere(own, wrong.flat()));
}

/** The known bugs that a valid call has all of, whatever its values. */
function suspectsOf<K extends Known>({ operator, spec, refusal }: Call, known: readonly K[]): K[] {
  if (refusal !== null) return [];
  const plain = known.filter((one) => !hangsOnValues(one));
  return candidatesOf(['refuses', ...operator.features(spec)], plain);
}

/** Whether a search for another bug has to leave a call alone, where it would cost too much to see why it fails. */
export function isSuspect(call: Call, known: readonly Known[]): boolean {
  return suspectsOf(call, known).length > 0;
}

/** How a search for another bug sees what it has to leave alone: by known bugs that do not hang on values. */
export function explanations(call: Call, known: readonly Known[]): Explanation[] {
  return suspectsOf(call, known).map((one) => {
    const ways = bare(call, one);
    return { calls: ways.flat(), explains: (own, resultOf) => explains(one, own, ways, resultOf) };
  });
}

/** The call without one thing that a bug needs, for each of them. */
function less(call: Call, known: Known): Call[][] {
  const { features } = known;
  const isPlain = !hangsOnValues(known);
  const { operator, spec: own } = call;
  const lacks = (spec: Spec, feature: string) => !operator.features(spec).includes(feature);
  const others = features
    .map((feature) => {
      const specs = operator.without(own, [feature]).filter((spec) => lacks(spec, feature));
      if (specs.length > 0) return specs;
      return operator
        .otherwise(own, feature)
        .flat()
        .filter((spec) => lacks(spec, feature));
    })
    .filter((specs) => specs.length > 0)
    .map((specs) => specs.flatMap((spec) => withLayer(call, spec, isPlain)));
  return isPlain ? others : [...others, withLayer(call, own, true)];
}

/**
 * What a failure is a case of, among what is known of its operator, backend and kind. `run` has null for what does not fail with
 * the same lock.
 */
export async function likenessOf<K extends Known>(
  failing: Failing,
  backend: string,
  known: readonly K[],
  run: RunAll,
  depth = 0,
): Promise<Likeness<K>> {
  const { call, mismatch } = failing;
  const own = featuresOf(call, backend, mismatch);
  const candidates = candidatesOf(own, known);
  if (candidates.length === 0) return { known: null, isExplained: false, behind: null };

  const tests = candidates.map((candidate) => ({
    candidate,
    bare: bare(call, candidate),
    less: less(call, candidate),
  }));
  const asked = new Map(tests.flatMap((test) => [...test.bare, ...test.less].flat()).map((one) => [keyOf(one), one]));
  asked.delete(keyOf(call));
  const calls = [...asked.values()];
  const results = new Map<string, Failing>([[keyOf(call), failing]]);
  for (const [i, wrong] of (await run(calls)).entries()) {
    if (wrong !== null) results.set(keyOf(calls[i]!), { call: calls[i]!, mismatch: wrong });
  }
  const resultOf = (one: Call) => results.get(keyOf(one));
  /** The first that fails. */
  const failureOf = (some: readonly Call[]) => some.map(resultOf).find((one) => one !== undefined);

  type Test = (typeof tests)[number];
  const mismatchOf = (one: Call) => resultOf(one)?.mismatch ?? null;
  const wrongOf = ({ bare }: Test) => bare.flat().flatMap((one) => mismatchOf(one) ?? []);
  const explaining = tests.filter((test) => explains(test.candidate, mismatch, test.bare, mismatchOf));
  const lesses = (test: Test) => test.less.filter((some) => keyOf(some[0]!) !== keyOf(call));
  const lefts = (test: Test) => lesses(test).flatMap((some) => failureOf(some) ?? []);
  /** How unlike the case a bug that is in it is, by where results are wrong and by how many are. */
  const unlikeness = (test: Test) => {
    const wrong = wrongOf(test);
    return (isElsewhere(mismatch, wrong) ? 1 : 0) + shareApart(mismatch, wrong);
  };
  /** The same, and by the share of calls that fail without what it needs: all, of what needs nothing; and whether one fails just so. */
  const distanceTo = (test: Test) => {
    const all = lesses(test).flat();
    const share = all.length === 0 ? 1 : all.filter((one) => resultOf(one) !== undefined).length / all.length;
    const isUntouched = all.some((one) => isJustSo(mismatch, mismatchOf(one)));
    return unlikeness(test) + share + (isUntouched ? 1 : 0);
  };
  explaining.sort((one, other) => distanceTo(one) - distanceTo(other));
  const least = Math.min(...explaining.map(unlikeness));
  // From what needs nothing nothing can be taken away: it has to be as like as any.
  const isEnough = (test: Test) => lesses(test).length > 0 || unlikeness(test) === least;
  const alone = explaining.find((test) => lefts(test).length === 0 && isEnough(test));
  if (alone !== undefined) return { known: alone.candidate, isExplained: true, behind: null };
  // It fails without something that is needed: there is another bug in it, perhaps one that is known.
  const found = explaining[0]?.candidate ?? null;
  const isExplained = found !== null;
  if (depth >= maxDepth) return { known: found, isExplained, behind: null };
  const left = [...explaining, ...tests.filter((test) => !explaining.includes(test))].flatMap(lefts)[0];
  if (left === undefined) return { known: found, isExplained, behind: null };
  const likeness = await likenessOf(left, backend, known, run, depth + 1);
  if (likeness.behind !== null) return { known: found, isExplained, behind: likeness.behind };
  if (likeness.known === null) return { known: found, isExplained, behind: left };
  return { known: found ?? likeness.known, isExplained, behind: null };
}
