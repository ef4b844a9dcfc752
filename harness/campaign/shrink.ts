import type fc from 'fast-check';
import type { Case, InputName, JsonNumber } from '../core/case.ts';
import { fromJsonNumber, toJsonNumber } from '../core/json.ts';
import { elementCount, indexOf } from '../core/tensor.ts';
import { operatorOf } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import { type Spec, withoutLacks } from '../semantics/semantics.ts';
import { caseOf, type Draw, drawArbitrary, maxInline, spelledOut } from './plan.ts';
import type { Failure, Trial } from './trial.ts';

/*
 * Shrinking, in passes that all keep the failure what it is: the history that a failure needs; the layer (shapes and
 * parameters, along fast-check's own shrink tree), with data drawn anew for each candidate; the data, written out; and the
 * layer once more with what is left of that data, for failures that hang on a single element. Every pass is greedy: the first
 * candidate that still fails is taken, and the search goes on from there. Whenever time is up, the best so far stands.
 */

/** When to stop: at a moment, or when someone wants to leave. */
export interface Until {
  deadline_ms: number;
  signal: AbortSignal;
}

export function isOver({ deadline_ms, signal }: Until): boolean {
  return signal.aborted || performance.now() > deadline_ms;
}

/** So often a layer loses features and is made smaller in turn. */
const maxRounds = 3;

/** Whether these cases fail as the original did; null where they don't. */
type Fails = (candidates: readonly Case[]) => Promise<(Failure | null)[]>;

/** The first candidate that fails, of a stream that is run in batches of `width`. */
async function firstFailing<T>(
  candidates: Iterator<T>,
  toCase: (candidate: T) => Case,
  fails: Fails,
  width: number,
  until: Until,
): Promise<{ candidate: T; failure: Failure } | null> {
  while (!isOver(until)) {
    const batch: T[] = [];
    while (batch.length < width) {
      const next = candidates.next();
      if (next.done === true) break;
      batch.push(next.value);
    }
    if (batch.length === 0) return null;
    const failures = await fails(batch.map(toCase));
    const at = failures.findIndex((failure) => failure !== null);
    if (at >= 0) return { candidate: batch[at]!, failure: failures[at]! };
  }
  return null;
}

/**
 * The smallest layer along fast-check's shrink tree of `draw`: what `fc.check` would come to with the draw as its example and
 * a property that fails on this failure alone.
 */
export async function shrinkLayer(
  failure: Failure,
  draw: Draw,
  fails: Fails,
  width: number,
  until: Until,
): Promise<Failure> {
  const { op } = failure.call.case;
  const arbitrary: fc.Arbitrary<Draw> = drawArbitrary(failure.call.operator);
  const plainer = await firstFailing(
    plainerTwists(draw, failure.call.operator)[Symbol.iterator](),
    (candidate) => caseOf(op, candidate),
    fails,
    width,
    until,
  );
  let best = { candidate: plainer?.candidate ?? draw, failure: plainer?.failure ?? failure };
  // What has fewer features may be larger, and what is smaller may have more of them: not for ever.
  for (let round = 1; ; round++) {
    const bare = await withoutFeatures(best, fails, width, until);
    if (!arbitrary.canShrinkWithoutContext(bare.candidate)) return bare.failure;
    best = bare;
    let stream = arbitrary.shrink(bare.candidate, undefined);
    for (;;) {
      const found = await firstFailing(
        stream[Symbol.iterator](),
        ({ value }) => caseOf(op, value),
        fails,
        width,
        until,
      );
      if (found === null) break;
      best = { candidate: found.candidate.value, failure: found.failure };
      stream = arbitrary.shrink(found.candidate.value, found.candidate.context);
    }
    if (best === bare || round === maxRounds) return best.failure;
  }
}

/**
 * The draw without all features that can be taken away, while its result stays as large: what hangs on a size comes out as such, and
 * not once as a stride and once as a kernel that happen to give that size.
 */
async function withoutFeatures(
  start: { candidate: Draw; failure: Failure },
  fails: Fails,
  width: number,
  until: Until,
): Promise<{ candidate: Draw; failure: Failure }> {
  let best = start;
  for (;;) {
    const { candidate: draw, failure } = best;
    const { operator, refusal } = failure.call;
    if (draw.twist !== null || refusal !== null) return best;
    const candidates = plainerSpecs(operator, draw.spec, width === 1)
      .filter((spec) => isPlainer(operator, spec, draw.spec))
      .map((spec) => ({ ...draw, spec }));
    const found = await firstFailing(
      candidates[Symbol.iterator](),
      (candidate) => caseOf(failure.call.case.op, candidate),
      fails,
      width,
      until,
    );
    if (found === null) return best;
    best = found;
  }
}

/** The call without features: all, all but one, and one. `isDear`: few of them, where each takes a process of its own. */
function plainerSpecs(operator: Operator, spec: Spec, isDear: boolean): Spec[] {
  const features = operator.features(spec);
  const without = (some: readonly string[]) => operator.without(spec, some).slice(0, isDear ? 2 : undefined);
  const one = features.flatMap((feature) => without([feature]));
  if (isDear) return [...without(features), ...one];
  // Two of them may have to be less at once, such as those with a common divisor.
  const most = without(features.filter((feature) => feature.endsWith(' > 2')));
  const allButOne = features.flatMap((kept) => without(features.filter((feature) => feature !== kept)));
  return [
    ...without(features),
    ...allButOne,
    ...one,
    ...most,
    ...features.flatMap((feature) => operator.otherwise(spec, feature).flat()),
  ];
}

/** The draw not broken at all, or broken in the same way nearer to the edge. */
function plainerTwists(draw: Draw, { twists }: Operator): Draw[] {
  const { twist } = draw;
  if (twist === null) return [];
  const family = twist.replace(/#\d+$/, '');
  const names = [...twists.keys()].filter((name) => name.startsWith(family));
  return [null, ...names.slice(0, Math.max(0, names.indexOf(twist)))].map((name) => ({ ...draw, twist: name }));
}

/** The case with its data written out. */
export function inlined(testCase: Case, call: Failure['call']): Case {
  const inputs = { ...testCase.inputs };
  for (const [name, tensor] of Object.entries(call.tensors)) {
    const spec = testCase.inputs[name as InputName]!;
    inputs[name as InputName] = { ...spec, data: { kind: 'inline', values: [...tensor.data].map(toJsonNumber) } };
  }
  return { ...testCase, inputs };
}

/** How plain a number is: 0, 1, −1, other integers by size, other numbers by size, infinities, NaN. */
function complexity(value: JsonNumber): number {
  const number = fromJsonNumber(value);
  if (Number.isNaN(number)) return 5e9;
  if (!Number.isFinite(number)) return 4e9;
  if (Object.is(number, -0)) return 0.5;
  if (number === 0) return 0;
  if (number === 1) return 1;
  if (number === -1) return 2;
  const size = Math.min(1e8, Math.abs(number));
  return Number.isInteger(number) ? 2 + size : 1e9 + Math.min(1e8, Math.abs(Math.log2(Math.abs(number))));
}

/** Plainer numbers to try in place of one, the plainest first. */
function plainer(value: JsonNumber): JsonNumber[] {
  const number = fromJsonNumber(value);
  const tries = [
    0,
    1,
    -1,
    2,
    Math.trunc(number / 2),
    Math.trunc(number),
    Math.sign(number) * 2 ** Math.round(Math.log2(Math.abs(number))),
  ];
  const all = tries.filter(Number.isFinite).map((candidate) => toJsonNumber(Math.fround(candidate) + 0));
  return [...new Set(all)].filter((candidate) => complexity(candidate) < complexity(value));
}

function withValues(testCase: Case, name: InputName, values: readonly JsonNumber[]): Case {
  const spec = testCase.inputs[name]!;
  return { ...testCase, inputs: { ...testCase.inputs, [name]: { ...spec, data: { kind: 'inline', values } } } };
}

function valuesOf(testCase: Case, name: InputName): readonly JsonNumber[] {
  const { data } = testCase.inputs[name]!;
  if (data.kind !== 'inline') throw new Error(`${name} is not inline`);
  return data.values;
}

/** Cases with plainer data: whole tensors of 0 or 1 first, then ever smaller stretches of 0, then single elements. */
function* plainerCases(testCase: Case): Generator<Case> {
  const names = Object.keys(testCase.inputs) as InputName[];
  for (const name of names) {
    const values = valuesOf(testCase, name);
    for (const fill of [0, 1]) {
      if (values.some((value) => complexity(value) > fill))
        yield withValues(
          testCase,
          name,
          values.map(() => fill),
        );
    }
  }
  for (const name of names) {
    const values = valuesOf(testCase, name);
    for (let length = Math.ceil(values.length / 2); length > 1; length = Math.ceil(length / 2)) {
      for (let from = 0; from < values.length; from += length) {
        const inside = (i: number) => i >= from && i < from + length;
        if (!values.some((value, i) => inside(i) && value !== 0)) continue;
        yield withValues(
          testCase,
          name,
          values.map((value, i) => (inside(i) ? 0 : value)),
        );
      }
    }
    for (const [at, value] of values.entries()) {
      for (const candidate of plainer(value)) {
        yield withValues(
          testCase,
          name,
          values.map((old, i) => (i === at ? candidate : old)),
        );
      }
    }
  }
}

/** The same layer with the plainest data that still fails, written out. */
export async function shrinkData(failure: Failure, fails: Fails, width: number, until: Until): Promise<Failure> {
  const { call } = failure;
  if (Object.values(call.spec.shapes).some((shape) => elementCount(shape) > maxInline)) return failure;
  const [start] = await fails([inlined(call.case, call)]);
  if (start === null || start === undefined) return failure;
  let best = start;
  for (;;) {
    const found = await firstFailing(plainerCases(best.call.case), (candidate) => candidate, fails, width, until);
    if (found === null) return best;
    best = found.failure;
  }
}

/** The part of a row-major tensor that begins at its first element, or ends at its last, and has the shape `to`. */
function cropped(
  values: readonly JsonNumber[],
  from: readonly number[],
  to: readonly number[],
  end: boolean,
): JsonNumber[] {
  return Array.from({ length: elementCount(to) }, (_, flat) => {
    const index = indexOf(flat, to).map((at, axis) => (end ? at + from[axis]! - to[axis]! : at));
    return values[index.reduce((all, at, axis) => all * from[axis]! + at, 0)]!;
  });
}

/** The shape with as many leading axes of size 1 as it takes to have this rank, or null where that can't be. */
function withRank(shape: readonly number[], rank: number): number[] | null {
  return shape.length > rank ? null : [...new Array<number>(rank - shape.length).fill(1), ...shape];
}

/** The case with another layer and the same data as far as it fits in, from its beginning or its end; null where it grows. */
function withSpec(testCase: Case, spec: Spec, end: boolean): Case | null {
  const params = spelledOut(operatorOf(testCase.op), spec.params);
  let smaller: Case = { ...testCase, params, inputs: { input: testCase.inputs.input } };
  for (const name of Object.keys(spec.shapes) as InputName[]) {
    const old = testCase.inputs[name];
    const shape = spec.shapes[name]!;
    if (old === undefined) return null;
    const rank = Math.max(old.shape.length, shape.length);
    const [from, to] = [withRank(old.shape, rank)!, withRank(shape, rank)!];
    if (to.some((size, axis) => size > from[axis]!)) return null;
    const data = { kind: 'inline' as const, values: cropped(valuesOf(testCase, name), from, to, end) };
    smaller = { ...smaller, inputs: { ...smaller.inputs, [name]: { ...old, shape, data } } };
  }
  return smaller;
}

/** The smallest layer along fast-check's shrink tree that still fails with what is left of the present, inline data. */
async function shrinkCropped(failure: Failure, fails: Fails, width: number, until: Until): Promise<Failure> {
  const { arbitrary } = failure.call.operator;
  const isInline = Object.values(failure.call.case.inputs).every(({ data }) => data.kind === 'inline');
  if (!isInline || !arbitrary.canShrinkWithoutContext(failure.call.spec)) return failure;
  let best = failure;
  for (;;) {
    const found = await firstFailing(
      croppedCases(best.call.case, arbitrary.shrink(best.call.spec, undefined)),
      (candidate) => candidate,
      fails,
      width,
      until,
    );
    if (found === null) return best;
    best = found.failure;
  }
}

function* croppedCases(testCase: Case, specs: Iterable<fc.Value<Spec>>): Generator<Case> {
  for (const { value } of specs) {
    for (const end of [false, true]) {
      const smaller = withSpec(testCase, value, end);
      if (smaller !== null) yield smaller;
    }
  }
}

/** The shortest list of earlier cases with which the case still fails: halves, quarters, … are left out in turn. */
export async function shrinkHistory(failure: Failure, trial: Trial, until: Until): Promise<Failure> {
  let best = failure;
  let length = Math.ceil(best.before.length / 2);
  while (length >= 1 && best.before.length > 0 && !isOver(until)) {
    let shortened = false;
    for (let from = 0; from < best.before.length && !isOver(until); ) {
      const shorter = [...best.before.slice(0, from), ...best.before.slice(from + length)];
      const still = await trial.alone(best.call.case, shorter);
      if (still === null) from += length;
      else {
        best = still;
        shortened = true;
      }
    }
    if (length === 1 && !shortened) break;
    length = length === 1 ? 1 : Math.ceil(length / 2);
  }
  return best;
}

/** The same layer with other data. */
function withOtherData(testCase: Case): Case {
  const inputs = { ...testCase.inputs };
  for (const [offset, name] of (Object.keys(inputs) as InputName[]).entries()) {
    inputs[name] = { ...inputs[name]!, data: { kind: 'seeded', values: 'lattice', seed: 1 + offset } };
  }
  return { ...testCase, inputs };
}

/** The histories that follow from a case alone: itself again and again, or its layer with other data. */
const ownHistories: readonly ((testCase: Case) => Case)[] = [(testCase) => testCase, withOtherData];

/**
 * How a candidate is run after the history that a failure needs: where one that follows from the case does as well, it shrinks
 * along with the case; otherwise the history stays as it is.
 */
async function afterHistory(failure: Failure, trial: Trial): Promise<{ start: Failure; fails: Fails }> {
  const count = failure.before.length;
  for (const own of ownHistories) {
    const history = (testCase: Case) => new Array<Case>(count).fill(own(testCase));
    const start = await trial.alone(failure.call.case, history(failure.call.case));
    if (start !== null) return { start, fails: oneByOne((candidate) => trial.alone(candidate, history(candidate))) };
  }
  return { start: failure, fails: oneByOne((candidate) => trial.alone(candidate, failure.before)) };
}

function oneByOne(run: (candidate: Case) => Promise<Failure | null>): Fails {
  return async (candidates) => {
    const failures: (Failure | null)[] = [];
    for (const candidate of candidates) failures.push(await run(candidate));
    return failures;
  };
}

/**
 * The smallest failure that is like `failure`, which fails alone in a fresh process after its `before`. `draw`: the value that
 * the case was drawn from, where there is one.
 */
export async function shrink(failure: Failure, draw: Draw | null, trial: Trial, until: Until): Promise<Failure> {
  const pass = async (start: Failure, fails: Fails, width: number): Promise<Failure> => {
    const layer = draw === null ? start : await shrinkLayer(start, draw, fails, width, until);
    const plain = await shrinkData(layer, fails, width, until);
    const small = await shrinkCropped(plain, fails, width, until);
    return small === plain ? plain : shrinkData(small, fails, width, until);
  };
  if (failure.before.length > 0) {
    const shortest = await shrinkHistory(failure, trial, until);
    const { start, fails } = await afterHistory(shortest, trial);
    return pass(start, fails, 1);
  }
  const smallest = await pass(failure, (candidates) => trial.together(candidates), trial.width);
  if (until.signal.aborted || (await trial.alone(smallest.call.case, [])) !== null) return smallest;
  // The candidates' common process had a part in it: once more, each in a process of its own.
  return pass(
    failure,
    oneByOne((candidate) => trial.alone(candidate, [])),
    1,
  );
}

/** Whether the first has fewer features that say what it has. */
function isPlainer(operator: Operator, one: Spec, other: Spec): boolean {
  const count = (spec: Spec) => withoutLacks(operator.features(spec)).length;
  return count(one) < count(other);
}
