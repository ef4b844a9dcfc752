import { type Night, nightSchema } from './history.ts';

/** For tests: a night in which nothing was found, but for what is given. */
export function night(more: Partial<Night> = {}): Night {
  return {
    schema: nightSchema,
    started: '2026-11-28T01:00:00.000Z',
    seconds: 7.5,
    seed: 1,
    shard: [1, 1],
    from: 0,
    next: 12,
    cases: 3000,
    canary: 22,
    backends: [],
    saved: [],
    known: [],
    old: [],
    fresh: [],
    exit: 0,
    ...more,
  };
}
