import type fc from 'fast-check';
import type { Case, InputName, JsonNumber } from '../core/case.ts';
import { fromJsonNumber, toJsonNumber } from '../core/json.ts';
import { elementCount } from '../core/tensor.ts';
import { caseOf, type Draw, drawArbitrary } from './plan.ts';
import type { Failure, Trial } from './trial.ts';

/*
 * Shrinking, in three passes that all keep the failure what it is: the history that a failure needs, then the layer (shapes
 * and parameters, along fast-check's own shrink tree), then the data. Every pass is greedy: the first candidate that still
 * fails is taken, and the search goes on from there. Whenever time is up, the best so far stands.
 */

/** When to stop: at a moment, or when someone wants to leave. */
export interface Until {
  deadline_ms: number;
  signal: AbortSignal;
}

export function isOver({ deadline_ms, signal }: Until): boolean {
  return signal.aborted || performance.now() > deadline_ms;
}

/** Data with more elements stays seeded: nobody reads it, and shrinking it would take for ever. */
const maxInline = 4096;

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
  if (!arbitrary.canShrinkWithoutContext(draw)) return failure;
  let best = failure;
  let stream = arbitrary.shrink(draw, undefined);
  for (;;) {
    const found = await firstFailing(
      stream[Symbol.iterator](),
      ({ value }) => caseOf(op, value),
      fails,
      width,
      until,
    );
    if (found === null) return best;
    best = found.failure;
    stream = arbitrary.shrink(found.candidate.value, found.candidate.context);
  }
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
  const tries = [0, 1, -1, 2, Math.trunc(number / 2), Math.trunc(number), Math.sign(number) * 2 ** Math.round(Math.log2(Math.abs(number)))];
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
      if (values.some((value) => complexity(value) > fill)) yield withValues(testCase, name, values.map(() => fill));
    }
  }
  for (const name of names) {
    const values = valuesOf(testCase, name);
    for (let length = Math.ceil(values.length / 2); length > 1; length = Math.ceil(length / 2)) {
      for (let from = 0; from < values.length; from += length) {
        const inside = (i: number) => i >= from && i < from + length;
        if (!values.some((value, i) => inside(i) && value !== 0)) continue;
        yield withValues(testCase, name, values.map((value, i) => (inside(i) ? 0 : value)));
      }
    }
    for (const [at, value] of values.entries()) {
      for (const candidate of plainer(value)) {
        yield withValues(testCase, name, values.map((old, i) => (i === at ? candidate : old)));
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

/** The failure with its history made of copies of the case itself, where that does as well: the simplest history there is. */
async function withOwnHistory(failure: Failure, trial: Trial): Promise<Failure> {
  const own = await trial.alone(
    failure.call.case,
    failure.before.map(() => failure.call.case),
  );
  return own ?? failure;
}

/**
 * The smallest failure that is like `failure`, which fails alone in a fresh process after its `before`. `draw`: the value that
 * the case was drawn from, where there is one.
 */
export async function shrink(failure: Failure, draw: Draw | null, trial: Trial, until: Until): Promise<Failure> {
  const pass = async (start: Failure, fails: Fails, width: number): Promise<Failure> => {
    const layer = draw === null ? start : await shrinkLayer(start, draw, fails, width, until);
    return shrinkData(layer, fails, width, until);
  };
  const inFreshProcess =
    (before: readonly Case[]): Fails =>
    async (candidates) => {
      const failures: (Failure | null)[] = [];
      for (const candidate of candidates) failures.push(await trial.alone(candidate, before));
      return failures;
    };
  if (failure.before.length > 0) {
    const shortest = await shrinkHistory(failure, trial, until);
    const smallest = await pass(shortest, inFreshProcess(shortest.before), 1);
    return smallest.before.length === 0 ? smallest : withOwnHistory(smallest, trial);
  }
  const smallest = await pass(failure, (candidates) => trial.together(candidates), trial.width);
  if (until.signal.aborted || (await trial.alone(smallest.call.case, [])) !== null) return smallest;
  // The candidates' common process had a part in it: once more, each in a process of its own.
  return pass(failure, inFreshProcess([]), 1);
}
