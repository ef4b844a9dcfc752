import { compare } from '../compare/compare.ts';
import type { Verdict } from '../core/verdict.ts';
import { prepare } from '../operators/call.ts';
import { type Request, runFresh } from '../processes/runner.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { Oracle } from './oracle.ts';
import { type Contender, historyFor, requestFor } from './session.ts';

/** A failure that came once and not again is tried so often. */
const unstableTries = 10;

/** The verdict on a saved counterexample now, from its values alone, in a process of its own. */
export async function replayOn(
  { case: testCase, before, kind }: Pick<Counterexample, 'case' | 'before' | 'kind'>,
  contender: Contender,
  oracle: Oracle,
): Promise<Verdict> {
  const call = prepare(testCase);
  const want = await oracle.run(call);
  const request = requestFor(call, contender);
  if ('kind' in request) return compare(call, want, request, contender.traits);
  const history = historyFor(before, contender);
  const times = kind === 'unstable' ? unstableTries : 1;
  const requests = Array.from({ length: times }, () => requestFor(call, contender) as Request);
  const outcomes = await runFresh(contender.launch, history, requests, contender.runner.options.caseTimeout_ms);
  if (outcomes.length === 0) return { verdict: 'unknown', reason: "the process died before the case's turn" };
  const verdicts = outcomes.map((outcome) => compare(call, want, outcome, contender.traits));
  return verdicts.find(({ verdict }) => verdict === 'mismatch') ?? verdicts[0]!;
}
