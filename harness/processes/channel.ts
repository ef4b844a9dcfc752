import type { Duplex } from 'node:stream';
import { execa } from 'execa';
import { type Frame, FrameError, FrameReader } from './frames.ts';

/** How to start a process that speaks oracles/PROTOCOL.md on its file descriptors 3 (requests) and 4 (replies). */
export interface Launch {
  /** What people call it. */
  name: string;
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Where it runs; the folder of this process where it is left out. */
  cwd?: string;
  /** A case has at least so long, whatever limit is asked for: for who compiles a program for each new shape, say. */
  leastTimeout_ms?: number;
}

export interface BackendInfo {
  name: string;
  version: string;
  strict: boolean;
  flushesDenormals: boolean;
  /** 0 where it declares none. */
  unitRoundoff: number;
  amplification: number;
}

/** A process's first message: who it is. */
export interface Hello {
  backends: readonly BackendInfo[];
  versions: Readonly<Record<string, string>>;
}

/** How a process came to its end. */
export interface End {
  cause: 'exit' | 'signal' | 'garbage' | 'killed';
  /** In words, with the last of what it printed. */
  detail: string;
  signal: string | null;
}

/** The process did not come as far as its first message. */
export class StartError extends Error {
  override name = 'StartError';
  /** The process said itself what is wrong with what it was to load. */
  readonly refused: boolean;

  constructor(message: string, refused: boolean) {
    super(message);
    this.refused = refused;
  }
}

export const protocolVersion = 1;
const startTimeout_ms = 120_000;
const keptOutput_bytes = 4096;
/** A process whose requests have ended may take so long to dispose of what it holds. */
const finishTime_ms = 1000;

const living = new Set<number>();
process.on('exit', () => {
  for (const pid of living) killGroup(pid);
});

/** Kills a child and whatever it started: each leads a process group of its own. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** The last bytes that a stream printed. */
class Tail {
  #text = '';

  add(piece: Buffer): void {
    this.#text = (this.#text + piece.toString('utf8')).slice(-keptOutput_bytes);
  }

  /** The last line or two, for a message. */
  get last(): string {
    const lines = this.#text
      .split('\n')
      .map((line) => line.trim())
      // Of a stack trace, what went wrong says more than where.
      .filter((line) => line !== '' && !/^(\d+: |at |-{3,})/.test(line));
    return lines.slice(-2).join(' / ').slice(0, 300);
  }
}

/** One living process and the frames to and from it. */
export class Channel {
  readonly hello: Hello;
  onReply: (frame: Frame) => void = () => {};
  /** Called once, whatever the cause; `kill` comes here too. */
  onEnd: (end: End) => void = () => {};
  readonly #child: Child;

  private constructor(child: Child, hello: Hello) {
    this.#child = child;
    this.hello = hello;
  }

  /** Starts the process and waits for its hello, until nobody wants it any more. Throws StartError. */
  static async open(launch: Launch, unwanted: AbortSignal): Promise<Channel> {
    const child = new Child(launch);
    return new Promise<Channel>((resolve, reject) => {
      const settled = () => {
        clearTimeout(timer);
        unwanted.removeEventListener('abort', leave);
      };
      const fail = (why: string, refused = false) => {
        settled();
        child.kill();
        reject(new StartError(why, refused));
      };
      const leave = () => fail('nobody wants it any more');
      unwanted.addEventListener('abort', leave, { once: true });
      const timer = setTimeout(
        () => fail(`said nothing within ${startTimeout_ms / 1000} s of its start`),
        startTimeout_ms,
      );
      child.onEnd = (end) => fail(end.detail);
      child.onFrame = ({ header }) => {
        if (header.type === 'failed') return fail(String(header.reason), true);
        const hello = readHello(header);
        if (typeof hello === 'string') return fail(hello);
        settled();
        const channel = new Channel(child, hello);
        child.onFrame = (frame) => channel.onReply(frame);
        child.onEnd = (end) => channel.onEnd(end);
        resolve(channel);
      };
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Hands a frame over; what the process does not read yet waits in memory. */
  send(frame: Buffer): void {
    this.#child.send(frame);
  }

  /** Kills the process and all that it started. */
  kill(): void {
    this.#child.kill();
  }

  /** Closes the requests, upon which the process is to end by itself, and kills it where it does not in time. */
  async finish(): Promise<void> {
    await this.#child.finish();
  }
}

function readHello(header: Record<string, unknown>): Hello | string {
  const { type, protocol, backends, versions } = header;
  if (type !== 'hello') return `its first message is no hello: ${JSON.stringify(header).slice(0, 200)}`;
  if (protocol !== protocolVersion) return `it speaks version ${protocol} of the protocol, not ${protocolVersion}`;
  const wellFormed =
    Array.isArray(backends) && backends.length > 0 && backends.every((backend) => typeof backend?.name === 'string');
  if (!wellFormed) return 'its hello names no backend';
  return {
    backends: backends.map((backend) => ({
      name: backend.name,
      version: String(backend.version ?? ''),
      strict: backend.strict === true,
      flushesDenormals: backend.flushesDenormals === true,
      unitRoundoff: typeof backend.unitRoundoff === 'number' ? backend.unitRoundoff : 0,
      amplification: typeof backend.amplification === 'number' ? backend.amplification : 1,
    })),
    versions: typeof versions === 'object' && versions !== null ? (versions as Record<string, string>) : {},
  };
}

/** A started process with its pipes. */
class Child {
  onFrame: (frame: Frame) => void = () => {};
  onEnd: (end: End) => void = () => {};
  pid: number | undefined;
  #kill: () => void;
  #end: () => void;
  #gone: Promise<void>;
  #send: (frame: Buffer) => void;
  #ended = false;
  #cause: 'killed' | 'garbage' | null = null;
  #garbage = '';

  constructor(launch: Launch) {
    // buffer: false, or execa would keep all that ever went through the pipes.
    const subprocess = execa(launch.command, [...launch.args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      buffer: false,
      reject: false,
      detached: true,
      cleanup: false,
      ...(launch.cwd === undefined ? {} : { cwd: launch.cwd }),
      ...(launch.env === undefined ? {} : { env: { ...launch.env } }),
    });
    this.pid = subprocess.pid;
    if (this.pid !== undefined) living.add(this.pid);
    const printed = new Tail();
    subprocess.stdout?.on('data', (piece: Buffer) => printed.add(piece));
    subprocess.stderr?.on('data', (piece: Buffer) => printed.add(piece));
    const [, , , requests, replies] = subprocess.stdio as unknown as (Duplex | undefined)[];
    const reader = new FrameReader({ views: true });
    replies?.on('data', (piece: Buffer) => this.#read(reader, piece));
    // A broken pipe shows itself as the end of the process too.
    for (const stream of [requests, replies, subprocess.stdout, subprocess.stderr]) stream?.on('error', () => {});

    // What is sent in one turn goes out in one system call.
    this.#send = (frame) => {
      if (requests === undefined) return;
      if (requests.writableCorked === 0) {
        requests.cork();
        process.nextTick(() => requests.uncork());
      }
      requests.write(frame);
    };
    this.#kill = () => {
      if (this.pid !== undefined) killGroup(this.pid);
      for (const stream of [requests, replies]) stream?.destroy();
    };
    this.#end = () => requests?.end();
    this.#gone = subprocess.then((result) => {
      if (this.pid !== undefined) living.delete(this.pid);
      this.#ended = true;
      this.onEnd(this.#endOf(result, printed.last));
    });
  }

  send(frame: Buffer): void {
    if (!this.#ended) this.#send(frame);
  }

  kill(): void {
    this.#cause ??= 'killed';
    this.#kill();
  }

  async finish(): Promise<void> {
    this.#cause ??= 'killed';
    this.#end();
    const timer = setTimeout(() => this.#kill(), finishTime_ms);
    await this.#gone;
    clearTimeout(timer);
    // Whatever it started may have stayed behind.
    this.#kill();
  }

  #read(reader: FrameReader, piece: Buffer): void {
    if (this.#cause !== null) return;
    try {
      for (const frame of reader.push(piece)) this.onFrame(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#cause = 'garbage';
      this.#garbage = error.message;
      this.#kill();
    }
  }

  #endOf(
    result: { exitCode?: number | undefined; signal?: string | undefined; originalMessage?: string | undefined },
    printed: string,
  ): End {
    const tail = printed === '' ? '' : `: ${printed}`;
    const signal = result.signal ?? null;
    if (this.#cause === 'killed') return { cause: 'killed', detail: 'killed', signal };
    if (this.#cause === 'garbage') return { cause: 'garbage', detail: `sent ${this.#garbage}`, signal };
    if (signal !== null) return { cause: 'signal', detail: `ended by ${signal}${tail}`, signal };
    if (result.exitCode !== undefined) return { cause: 'exit', detail: `exit code ${result.exitCode}${tail}`, signal };
    return { cause: 'exit', detail: `could not be started: ${result.originalMessage ?? 'unknown cause'}`, signal };
  }
}
