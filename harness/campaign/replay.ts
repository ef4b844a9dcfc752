import type { Opinion } from '../compare/judge.ts';
import { unsteadiness } from '../compare/repeat.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Verdict } from '../core/verdict.ts';
import { prepare } from '../operators/call.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { Oracle } from './oracle.ts';
import { type Contender, historyFor, requestFor } from './session.ts';
import { outcomesAlone } from './trial.ts';

/** What a case comes to now: what the oracle has to say, the backend's outcome (null where its turn did not come), and the verdict. */
export interface Rerun {
  opinion: Opinion;
  got: Outcome | null;
  verdict: Verdict;
}

/** Runs a saved counterexample again, from its values alone, in a process of its own. */
export async function replayOn(
  { case: testCase, before, kind }: Pick<Counterexample, 'case' | 'before' | 'kind'>,
  contender: Contender,
  oracle: Oracle,
): Promise<Rerun> {
  const call = prepare(testCase);
  const opinion = oracle.consult(call);
  const request = requestFor(call, contender);
  if ('kind' in request) return { opinion, got: request, verdict: await opinion.of(request, [], contender.traits) };
  const isUnsteady = kind === 'unstable';
  const timeout_ms = contender.runner.options.caseTimeout_ms;
  const { own, related } = await outcomesAlone(contender, historyFor(before, contender), request, {
    related: opinion.related,
    isUnsteady,
    timeout_ms,
  });
  if (own.length === 0) {
    return { opinion, got: null, verdict: { verdict: 'unknown', reason: "the process died before the case's turn" } };
  }
  const differing = isUnsteady ? unsteadiness(own) : null;
  if (differing !== null) return { opinion, got: own[0]!, verdict: differing };
  const reruns: Rerun[] = [];
  for (const got of own) reruns.push({ opinion, got, verdict: await opinion.of(got, related, contender.traits) });
  return reruns.find(({ verdict }) => verdict.verdict === 'mismatch') ?? reruns[0]!;
}
