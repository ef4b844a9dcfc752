import type { Opinion } from '../compare/judge.ts';
import { unsteadiness } from '../compare/repeat.ts';
import type { Case } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import { isDeath } from '../core/verdict.ts';
import { type Call, prepare } from '../operators/call.ts';
import { type Request, Runner, runFresh } from '../processes/runner.ts';
import type { Explanation } from './likeness.ts';
import type { Oracle } from './oracle.ts';
import { type Contender, historyFor, isRequest, requestFor, unanswered } from './session.ts';
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

/** What a case and those that are related to it come to in one process. */
interface Outcomes {
  /** Of every run of the case; none where the process died before its turn. */
  own: Outcome[];
  related: Outcome[];
}

/**
 * What a case comes to in a process of its own, after others: once, or where its runs are to be compared ten times, and beside a
 * process without that history. None where someone leaves before.
 */
export async function outcomesAlone(
  contender: Contender,
  history: readonly Request[],
  request: Request,
  {
    related,
    isUnsteady,
    timeout_ms,
    signal,
  }: { related: readonly Call[]; isUnsteady: boolean; timeout_ms: number; signal?: AbortSignal },
): Promise<Outcomes> {
  const times = isUnsteady ? unsteadyRuns : 1;
  const asked = related.map((call) => requestFor(call, contender));
  const requests = [...new Array<Request>(times).fill(request), ...asked.filter(isRequest)];
  const outcomes = await runFresh(contender.launch, history, requests, timeout_ms, signal);
  const own = outcomes.splice(0, times);
  if (isUnsteady && history.length > 0 && own.length > 0) {
    own.push(...(await runFresh(contender.launch, [], [request], timeout_ms, signal)));
  }
  // What is left of it says nothing.
  if (signal?.aborted) return { own: [], related: [] };
  return { own, related: asked.map((one) => ('kind' in one ? one : (outcomes.shift() ?? unanswered))) };
}

/** Which candidates count as the same failure, beyond those that fail with its lock. */
export interface Which {
  /** Others are not even run. */
  accepts?(call: Call): boolean;
  /** Known bugs: where one of them explains a candidate, it is a case of that. */
  explanations?(call: Call): readonly Explanation[];
}

/** Runs candidates against one backend, to see whether they fail as a given failure does; once the signal is raised, none does. */
export class Trial {
  readonly #contender: Contender;
  readonly #oracle: Oracle;
  readonly #lock: string;
  readonly #accepts: (call: Call) => boolean;
  readonly #explanations: (call: Call) => readonly Explanation[];
  /** Two runs of a case differ. */
  readonly #isUnsteady: boolean;
  readonly #timeout_ms: number;
  readonly #shared: Runner;
  readonly #signal: AbortSignal;
  readonly #leave = () => this.#shared.close();
  /** How many candidates are worth running at a time: a death wastes those behind it. */
  readonly width: number;

  constructor(
    contender: Contender,
    oracle: Oracle,
    failure: Failure,
    signal: AbortSignal,
    { accepts = () => true, explanations = () => [] }: Which = {},
  ) {
    const { kind } = failure.mismatch;
    const { caseTimeout_ms } = contender.runner.options;
    this.#contender = contender;
    this.#oracle = oracle;
    this.#signal = signal;
    this.#accepts = accepts;
    this.#explanations = explanations;
    this.#isUnsteady = kind === 'unstable';
    this.#lock = lockOf(failure.call, contender.name, failure.mismatch);
    this.#timeout_ms = kind === 'timeout' ? Math.min(caseTimeout_ms, hangTimeout_ms) : caseTimeout_ms;
    this.width = isDeath({ kind }) ? 1 : 8;
    this.#shared = new Runner(contender.launch, {
      caseTimeout_ms: this.#timeout_ms,
      maxDeaths: Number.POSITIVE_INFINITY,
      isolate: false,
    });
    signal.addEventListener('abort', this.#leave, { once: true });
  }

  /** In one process that all candidates share: quick, and right for failures that need no history. */
  async together(candidates: readonly Case[]): Promise<(Failure | null)[]> {
    return Promise.all(
      candidates.map(async (candidate) => {
        const call = prepare(candidate);
        if (!this.#accepts(call)) return null;
        const failure = await this.#inShared(call);
        if (failure === null) return null;
        const others = this.#explanations(call);
        const asked = others.flatMap(({ calls }) => calls);
        const results = await Promise.all(asked.map((one) => this.#inShared(one)));
        const resultOf = (one: Call) => results[asked.indexOf(one)]?.mismatch ?? null;
        const isExplained = others.some((other) => other.explains(failure.mismatch, resultOf));
        return isExplained || this.#signal.aborted ? null : failure;
      }),
    );
  }

  async #inShared(call: Call): Promise<Failure | null> {
    const opinion = this.#isUnsteady ? null : this.#oracle.consult(call);
    const again = this.#isUnsteady ? [this.#ask(call)] : [];
    const related = (opinion?.related ?? []).map((one) => this.#ask(one));
    const own = await Promise.all([this.#ask(call), ...again]);
    return this.#judge(call, opinion, [], { own, related: await Promise.all(related) });
  }

  async #ask(call: Call): Promise<Outcome> {
    const request = requestFor(call, this.#contender);
    if ('kind' in request) return request;
    return this.#shared.run(request).then(
      ({ outcome }) => outcome,
      (error) => {
        if (this.#signal.aborted) return unanswered;
        throw error;
      },
    );
  }

  /** In a process of its own, after `before`: what a replay does. */
  async alone(candidate: Case, before: readonly Case[], timeout_ms = this.#timeout_ms): Promise<Failure | null> {
    const call = prepare(candidate);
    if (!this.#accepts(call)) return null;
    const opinion = this.#isUnsteady ? null : this.#oracle.consult(call);
    const request = requestFor(call, this.#contender);
    if ('kind' in request) return this.#judge(call, opinion, before, { own: [request], related: [] });
    const outcomes = await outcomesAlone(this.#contender, historyFor(before, this.#contender), request, {
      related: opinion?.related ?? [],
      isUnsteady: this.#isUnsteady,
      timeout_ms,
      signal: this.#signal,
    });
    return outcomes.own.length === 0 ? null : this.#judge(call, opinion, before, outcomes);
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#leave);
    this.#shared.close();
  }

  /** `opinion`: null where the runs are held against each other. */
  async #judge(
    call: Call,
    opinion: Opinion | null,
    before: readonly Case[],
    { own, related }: Outcomes,
  ): Promise<Failure | null> {
    if (opinion === null) {
      const mismatch = unsteadiness(own);
      return mismatch === null ? null : { call, mismatch, before };
    }
    const verdict = await opinion.of(own[0]!, related, this.#contender.traits);
    if (verdict.verdict !== 'mismatch' || lockOf(call, this.#contender.name, verdict) !== this.#lock) return null;
    return { call, mismatch: verdict, before };
  }
}
