import { judge } from '../compare/judge.ts';
import { unsteadiness } from '../compare/repeat.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Verdict } from '../core/verdict.ts';
import { prepare } from '../operators/call.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { Oracle } from './oracle.ts';
import { type Contender, historyFor, requestFor } from './session.ts';
import { outcomesAlone } from './trial.ts';

/** What a case comes to now: the oracle's outcome, the backend's (null where its turn did not come), and the verdict. */
export interface Rerun {
  want: Outcome;
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
  const want = await oracle.run(call);
  const request = requestFor(call, contender);
  const judged = (got: Outcome): Rerun => ({ want, got, verdict: judge(call, want, got, contender.traits) });
  if ('kind' in request) return judged(request);
  const isUnsteady = kind === 'unstable';
  const timeout_ms = contender.runner.options.caseTimeout_ms;
  const outcomes = await outcomesAlone(contender, historyFor(before, contender), request, { isUnsteady, timeout_ms });
  if (outcomes.length === 0) {
    return { want, got: null, verdict: { verdict: 'unknown', reason: "the process died before the case's turn" } };
  }
  const differing = isUnsteady ? unsteadiness(outcomes) : null;
  if (differing !== null) return { want, got: outcomes[0]!, verdict: differing };
  const reruns = outcomes.map(judged);
  return reruns.find(({ verdict }) => verdict.verdict === 'mismatch') ?? reruns[0]!;
}
