import { type Contender, isRequest, requestFor, type Session } from '../campaign/session.ts';
import type { OpName } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { StartError } from '../processes/channel.ts';
import { Benched } from '../processes/runner.ts';
import { type Layer, layers } from './layers.ts';

/** So many rounds, in each of which every backend has its turn. */
const mostRounds = 7;
/** But only so many where a layer has taken longer than this. */
const enough_ms = 1500;
const leastRounds = 3;

/** How long a backend's calls of a layer take, as multiples of another one's in the same round. */
export interface Speed {
  layer: string;
  op: OpName;
  backend: string;
  /** The backend that it is a multiple of. */
  base: string;
  /** Below 1: faster. Over the rounds: the middle one, the least, the most. */
  ratio: { median: number; low: number; high: number };
  /** The middle one of this backend's own times. */
  seconds: number;
}

/** How fast backends run layers of known models, each as a ratio to the first of them that can run it. */
export async function speeds(
  session: Session,
  ops: readonly OpName[],
  contenders: readonly Contender[],
  signal: AbortSignal,
  onProgress: (layer: string, share: number) => void,
): Promise<Speed[]> {
  const wanted = layers.filter(({ testCase }) => ops.includes(testCase.op));
  const all: Speed[] = [];
  for (const [i, layer] of wanted.entries()) {
    if (signal.aborted) break;
    onProgress(layer.name, i / wanted.length);
    all.push(...(await speedsOf(layer, contenders, session)));
  }
  return all;
}

async function speedsOf(
  { name, testCase }: Layer,
  contenders: readonly Contender[],
  session: Session,
): Promise<Speed[]> {
  const call = prepare(testCase);
  // How fast a wrong result comes says nothing.
  const right = await session.judge(call, contenders);
  const able = right.filter(({ verdict }) => verdict.verdict === 'agree').map(({ contender }) => contender);
  const times = new Map<Contender, number[]>(able.map((contender) => [contender, []]));
  const started_ms = performance.now();
  const isLate = () => performance.now() - started_ms > enough_ms;
  // To be judged, each has run it once already; a round that is not counted is for what compiles as it goes.
  for (let round = -1; round < mostRounds && !(round >= leastRounds && isLate()); round++) {
    for (const [contender, own] of times) {
      const seconds = await secondsOf(call, contender);
      if (seconds === null) times.delete(contender);
      else if (round >= 0) own.push(seconds);
    }
  }
  const [first] = times;
  if (first === undefined) return [];
  const [base, baseTimes] = first;
  return [...times].map(([contender, own]) => {
    const ratios = own.map((seconds, i) => seconds / baseTimes[i]!).sort((a, b) => a - b);
    return {
      layer: name,
      op: testCase.op,
      backend: contender.name,
      base: base.name,
      ratio: { median: middle(ratios), low: ratios[0]!, high: ratios.at(-1)! },
      seconds: middle([...own].sort((a, b) => a - b)),
    };
  });
}

function middle(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** As the process says; with what it takes to get there and back where it says nothing. Null where it gives no result. */
async function secondsOf(call: Call, contender: Contender): Promise<number | null> {
  const request = requestFor(call, contender);
  if (!isRequest(request) || contender.runner.benched) return null;
  const started_ms = performance.now();
  try {
    const { outcome } = await contender.runner.run(request);
    if (outcome.kind !== 'ok') return null;
    return outcome.seconds ?? (performance.now() - started_ms) / 1000;
  } catch (error) {
    if (error instanceof Benched || error instanceof StartError) return null;
    throw error;
  }
}
