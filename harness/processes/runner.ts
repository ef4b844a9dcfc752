import type { Case } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Tensor } from '../core/tensor.ts';
import { isDeath } from '../core/verdict.ts';
import { Channel, type End, type Hello, type Launch } from './channel.ts';
import type { Frame } from './frames.ts';

/** One case as it goes to a process: a frame, whose id names the request, and the case that it was made from. */
export interface Request {
  id: number;
  frame: Buffer;
  case: Case;
}

/** A request's outcome, and what ran before it. */
export interface Answer {
  outcome: Outcome;
  /** For a death: what had run before in the process that died again. It may take that, or nothing. Empty otherwise. */
  before: readonly Request[];
  /** What the process that gave the outcome had answered before, oldest first, as far back as is remembered. */
  past(): readonly Request[];
}

export interface RunnerOptions {
  /** How long a single case may take once its process has started. */
  caseTimeout_ms: number;
  /** After so many deaths the process is not started again. */
  maxDeaths: number;
  /** Whether a death is looked into: the cases one by one in a fresh process, then with their history. */
  isolate: boolean;
  /** Whether every death that does not happen again is forgiven; else only one that others or a busy machine may have caused. */
  forgiving?: boolean;
}

/** So many of the requests that a process has answered are remembered, to repeat a failure that needs a history. */
export const keptHistory = 512;
/** A process may hold back so many replies that it has ready: oracles/PROTOCOL.md. */
const heldReplies = 64;
const clockTick_ms = 50;
/** How often a process is tried to be started before it is given up. */
const startAttempts = 3;

/** The process died too often, or cannot be started. */
export class Benched extends Error {
  override name = 'Benched';
}

interface Pending {
  request: Request;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Reads a reply. A reply that makes no sense is the process's fault. */
export function outcomeOf(frame: Frame): Outcome {
  const { header, tensors } = frame;
  switch (header.type) {
    case 'ok': {
      const output: Tensor | undefined = tensors.output;
      if (output === undefined) return { kind: 'malformed', what: 'dtype', reason: 'a reply without an output' };
      const { seconds } = header;
      return { kind: 'ok', output, ...(typeof seconds === 'number' ? { seconds } : {}) };
    }
    case 'side-effect':
      return { kind: 'side-effect', changed: (header.changed as string[] | undefined) ?? [] };
    case 'malformed':
      return {
        kind: 'malformed',
        what: header.what === 'shape' ? 'shape' : 'dtype',
        reason: String(header.reason),
      };
    case 'rejected':
    case 'unsupported':
      return { kind: header.type, reason: String(header.reason) };
    default:
      return { kind: 'malformed', what: 'dtype', reason: `a reply of unknown type ${JSON.stringify(header.type)}` };
  }
}

/**
 * Runs requests in a process that may die: starts it, feeds it, watches each case's time, and starts it anew. Requests may be
 * submitted while others run; they are answered in order.
 */
export class Runner {
  readonly launch: Launch;
  readonly options: RunnerOptions;
  /** How often the process died. */
  deaths = 0;
  /** How often a death was forgiven: asked again, the process answered, and that answer counts. */
  retried = 0;
  #channel: Channel | null = null;
  #queue: Pending[] = [];
  #history: Request[] = [];
  #headSince_ms = 0;
  #clock: NodeJS.Timeout | undefined;
  #timedOut = false;
  #stopped: Error | null = null;
  /** Raised when it stops: what is being started then is not waited for. */
  readonly #leaving = new AbortController();
  #busy: Promise<void> | null = null;

  constructor(launch: Launch, options: RunnerOptions) {
    this.launch = launch;
    this.options = { ...options, caseTimeout_ms: Math.max(options.caseTimeout_ms, launch.leastTimeout_ms ?? 0) };
  }

  /** Starts the process if it does not run, and returns what it says of itself. Throws StartError. */
  async start(): Promise<Hello> {
    if (this.#channel === null) await this.#open();
    return this.#channel!.hello;
  }

  /** Whether it died too often and is left out from now on. */
  get benched(): boolean {
    return this.#stopped !== null;
  }

  get pid(): number | undefined {
    return this.#channel?.pid;
  }

  /** Counts a death less: one that is no news. */
  forgive(): void {
    if (this.#stopped === null && this.deaths > 0) this.deaths -= 1;
  }

  /** Runs one request. Throws Benched once the process has died too often. */
  run(request: Request): Promise<Answer> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      if (this.#queue.length === 1) this.#headSince_ms = performance.now();
      if (this.#channel !== null && this.#busy === null) this.#channel.send(request.frame);
      else this.#resume();
    });
  }

  /** Ends the process; what was not answered is dropped. */
  close(): void {
    this.#stop(new Benched(`${this.launch.name} was closed`));
  }

  /** As `close`, but lets a process that has nothing to do end by itself first. */
  async finish(): Promise<void> {
    const channel = this.#channel;
    if (channel !== null && this.#queue.length === 0) {
      this.#channel = null;
      await channel.finish();
    }
    this.close();
  }

  #resume(): void {
    this.#busy ??= this.#fill();
  }

  /** Gets a process going and hands it all that waits. */
  async #fill(): Promise<void> {
    try {
      if (this.#channel === null && this.#queue.length > 0) await this.#reopen();
    } catch (error) {
      this.#stop(error instanceof Error ? error : new Error(String(error)));
    }
    this.#headSince_ms = performance.now();
    for (const { request } of this.#queue) this.#channel?.send(request.frame);
    // In the same turn as the last frame: a request that comes later must not take this for still under way.
    this.#busy = null;
  }

  /** Starts the process, more than once if need be: whatever killed it may have killed its successor as well. */
  async #reopen(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#open();
      } catch (error) {
        if (attempt >= startAttempts || this.#stopped !== null) throw error;
      }
    }
  }

  async #open(): Promise<void> {
    if (this.#stopped !== null) throw this.#stopped;
    const channel = await Channel.open(this.launch, this.#leaving.signal).catch((error) => {
      throw this.#stopped ?? error;
    });
    if (this.#stopped !== null) {
      channel.kill();
      throw this.#stopped;
    }
    this.#channel = channel;
    this.#history = [];
    this.#timedOut = false;
    channel.onReply = (frame) => this.#reply(channel, frame);
    channel.onEnd = (end) => {
      if (this.#channel === channel) this.#ended(end);
    };
    this.#clock ??= setInterval(() => this.#tick(), clockTick_ms).unref();
  }

  #reply(channel: Channel, frame: Frame): void {
    if (this.#channel !== channel) return;
    const head = this.#queue[0];
    if (head === undefined || head.request.id !== frame.id) {
      // A stale or swapped answer: nothing that it says can be believed.
      this.#drop();
      const wanted = head === undefined ? 'none' : `${head.request.id}`;
      this.#ended({ cause: 'garbage', detail: `answered request ${frame.id}, not ${wanted}`, signal: null });
      return;
    }
    this.#queue.shift();
    this.#headSince_ms = performance.now();
    // The list only grows until it is replaced, so that its first `count` requests stay what they are.
    const list = this.#history;
    const count = list.length;
    head.resolve({
      outcome: outcomeOf(frame),
      before: [],
      past: () => list.slice(Math.max(0, count - keptHistory), count),
    });
    this.#remember(head.request);
  }

  #remember(request: Request): void {
    // Who forgives never asks what it took.
    if (this.options.forgiving === true) return;
    this.#history.push(request);
    if (this.#history.length >= 2 * keptHistory) this.#history = this.#history.slice(-keptHistory);
  }

  #tick(): void {
    if (!this.#overdue()) return;
    // The reply may have come while this process was busy: look once more after the pipes have been read.
    setImmediate(() =>
      setImmediate(() => {
        if (!this.#overdue()) return;
        this.#timedOut = true;
        this.#channel!.kill();
      }),
    );
  }

  #overdue(): boolean {
    if (this.#channel === null || this.#busy !== null || this.#queue.length === 0 || this.#timedOut) return false;
    return performance.now() - this.#headSince_ms > this.options.caseTimeout_ms;
  }

  #drop(): void {
    const channel = this.#channel;
    this.#channel = null;
    channel?.kill();
  }

  #stop(error: Error): void {
    this.#stopped ??= error;
    this.#leaving.abort();
    clearInterval(this.#clock);
    this.#drop();
    for (const pending of this.#queue.splice(0)) pending.reject(this.#stopped);
  }

  #ended(end: End): void {
    this.#channel = null;
    this.deaths += 1;
    const unanswered = this.#queue.splice(0, heldReplies + 1);
    const history = this.#history.slice(-keptHistory);
    const kind = this.#timedOut ? 'timeout' : 'crash';
    const detail = kind === 'timeout' ? `no answer within ${this.options.caseTimeout_ms} ms` : end.detail;
    const excused = kind === 'timeout' || end.signal === 'SIGKILL' || end.signal === 'SIGTERM';
    const last = this.deaths >= this.options.maxDeaths;
    this.#busy = this.#recover(unanswered, { kind, detail, excused, history }).then(() => {
      if (last) this.#stop(new Benched(`${this.launch.name} died ${this.deaths} times`));
      return this.#fill();
    });
  }

  /** Answers the requests of which one was under way when the process died. */
  async #recover(unanswered: readonly Pending[], death: Death): Promise<void> {
    if (unanswered.length === 0) return;
    try {
      const requests = unanswered.map(({ request }) => request);
      const answers = this.options.isolate
        ? await this.#investigate(requests, death)
        : await this.#repeat(requests, death);
      for (const [i, answer] of answers.entries()) unanswered[i]!.resolve(answer);
      // What comes after a death has not been tried yet.
      this.#queue.unshift(...unanswered.slice(answers.length));
    } catch (error) {
      for (const pending of unanswered) pending.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Who it was, as far as the same requests in a fresh process show it. */
  async #repeat(requests: readonly Request[], death: Death): Promise<Answer[]> {
    const { kind, detail, history } = death;
    const died: Answer = { outcome: { kind, detail }, before: [], past: () => history };
    // With one request there is no doubt; and where no other process may be started, no way to find out.
    if (requests.length === 1 || this.deaths >= this.options.maxDeaths) return [died];
    const outcomes = await runFresh(this.launch, [], requests, this.options.caseTimeout_ms);
    return outcomes.length === 0 ? [died] : answersOf(outcomes, [], requests);
  }

  /**
   * Who it was, and what it takes: the requests one by one in a fresh process and, if none dies, once more after all that the
   * process had answered. Answers end with the request that dies; whether it needs the ones before it is not looked into.
   */
  async #investigate(requests: readonly Request[], { kind, detail, excused, history }: Death): Promise<Answer[]> {
    const { caseTimeout_ms } = this.options;
    const withDeath = (outcomes: readonly Outcome[], earlier: readonly Request[]): Answer[] => {
      const answers = answersOf(outcomes, earlier, requests);
      const last = answers.at(-1)!;
      return [...answers.slice(0, -1), { ...last, before: last.past() }];
    };

    const fresh = await runFresh(this.launch, [], requests, caseTimeout_ms);
    if (endsInDeath(fresh)) return withDeath(fresh, []);
    if (history.length > 0) {
      const again = await runFresh(this.launch, history, requests, caseTimeout_ms);
      if (endsInDeath(again)) return withDeath(again, history);
    }
    const answers = answersOf(fresh, [], requests);
    // Someone else's kill, or a busy machine: there is nothing to convict the backend of.
    if (answers.length > 0 && (excused || this.options.forgiving === true)) {
      this.retried += 1;
      return answers;
    }
    return [{ outcome: { kind, detail }, before: history, past: () => history }, ...answers.slice(1)];
  }
}

/** What requests came to that ran one after the other, after `earlier`. */
function answersOf(outcomes: readonly Outcome[], earlier: readonly Request[], requests: readonly Request[]): Answer[] {
  return outcomes.map((outcome, i) => ({ outcome, before: [], past: () => [...earlier, ...requests.slice(0, i)] }));
}

function endsInDeath(outcomes: readonly Outcome[]): boolean {
  const last = outcomes.at(-1);
  return last !== undefined && isDeath(last);
}

/** How a process died, and what it had answered before. */
interface Death {
  kind: 'crash' | 'timeout';
  detail: string;
  /** It may have been killed by others, or merely been slow. */
  excused: boolean;
  history: readonly Request[];
}

/**
 * Runs requests in a process of their own, which ends with them: `history` in one go, then the others one by one, so that it
 * is certain which of them the process dies of. Returns the outcomes of the others; they end early with a death, where the process
 * ends between two of them, or with the signal, and there are none where it dies during the history. Throws StartError.
 */
export async function runFresh(
  launch: Launch,
  history: readonly Request[],
  requests: readonly Request[],
  caseTimeout_ms: number,
  signal?: AbortSignal,
): Promise<Outcome[]> {
  const runner = new Runner(launch, { caseTimeout_ms, maxDeaths: 1, isolate: false });
  const leave = () => runner.close();
  if (signal?.aborted) leave();
  signal?.addEventListener('abort', leave, { once: true });
  const outcomes: Outcome[] = [];
  try {
    await runner.start();
    const earlier = history.map((request) => runner.run(request));
    for (const answer of earlier) answer.catch(() => {});
    for (const answer of earlier) if (isDeath((await answer).outcome)) return [];
    for (const request of requests) {
      const { outcome } = await runner.run(request);
      outcomes.push(outcome);
      if (isDeath(outcome)) break;
    }
    return outcomes;
  } catch (error) {
    if (error instanceof Benched) return outcomes;
    throw error;
  } finally {
    signal?.removeEventListener('abort', leave);
    runner.close();
  }
}
