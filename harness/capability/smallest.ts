import { investigate } from '../campaign/investigate.ts';
import { caseOf, type Draw } from '../campaign/plan.ts';
import type { Contender, Session } from '../campaign/session.ts';
import { shrinkLayer } from '../campaign/shrink.ts';
import type { Failure } from '../campaign/trial.ts';
import { type Call, prepare } from '../operators/call.ts';
import { elementsOf } from '../store/counterexample.ts';
import { type Conjunction, meets } from './learn.ts';
import { standingOf } from './standing.ts';
import type { Boundary, Observation } from './survey.ts';
import { describe } from './vocabulary.ts';

/** Shrinking one may take so long. */
const shrinkTime_ms = 15_000;
/** So many candidates at a time. */
const width = 8;

interface Place {
  contender: Contender;
  session: Session;
  signal: AbortSignal;
}

/** Whether a call is one that a rule is about; its data may be any. */
function isMetBy(conjunction: Conjunction, call: Call, backend: string): boolean {
  if (call.strictOnly) return false;
  const rule = conjunction.filter(({ dimension }) => dimension !== 'data');
  return meets(rule, describe(call, 'lattice', backend));
}

/** The one of these whose case is the smallest; there is at least one. */
export function leastOf(observations: readonly Observation[], op: Boundary['op']): Observation {
  const sizeOf = ({ draw }: Observation) => elementsOf(caseOf(op, draw));
  return observations.reduce((least, one) => (sizeOf(one) < sizeOf(least) ? one : least));
}

/** The smallest case of what a rule is about that shows it, of those seen and those that follow from it by shrinking; null where none was seen. */
export async function smallestOf(
  boundary: Boundary,
  seen: readonly Observation[],
  place: Place,
): Promise<Failure | null> {
  const { op, standing, conjunction } = boundary;
  const showing = seen.filter(
    ({ classes, standing: one }) => one === standing && classes !== null && meets(conjunction, classes),
  );
  if (showing.length === 0) return null;
  return smallestFrom(leastOf(showing, op), boundary, place);
}

/** The smallest case that does as an observed one, and meets the same rule. */
export async function smallestFrom(
  { draw, verdict, classes }: Observation,
  { op, conjunction }: Pick<Boundary, 'op' | 'conjunction'>,
  { contender, session, signal }: Place,
): Promise<Failure> {
  const call = prepare(caseOf(op, draw));
  const accepts = (candidate: Call) => classes === null || isMetBy(conjunction, candidate, contender.name);
  if (verdict.verdict === 'mismatch') {
    const failure: Failure = { call, mismatch: verdict, before: [] };
    const circumstances = { contender, oracle: session.oracle, draw, past: [], signal, which: { accepts } };
    const end_ms = performance.now() + shrinkTime_ms;
    return (await investigate(failure, { ...circumstances, end_ms })).smallest;
  }
  return smallestUnsupported({ draw, call, reason: 'reason' in verdict ? verdict.reason : '' }, accepts, {
    contender,
    session,
    signal,
  });
}

/** Of calls that a backend says it cannot run. */
async function smallestUnsupported(
  { draw, call, reason }: { draw: Draw; call: Call; reason: string },
  accepts: (call: Call) => boolean,
  { contender, session, signal }: Place,
): Promise<Failure> {
  const asFailure = (one: Call, why: string): Failure => ({
    call: one,
    mismatch: { verdict: 'mismatch', kind: 'acceptance', reason: why, shape: null, culprit: null },
    before: [],
  });
  const fails = async (candidates: readonly Failure['call']['case'][]) =>
    Promise.all(
      candidates.map(async (candidate) => {
        const one = prepare(candidate);
        if (!accepts(one)) return null;
        const [judged] = await session.judge(one, [contender]);
        if (judged === undefined || standingOf(one, judged.verdict) !== 'unsupported') return null;
        return asFailure(one, 'reason' in judged.verdict ? judged.verdict.reason : reason);
      }),
    );
  const until = { deadline_ms: performance.now() + shrinkTime_ms, signal };
  return shrinkLayer(asFailure(call, reason), draw, fails, width, until);
}
