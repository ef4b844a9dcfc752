import { type Allowance, Allowances } from '../compare/allowance.ts';
import { type BackendTraits, compare } from '../compare/compare.ts';
import type { Opinion } from '../compare/judge.ts';
import { toJsonNumber } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import { indexOf, sameShape, type Tensor } from '../core/tensor.ts';
import type { Verdict } from '../core/verdict.ts';
import { type Call, prepare, withoutAddedBatch } from '../operators/call.ts';
import { type Related, type Relation, relations } from './relations.ts';

/** What one relation needs of a call: the calls that it speaks of. */
interface Question {
  relation: Relation;
  related: Related;
  calls: readonly Call[];
}

/**
 * What there is to say of a call without an oracle: acceptance, shape and dtype by our rules, values by what they have to do with the
 * same backend's results of related calls. Which of them is wrong, a broken relation does not say.
 */
export function opinionByRelations(call: Call): Opinion {
  const questions = call.strictOnly ? [] : relations.flatMap((relation) => question(relation, call) ?? []);
  return {
    want: null,
    related: questions.flatMap(({ calls }) => calls),
    of: async (got, answers, traits) => verdictOf(call, questions, got, answers, traits),
  };
}

function question(relation: Relation, call: Call): Question | null {
  const related = relation.of(call);
  if (related === null) return null;
  const calls = related.cases.map((one) => prepare(one));
  return calls.some(({ strictOnly }) => strictOnly) ? null : { relation, related, calls };
}

function verdictOf(
  call: Call,
  questions: readonly Question[],
  got: Outcome,
  answers: readonly Outcome[],
  traits: BackendTraits,
): Verdict {
  const outline = compare(call, outlineOf(call, got), got, traits);
  if (outline.verdict !== 'agree' || got.kind !== 'ok' || call.strictOnly) return outline;
  const output = withoutAddedBatch(call, got.output);
  let compared = 0;
  let from = 0;
  for (const { relation, related, calls } of questions) {
    const outcomes = answers.slice(from, from + calls.length);
    from += calls.length;
    const found = broken(call, output, traits, related, calls, outcomes);
    compared += found.compared;
    if (found.verdict !== null) return named(found.verdict, relation);
  }
  const vacuous = compared === 0 ? 'no relation says anything of it' : outline.vacuous;
  return { ...outline, compared, vacuous };
}

/** What our rules say of the outcome; of its values nothing. */
function outlineOf(call: Call, got: Outcome): Outcome {
  if (call.refusal !== null) return { kind: 'rejected', reason: call.refusal.message };
  const shape = call.operator.outputShape(call.spec);
  const dtype = call.spec.dtypes.input;
  if (got.kind !== 'ok') return { kind: 'ok', output: { dtype, shape, data: new Float64Array(0) } };
  const { data } = got.output;
  return { kind: 'ok', output: { dtype, shape, data } };
}

type Mismatch = Extract<Verdict, { verdict: 'mismatch' }>;

function named(verdict: Mismatch, { name }: Relation): Mismatch {
  return { ...verdict, reason: `not ${name}: ${verdict.reason}` };
}

interface Side {
  data: Tensor['data'];
  allowance(i: number): Allowance;
}

function sideOf(call: Call, { data }: Tensor, { arithmetic }: BackendTraits): Side {
  const { rounding } = call.operator;
  if (rounding === null) return { data, allowance: () => ({ kind: 'within', bound: 0 }) };
  let allowances: Allowances | null = null;
  return {
    data,
    allowance: (i) => {
      allowances ??= new Allowances(call, rounding, arithmetic);
      return allowances.at(i, data[i]!);
    },
  };
}

/** Where an element is not what the related results make of it, beyond what rounding explains of all of them. */
function broken(
  call: Call,
  output: Tensor,
  traits: BackendTraits,
  related: Related,
  calls: readonly Call[],
  outcomes: readonly Outcome[],
): { compared: number; verdict: Mismatch | null } {
  const sides: Side[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    const one = calls[i]!;
    // What is wrong with it by itself is found when it is drawn itself.
    if (outcome.kind !== 'ok' || !sameShape(outcome.output.shape, one.operator.outputShape(one.spec))) {
      return { compared: 0, verdict: null };
    }
    sides.push(sideOf(one, outcome.output, traits));
  }
  const own = sideOf(call, output, traits);
  let compared = 0;
  for (let i = 0; i < output.data.length; i++) {
    const links = related.links(i);
    if (links === null) continue;
    const got = output.data[i]!;
    const only = links.length === 1 && related.constant === undefined ? links[0]! : null;
    const constant = related.constant?.(i) ?? 0;
    if (call.operator.rounding === null && (links.length === 0 || only !== null)) {
      // What is only copied is the same in all respects.
      const copied = only === null ? constant : sides[only[0]]!.data[only[1]]!;
      compared += 1;
      if (Object.is(copied, got)) continue;
      return { compared, verdict: mismatchAt(i, output, copied, got, 0) };
    }
    let want = constant;
    let magnitude = Math.abs(want);
    for (const [which, at, factor] of links) {
      want += factor * sides[which]!.data[at]!;
      magnitude += Math.abs(factor * sides[which]!.data[at]!);
    }
    // Infinities and NaN go their own ways in each.
    if (!Number.isFinite(got) || !Number.isFinite(magnitude)) continue;
    compared += 1;
    if (want === got) continue;
    const all = [own.allowance(i), ...links.map(([which, at]) => sides[which]!.allowance(at))];
    if (!all.every((one) => one.kind === 'within')) continue;
    const allowed = all.reduce(
      (sum, one, at) => sum + one.bound * (at === 0 ? 1 : Math.abs(links[at - 1]![2])),
      (links.length + 1) * 2 ** -52 * (all.some(({ bound }) => bound > 0) ? magnitude : 0),
    );
    if (Math.abs(got - want) <= allowed) continue;
    return { compared, verdict: mismatchAt(i, output, want, got, allowed) };
  }
  return { compared, verdict: null };
}

function mismatchAt(i: number, { shape }: Tensor, want: number, got: number, allowed: number): Mismatch {
  const index = indexOf(i, shape);
  const reason = `at [${index.join(', ')}]: wanted ${toJsonNumber(want)}, got ${toJsonNumber(got)}, allowed difference ${allowed}`;
  return {
    verdict: 'mismatch',
    kind: 'value',
    reason,
    shape,
    culprit: { index, want, got, allowed, ends: [], share: null },
  };
}
