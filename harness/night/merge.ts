import { whileLocked } from '../../scripts/setup/lock.mjs';
import { type Counterexample, compareWorth } from '../store/counterexample.ts';
import { type Night, readHistory, settledKey, writeHistory } from './history.ts';

/* Joining what several machines found. Neither the order nor what is joined first makes a difference. */

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** The one that is worth more; of equals whichever, but always the same. */
function compareCounterexamples(one: Counterexample, other: Counterexample): number {
  return compareWorth(one, other) || compareTexts(JSON.stringify(one), JSON.stringify(other));
}

/** Whether a counterexample was saved as it stood, and a night has shrunk or explained it since. */
export function settledIn(history: readonly Night[]): (one: Counterexample) => boolean {
  const settled = new Set(history.flatMap((night) => night.settled ?? []));
  return (one) => !one.shrunk && settled.has(settledKey(one));
}

/** The best counterexample of each signature, by id, without those that were saved as they stood and that a night has settled since. */
export function mergeCounterexamples(all: readonly Counterexample[], history: readonly Night[]): Counterexample[] {
  const isSettled = settledIn(history);
  const best = new Map<string, Counterexample>();
  for (const one of all) {
    if (isSettled(one)) continue;
    const before = best.get(one.id);
    if (before === undefined || compareCounterexamples(one, before) < 0) best.set(one.id, one);
  }
  return [...best.values()].sort((one, other) => compareTexts(one.id, other.id));
}

/** Each once, in the order in which they began. `startedOf`: when one did, in UTC. */
export function inOrder<T>(all: readonly T[], startedOf: (one: T) => string): T[] {
  const texts = new Map(all.map((one) => [`${startedOf(one)} ${JSON.stringify(one)}`, one]));
  return [...texts.entries()].sort(([one], [other]) => compareTexts(one, other)).map(([, one]) => one);
}

/** What tells a night from others. */
function keyOf({ started, shard, seed, from }: Night): string {
  return JSON.stringify([started, shard, seed, from]);
}

/** Each night once: as it ended, where another history has it as it stood. */
export function mergeHistories(all: readonly Night[]): Night[] {
  const furthest = new Map<string, Night>();
  for (const one of inOrder(all, ({ started }) => started)) {
    const key = keyOf(one);
    const before = furthest.get(key);
    if (before === undefined || (before.exit === null && (one.exit !== null || one.cases > before.cases)))
      furthest.set(key, one);
  }
  return inOrder([...furthest.values()], ({ started }) => started);
}

/**
 * Adds a night, as it stands or ended, to those in a file, which another night may have written to since; `before`: what was in it when
 * this night began, for where it cannot be read any more. Returns them all.
 */
export function remember(file: string, night: Night, before: readonly Night[]): Night[] {
  const key = keyOf(night);
  return rewrite(file, () => [...historyOr(file, before).filter((one) => keyOf(one) !== key), night]);
}

/** Adds nights to those in a file, which others may have written to since they were read. */
export function rememberAll(file: string, nights: readonly Night[]): void {
  rewrite(file, () => [...nights, ...historyOr(file, [])]);
}

function rewrite(file: string, all: () => readonly Night[]): Night[] {
  return whileLocked(`${file}.lock`, () => {
    const nights = mergeHistories(all());
    writeHistory(file, nights);
    return nights;
  });
}

function historyOr(file: string, before: readonly Night[]): readonly Night[] {
  try {
    return readHistory(file);
  } catch {
    return before;
  }
}
