import type { Case } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Tensor } from '../core/tensor.ts';
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
  /** What has to run before, in the same process, for the process to die: empty for anything but such a death. */
  before: readonly Request[];
  /** What the process had answered before, oldest first, as far back as is remembered. */
  past(): readonly Request[];
}

export interface RunnerOptions {
  /** How long a single case may take once its process has started. */
  caseTimeout_ms: number;
  /** After so many deaths the process is not started again. */
  maxDeaths: number;
  /** Whether a death is looked into: the case alone in a fresh process, then with its history. */
  isolate: boolean;
}

/** So many of the requests that a process has answered are remembered, to repeat a failure that needs a history. */
export const keptHistory = 512;
const clockTick_ms = 50;

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
      return { kind: 'ok', output };
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
  #channel: Channel | null = null;
  #queue: Pending[] = [];
  #history: Request[] = [];
  #headSince_ms = 0;
  #clock: NodeJS.Timeout | undefined;
  #timedOut = false;
  #stopped: Error | null = null;
  #busy: Promise<void> | null = null;

  constructor(launch: Launch, options: RunnerOptions) {
    this.launch = launch;
    this.options = options;
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

  /** The requests that the present process has answered, oldest first, up to a limit. */
  get history(): readonly Request[] {
    return this.#history;
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

  /** Ends the process; the next request starts a new one. */
  restart(): void {
    this.#drop();
  }

  #resume(): void {
    this.#busy ??= this.#fill();
  }

  /** Gets a process going and hands it all that waits. */
  async #fill(): Promise<void> {
    try {
      if (this.#channel === null && this.#queue.length > 0) await this.#open();
    } catch (error) {
      this.#stop(error instanceof Error ? error : new Error(String(error)));
    }
    this.#headSince_ms = performance.now();
    for (const { request } of this.#queue) this.#channel?.send(request.frame);
    // In the same turn as the last frame: a request that comes later must not take this for still under way.
    this.#busy = null;
  }

  async #open(): Promise<void> {
    const channel = await Channel.open(this.launch);
    if (this.#stopped !== null) {
      channel.kill();
      return;
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
    head.resolve({ outcome: outcomeOf(frame), before: [], past: () => list.slice(Math.max(0, count - keptHistory), count) });
    this.#remember(head.request);
  }

  #remember(request: Request): void {
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
    clearInterval(this.#clock);
    this.#drop();
    for (const pending of this.#queue.splice(0)) pending.reject(this.#stopped);
  }

  #ended(end: End): void {
    this.#channel = null;
    this.deaths += 1;
    const suspect = this.#queue.shift();
    const history = this.#history.slice(-keptHistory);
    const kind = this.#timedOut ? 'timeout' : 'crash';
    const detail = kind === 'timeout' ? `no answer within ${this.options.caseTimeout_ms} ms` : end.detail;
    const last = this.deaths >= this.options.maxDeaths;
    this.#busy = this.#recover(suspect, { kind, detail }, history, end).then(() => {
      if (last) this.#stop(new Benched(`${this.launch.name} died ${this.deaths} times`));
      return this.#fill();
    });
  }

  /** Answers the request during which the process died. */
  async #recover(
    suspect: Pending | undefined,
    death: Outcome & { kind: 'crash' | 'timeout' },
    history: readonly Request[],
    end: End,
  ): Promise<void> {
    if (suspect === undefined) return;
    if (!this.options.isolate) return suspect.resolve({ outcome: death, before: [], past: () => history });
    try {
      suspect.resolve(await this.#investigate(suspect.request, death, history, end));
    } catch (error) {
      suspect.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #investigate(
    request: Request,
    death: Outcome & { kind: 'crash' | 'timeout' },
    history: readonly Request[],
    end: End,
  ): Promise<Answer> {
    const past = () => history;
    const alone = await runFresh(this.launch, [request], this.options.caseTimeout_ms);
    if (isDeath(alone.at(-1)!)) return { outcome: alone.at(-1)!, before: [], past };
    if (history.length > 0) {
      const again = await runFresh(this.launch, [...history, request], this.options.caseTimeout_ms);
      if (again.length === history.length + 1 && isDeath(again.at(-1)!)) {
        return { outcome: again.at(-1)!, before: history, past };
      }
    }
    // Someone else's kill, or a busy machine: there is nothing to convict the backend of.
    const excused = death.kind === 'timeout' || end.signal === 'SIGKILL' || end.signal === 'SIGTERM';
    if (!excused) return { outcome: death, before: history, past };
    return { outcome: { kind: 'unreproduced', detail: death.detail }, before: [], past };
  }
}

export function isDeath(outcome: Outcome): boolean {
  return outcome.kind === 'crash' || outcome.kind === 'timeout';
}

/**
 * Runs requests in order in a process of their own, which ends with them. The outcomes end early with a death, so that a
 * death is always the last. Throws StartError.
 */
export async function runFresh(launch: Launch, requests: readonly Request[], caseTimeout_ms: number): Promise<Outcome[]> {
  const runner = new Runner(launch, { caseTimeout_ms, maxDeaths: 1, isolate: false });
  try {
    await runner.start();
    const outcomes: Outcome[] = [];
    const answers = requests.map((request) => runner.run(request));
    for (const answer of answers) answer.catch(() => {});
    for (const answer of answers) {
      const { outcome } = await answer;
      outcomes.push(outcome);
      if (isDeath(outcome)) break;
    }
    return outcomes;
  } finally {
    runner.close();
  }
}

