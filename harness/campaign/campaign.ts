import { unsteadiness } from '../compare/repeat.ts';
import type { OpName } from '../core/case.ts';
import { HarnessError } from '../core/errors.ts';
import type { Verdict } from '../core/verdict.ts';
import { prepare } from '../operators/call.ts';
import type { KnownIssue } from '../store/knownIssues.ts';
import type { Saved, Store } from '../store/store.ts';
import { type DrawnCase, type Finding, Findings } from './findings.ts';
import { isKnownToFail, type KnownClass } from './known.ts';
import { unlessOver } from './over.ts';
import { batchSize, caseOf, type Draw, drawBatch } from './plan.ts';
import type { Contender, Judgement, Session } from './session.ts';
import { count, emptyTally, type Tally } from './tally.ts';

/** So many batches are under way at a time: while processes compute one, the next is drawn. */
const batchesAhead = 2;

export interface CampaignOptions {
  session: Session;
  ops: readonly OpName[];
  seed: number;
  /** The number of cases, or null for no limit. */
  runs: number | null;
  /** The time to go on drawing, or null for no limit. */
  time_ms: number | null;
  /** The part that it takes of the campaign; all where it is left out. */
  shard?: Shard;
  /** The first batch, of which `runs` counts the cases; 0 where it is left out. */
  from?: number;
  /** The first batch that it runs, where its shard has run some from `from` on. */
  start?: number;
  /** What is known to fail, and drawn less; nothing where it is left out. */
  knownClasses?: readonly KnownClass[];
  /** What was saved and is to be looked into before anything is drawn; nothing where it is left out. */
  again?: readonly Saved[];
  /** Called with what became of each of these: null where it does not fail here. */
  onAgain?(saved: Saved, finding: Finding | null): void;
  /** The contender that has to be wrong: when it is found is all that is told of it. */
  canary?: string;
  store: Store;
  knownIssues: readonly KnownIssue[];
  signal: AbortSignal;
  /** Called after every batch and before long work. */
  onProgress(progress: Progress): void;
  /** The campaign waits for what it does. `again`: what of `again` came to this, or null. */
  onFinding(finding: Finding, again: Saved | null): void | Promise<void>;
  /** Called for each case, in their order, once what fails of it has been looked into. */
  onCase?(judged: Judged): void;
}

/** A case of a campaign, and what it came to on each backend. */
export interface Judged extends DrawnCase {
  /** `finding`: what a mismatch is a case of, where that is known. */
  results: readonly { contender: Contender; verdict: Verdict; finding: Finding | null }[];
}

/** Every `count`-th batch, from batch `index` on, which is below `count`: all shards together are the campaign, each batch in one of them. */
export interface Shard {
  index: number;
  count: number;
}

/** All of it. */
export const wholeCampaign: Shard = { index: 0, count: 1 };

/** Where a campaign stands. */
export interface Progress {
  cases: number;
  seconds: number;
  tallies: ReadonlyMap<string, Tally>;
  /** The first batch of its shard that has not run to its end. */
  next: number;
  /** What was found, and after how many cases the canary was; null where it was not. */
  findings: readonly Finding[];
  canary: number | null;
  /** What it is busy with, beyond drawing cases. */
  doing: string | null;
}

export interface CampaignResult extends Progress {
  seed: number;
  /** How the campaign came to its end. */
  end: 'runs' | 'time' | 'interrupted' | 'no backend left' | 'no oracle';
  /** Why there is no oracle any more. */
  failure: HarnessError | null;
}

/** One case of a batch, where it stands in the campaign, and what every backend made of it. */
interface Drawn extends DrawnCase {
  /** Of all but the canary. */
  judgements: Judgement[];
  /** Whether the canary was seen to be wrong. */
  isCanaryWrong: boolean;
}

/** A batch that is being run, and those of its cases that have all their verdicts. */
interface UnderWay {
  batch: number;
  whole: Promise<Drawn[]>;
  judged: Drawn[];
}

/**
 * Of so many cases in a batch one runs twice in a row, and one with others between. Not a multiple of the number of operators, or only
 * some would have their turn.
 */
const repeatedEvery = 31;

/** The judgement of the first run, or what the second one has against it. */
function steady(first: Judgement, second: Judgement | undefined): Judgement {
  if (second === undefined || first.verdict.verdict === 'mismatch') return first;
  if (second.verdict.verdict === 'mismatch') return second;
  const verdict = unsteadiness([first.outcome, second.outcome]);
  // Either run may be the one that what came before has changed.
  return verdict === null ? first : { ...second, before: first.past(), verdict };
}

/** A hunt for disagreements: draws, runs and compares batch after batch, and looks into what fails. */
export class Campaign {
  readonly #options: CampaignOptions;
  readonly #tallies = new Map<string, Tally>();
  readonly #findings: Findings;
  readonly #started_ms = performance.now();
  /** When its time is up, on performance.now's clock. */
  readonly #end_ms: number;
  readonly #underWay: UnderWay[] = [];
  /** The batch whose failures are looked into. */
  #taken: number | null = null;
  #cases = 0;
  #next: number;
  #canary: number | null = null;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#end_ms = this.#started_ms + (options.time_ms ?? Number.POSITIVE_INFINITY);
    this.#findings = new Findings({
      ...options,
      end_ms: this.#end_ms,
      onShrink: (what) => options.onProgress(this.#progress(`shrinking ${what}`)),
    });
    const { shard = wholeCampaign, from = 0, start = from } = options;
    this.#next = shard.index + shard.count * Math.ceil((start - shard.index) / shard.count);
    for (const { name } of options.session.contenders) {
      if (name !== options.canary) this.#tallies.set(name, emptyTally());
    }
  }

  async run(): Promise<CampaignResult> {
    try {
      return await this.#toItsEnd();
    } finally {
      this.#findings.close();
    }
  }

  async #toItsEnd(): Promise<CampaignResult> {
    let end: CampaignResult['end'];
    let failure: HarnessError | null = null;
    try {
      await this.#lookAgain();
      end = await this.#batches();
    } catch (error) {
      if (!(error instanceof HarnessError)) throw error;
      end = 'no oracle';
      failure = error;
    }
    const { next } = this.#progress(null);
    for (const { judged } of this.#underWay.splice(0)) await this.#take(judged);
    return { ...this.#progress(null), seed: this.#options.seed, end, failure, next };
  }

  async #lookAgain(): Promise<void> {
    const { again = [], onAgain } = this.#options;
    for (const saved of again) {
      const contender = this.#contenders().find(({ name }) => name === saved.counterexample.backend);
      if (contender === undefined || this.#isOver() !== null) continue;
      onAgain?.(saved, await this.#findings.lookAgain(saved, contender));
    }
  }

  async #batches(): Promise<CampaignResult['end']> {
    const { shard = wholeCampaign } = this.#options;
    let end: CampaignResult['end'] | null = null;
    for (;;) {
      while (end === null && this.#underWay.length < batchesAhead) {
        end = this.#isOver();
        if (end !== null) continue;
        this.#underWay.push(this.#startBatch(this.#next));
        this.#next += shard.count;
      }
      const oldest = this.#underWay[0];
      if (oldest === undefined) return end!;
      const batch = await unlessOver(oldest.whole, this.#options.signal, this.#end_ms - performance.now());
      if (batch === null) return this.#options.signal.aborted ? 'interrupted' : 'time';
      this.#underWay.shift();
      // Until what fails of it has been looked into, it has not run to its end.
      this.#taken = oldest.batch;
      await this.#take(batch);
      this.#taken = null;
      if (this.#options.signal.aborted) return 'interrupted';
    }
  }

  /** All but the canary. */
  #contenders(): Contender[] {
    return this.#options.session.contenders.filter(({ name }) => name !== this.#options.canary);
  }

  #isOver(): CampaignResult['end'] | null {
    const { runs, signal } = this.#options;
    if (signal.aborted) return 'interrupted';
    if (this.#contenders().every(({ runner }) => runner.benched)) return 'no backend left';
    if (runs !== null && this.#left(runs, this.#next) <= 0) return 'runs';
    if (performance.now() >= this.#end_ms) return 'time';
    return null;
  }

  /** How many of so many cases are left from a batch on. */
  #left(runs: number, batch: number): number {
    return runs - (batch - (this.#options.from ?? 0)) * batchSize;
  }

  #startBatch(batch: number): UnderWay {
    const { seed, ops, runs, session, knownClasses = [] } = this.#options;
    const isRare = (op: OpName, draw: Draw) => isKnownToFail(knownClasses, op, draw);
    const size = runs === null ? batchSize : Math.min(batchSize, this.#left(runs, batch));
    const judged: Drawn[] = [];
    const calls = drawBatch(seed, batch, ops, size, isRare).map(({ op, draw }) => ({
      draw,
      call: prepare(caseOf(op, draw)),
    }));
    // Some run once more, at once or when all others have: a backend that remembers or guesses gives something else then.
    const again = new Map<number, Promise<Judgement[]>>();
    const verdicts = calls.map(({ call }, index) => {
      const first = session.judge(call);
      if (index % repeatedEvery === 1) again.set(index, session.judge(call));
      return first;
    });
    for (const [index, { call }] of calls.entries()) {
      if (index % repeatedEvery === 0) again.set(index, session.judge(call));
    }
    const whole = Promise.all(
      calls.map(async ({ call, draw }, index) => {
        const [first, second] = await Promise.all([verdicts[index]!, again.get(index) ?? []]);
        const judgements = first.map((one) =>
          steady(
            one,
            second.find(({ contender }) => contender === one.contender),
          ),
        );
        const [canaries, others] = this.#apart(judgements);
        const isCanaryWrong = canaries.some(({ verdict }) => verdict.verdict === 'mismatch');
        const drawn = { batch, index, draw, call, judgements: others, isCanaryWrong };
        judged.push(drawn);
        return drawn;
      }),
    );
    whole.catch(() => {});
    return { batch, whole, judged };
  }

  /** The canary's judgement, and those of the others. */
  #apart(judgements: readonly Judgement[]): [Judgement[], Judgement[]] {
    const isCanary = ({ contender }: Judgement) => contender.name === this.#options.canary;
    return [judgements.filter(isCanary), judgements.filter((one) => !isCanary(one))];
  }

  async #take(batch: Drawn[]): Promise<void> {
    for (const { call, judgements, isCanaryWrong } of batch) {
      this.#cases += 1;
      if (isCanaryWrong) this.#canary ??= this.#cases;
      for (const { contender, verdict } of judgements) {
        const tally = this.#tallies.get(contender.name)!;
        count(tally, verdict, call.case);
        if (call.normalised === null && verdict.verdict === 'agree') tally.onBehalf += 1;
      }
    }
    this.#options.onProgress(this.#progress(null));
    for (const drawn of batch) {
      const results: Judged['results'][number][] = [];
      for (const judgement of drawn.judgements) {
        const { contender, verdict } = judgement;
        const finding =
          verdict.verdict === 'mismatch' ? await this.#findings.lookInto(drawn, judgement, verdict) : null;
        results.push({ contender, verdict, finding });
      }
      const { call, batch: number, index, draw } = drawn;
      this.#options.onCase?.({ batch: number, index, draw, call, results });
    }
  }

  #progress(doing: string | null): Progress {
    for (const { name, runner } of this.#contenders()) this.#tallies.get(name)!.benched = runner.benched;
    return {
      cases: this.#cases,
      seconds: (performance.now() - this.#started_ms) / 1000,
      tallies: this.#tallies,
      next: this.#taken ?? this.#underWay[0]?.batch ?? this.#next,
      findings: this.#findings.all,
      canary: this.#canary,
      doing,
    };
  }
}
