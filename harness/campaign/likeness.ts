import { type Case, type InputName, inputNames, type JsonNumber, type TensorSpec, type Values } from '../core/case.ts';
import { elementCount, sameShape } from '../core/tensor.ts';
import type { End } from '../core/verdict.ts';
import { type Call, prepare } from '../operators/call.ts';
import type { Operator } from '../operators/operator.ts';
import { isLack, type Spec, withoutLacks } from '../semantics/semantics.ts';
import { maxInline, spelledOut } from './plan.ts';
import { featuresOf, isMoreThan, isOfValues, type Mismatch, sortOf, telling } from './signature.ts';

/*
 * What a failure is a case of, by a few more runs. That a case has all that a known bug needs does not say that the bug is why it
 * fails. So its features are taken away. All but what the bug needs: it has to fail still, or the bug is not why it fails. One of
 * those that the bug needs: it has to pass, or there is another bug behind.
 */

/** A case that fails. */
export interface Failing {
  call: Call;
  mismatch: Mismatch;
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

/** Whether a feature is one of two ways to have several output channels: bugs of either are common, and may be beside each other. */
function isExchanged(feature: string): boolean {
  return feature === 'groups' || feature === 'outputs a group';
}

/** Whether a feature is of an end of an axis: a bug may be of pads and crops alike, and there are bugs of either. */
function isOfEnds(feature: string): boolean {
  return /^(pad|crop)( |$)/.test(feature);
}

/** What shows that something beside the input's own elements is wrong. */
const showings = ['kernel', 'bias', 'padding'];

/** Whether there is something beside them. */
function isBeside(features: readonly string[]): boolean {
  return features.some((one) => /^(output_)?padding(?! valid)/.test(one));
}

/** Whether something else in the place of a feature may show the same bug, or another one that is common. */
function isReplaced(feature: string, features: readonly string[]): boolean {
  return isExchanged(feature) || (isBeside(features) && showings.includes(feature));
}

/** Whether the first has fewer features that say what it has. */
export function isPlainer(operator: Operator, one: Spec, other: Spec): boolean {
  const count = (spec: Spec) => withoutLacks(operator.features(spec)).length;
  return count(one) < count(other);
}

/** A bug that has been found, by the features that its smallest case needs. */
export interface Known {
  features: readonly string[];
  /** Whether that case does not fail with small integers. */
  needsItsValues?: boolean;
}

/** What a failure comes to: a case of a bug that is known, and what fails still when what that bug needs is taken away. */
export interface Likeness<K> {
  known: K | null;
  /** Whether runs have shown that this is why it fails. */
  isExplained: boolean;
  behind: Failing | null;
}

/** What cases come to on the same backend; null where one agrees, or fails with another lock. */
export type RunAll = (calls: readonly Call[]) => Promise<(Mismatch | null)[]>;

/** Whether failures that are all wrong at an end of an axis are unlike one that is wrong beside it. */
function isElsewhere(own: Mismatch, others: readonly Mismatch[]): boolean {
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
function areAlike(one: Mismatch, other: Mismatch): boolean {
  return shareApart(one, [other]) === 0 && !isElsewhere(one, [other]) && !isElsewhere(other, [one]);
}

/** So far apart they are where a bug that has no part in it is gone. */
const sameShare = 0.02;

/** How far apart the shares of wrong elements are, of a failure and of others on average, beyond what says nothing. */
function shareApart(own: Mismatch, others: readonly Mismatch[]): number {
  const shares = others.flatMap(({ culprit }) => culprit?.share ?? []);
  const share = own.culprit?.share ?? null;
  if (share === null || shares.length === 0) return 0;
  const mean = shares.reduce((sum, one) => sum + one, 0) / shares.length;
  return Math.max(0, Math.abs(share - mean) - alikeShare);
}

/** Whether as many of as many elements are wrong, give or take some that are right by chance. */
function isJustSo(own: Mismatch, other: Mismatch | null): boolean {
  const [share, its] = [own.culprit?.share ?? null, other?.culprit?.share ?? null];
  if (share === null || its === null || own.shape === null || other!.shape === null) return false;
  return sameShape(own.shape, other!.shape) && Math.abs(share - its) <= sameShare;
}

/** Small integers may hide a mistake: what is said to pass has passed with so many data. */
const tries = 3;
/** Numbers of this size or as close to 0 are special ones. */
const beyond = 2 ** 20;
/** So often a failure that is left when something has been taken away is looked at in the same way. */
const maxDepth = 3;

/** What sort of values a tensor has. */
function valuesOf({ data }: TensorSpec): Values {
  if (data.kind === 'seeded') return data.values;
  const isPlain = (value: JsonNumber) => Number.isInteger(value) && Math.abs(Number(value)) <= 8;
  const isSpecial = (value: JsonNumber) => {
    const size = Math.abs(Number(value));
    return typeof value === 'string' || (size > 0 && !(size > 1 / beyond && size < beyond));
  };
  if (data.values.some(isSpecial)) return 'special';
  return data.values.every(isPlain) ? 'lattice' : 'normal';
}

/** Written-out data, as often as it takes for so many elements; null where there are too many, or the data are seeded. */
function repeated(data: TensorSpec['data'], count: number): TensorSpec['data'] | null {
  if (data.kind === 'seeded' || data.values.length === 0 || count > maxInline) return null;
  return { kind: 'inline', values: Array.from({ length: count }, (_, i) => data.values[i % data.values.length]!) };
}

/** The case with another layer, on data of several seeds, drawn as its own are; on plain integers where its values do not matter. */
function withLayer({ operator, case: testCase }: Call, spec: Spec, isPlain: boolean): Call[] {
  return Array.from({ length: tries }, (_, attempt) => {
    const inputs: Partial<Record<InputName, Case['inputs']['input']>> = {};
    for (const [offset, name] of inputNames.entries()) {
      const shape = spec.shapes[name];
      if (shape === undefined) continue;
      const own = testCase.inputs[name];
      const seed = own?.data.kind === 'seeded' ? own.data.seed : 1 + offset;
      const values = isPlain || own === undefined ? ('lattice' as const) : valuesOf(own);
      const again = attempt === 0 && values !== 'lattice' ? repeated(own!.data, elementCount(shape)) : null;
      const data = again ?? {
        kind: 'seeded' as const,
        values,
        seed: (seed + attempt * inputNames.length) % 2 ** 31,
      };
      inputs[name] = { dtype: spec.dtypes[name]!, shape, data };
    }
    return prepare({ ...testCase, params: spelledOut(operator, spec.params), inputs: inputs as Case['inputs'] });
  });
}

/**
 * The call with results of other sizes, on plain integers; none where no two axes of its result are as long, since one that has its axes
 * in another order would have another shape.
 */
export function withOtherSizes(call: Call): Call[] {
  const { operator, spec } = call;
  const own = operator.outputShape(spec);
  const sizes = own.filter((size) => size > 1);
  if (new Set(sizes).size === sizes.length) return [];
  const specs = operator.without(spec, []).filter((other) => !sameShape(operator.outputShape(other), own));
  return specs.flatMap((other) => withLayer(call, other, true));
}

/** Whether a case has small integers only, as most data are that are drawn. */
export function isOfPlainIntegers({ case: { inputs } }: Call): boolean {
  return Object.values(inputs).every((tensor) => valuesOf(tensor) === 'lattice');
}

/** The case with such integers, of several seeds. */
export function withPlainIntegers(call: Call): Call[] {
  return withLayer(call, call.spec, true);
}

/** Whether a bug shows in certain values only. */
export function hangsOnValues({ features, needsItsValues = false }: Known): boolean {
  return needsItsValues || features.some(isOfValues);
}

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

/** Calls without those that are in them already. */
function unlike(calls: readonly Call[]): Call[] {
  return [...new Map(calls.map((call) => [keyOf(call), call])).values()];
}

const keys = new WeakMap<Call, string>();

function keyOf(call: Call): string {
  const key = keys.get(call) ?? JSON.stringify(call.case);
  keys.set(call, key);
  return key;
}
