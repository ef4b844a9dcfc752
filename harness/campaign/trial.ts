import { judge } from '../compare/judge.ts';
import { unsteadiness } from '../compare/repeat.ts';
import type { Case } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import { type Call, prepare } from '../operators/call.ts';
import { type Request, Runner, runFresh } from '../processes/runner.ts';
import type { Oracle } from './oracle.ts';
import { type Contender, historyFor, requestFor } from './session.ts';
import { lockOf, type Mismatch } from './signature.ts';

/** A failure under investigation: a call, what was wrong with it, and what has to run before it in the same process. */
export interface Failure {
  call: Call;
  mismatch: Mismatch;
  before: readonly Case[];
}

/** A hanging candidate is given less time than a campaign's case: smaller cases are quick, and there are many. */
const hangTimeout_ms = 400;

/** A case whose runs differ is run so often in one process. */
const unsteadyRuns = 10;

/**
 * What a case comes to in a process of its own, after others: once, or where its runs are to be compared ten times, and beside a
 * process without that history. None where the process dies before the case's turn.
 */
export async function outcomesAlone(
  { launch }: Contender,
  history: readonly Request[],
  request: Request,
  { isUnsteady, timeout_ms }: { isUnsteady: boolean; timeout_ms: number },
): Promise<Outcome[]> {
  const run = (earlier: readonly Request[], times: number) =>
    runFresh(launch, earlier, new Array<Request>(times).fill(request), timeout_ms);
  const outcomes = await run(history, isUnsteady ? unsteadyRuns : 1);
  if (!isUnsteady || history.length === 0 || outcomes.length === 0) return outcomes;
  return [...outcomes, ...(await run([], 1))];
}

/** Runs candidates against one backend, to see whether they fail as a given failure does. */
export class Trial {
  readonly #contender: Contender;
  readonly #oracle: Oracle;
  readonly #lock: string;
  /** Two runs of a case differ. */
  readonly #isUnsteady: boolean;
  readonly #timeout_ms: number;
  readonly #shared: Runner;
  /** How many candidates are worth running at a time: a death wastes those behind it. */
  readonly width: number;

  constructor(contender: Contender, oracle: Oracle, failure: Failure) {
    const { kind } = failure.mismatch;
    const { caseTimeout_ms } = contender.runner.options;
    this.#contender = contender;
    this.#oracle = oracle;
    this.#isUnsteady = kind === 'unstable';
    this.#lock = lockOf(failure.call, contender.name, failure.mismatch);
    this.#timeout_ms = kind === 'timeout' ? Math.min(caseTimeout_ms, hangTimeout_ms) : caseTimeout_ms;
    this.width = kind === 'timeout' || kind === 'crash' ? 1 : 8;
    this.#shared = new Runner(contender.launch, {
      caseTimeout_ms: this.#timeout_ms,
      maxDeaths: Number.POSITIVE_INFINITY,
      isolate: false,
    });
  }

  /** In one process that all candidates share: quick, and right for failures that need no history. */
  async together(candidates: readonly Case[]): Promise<(Failure | null)[]> {
    return Promise.all(
      candidates.map(async (candidate) => {
        const call = prepare(candidate);
        const request = requestFor(call, this.#contender);
        if ('kind' in request) return this.#judge(call, [], [request]);
        const times = this.#isUnsteady ? 2 : 1;
        const answers = await Promise.all(Array.from({ length: times }, () => this.#shared.run(request)));
        return this.#judge(
          call,
          [],
          answers.map(({ outcome }) => outcome),
        );
      }),
    );
  }

  /** In a process of its own, after `before`: what a replay does. */
  async alone(candidate: Case, before: readonly Case[], timeout_ms = this.#timeout_ms): Promise<Failure | null> {
    const call = prepare(candidate);
    const request = requestFor(call, this.#contender);
    if ('kind' in request) return this.#judge(call, before, [request]);
    const history = historyFor(before, this.#contender);
    const options = { isUnsteady: this.#isUnsteady, timeout_ms };
    const outcomes = await outcomesAlone(this.#contender, history, request, options);
    return outcomes.length === 0 ? null : this.#judge(call, before, outcomes);
  }

  close(): void {
    this.#shared.close();
  }

  async #judge(call: Call, before: readonly Case[], outcomes: readonly Outcome[]): Promise<Failure | null> {
    if (this.#isUnsteady) {
      const mismatch = unsteadiness(outcomes);
      return mismatch === null ? null : { call, mismatch, before };
    }
    const verdict = judge(call, await this.#oracle.run(call), outcomes[0]!, this.#contender.traits);
    if (verdict.verdict !== 'mismatch' || lockOf(call, this.#contender.name, verdict) !== this.#lock) return null;
    return { call, mismatch: verdict, before };
  }
}
