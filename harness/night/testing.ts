import { caseSchema } from '../core/case.ts';
import { type Night, nightSchema } from './history.ts';
import type { NightFinding } from './nightReport.ts';

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

/** For tests: a reason with all that some format has another meaning for. */
export const nasty = 'a <b> & "c"\nd: e, 100 % | f \u0007 \ud800';

/** For tests: something that was found. */
export function finding(more: Partial<NightFinding> = {}): NightFinding {
  return {
    id: 'abc',
    signature: 'conv1d/mine/value/stride',
    op: 'conv1d',
    backend: 'mine',
    version: '1',
    kind: 'value',
    reason: nasty,
    elements: 3,
    case: {
      schema: caseSchema,
      op: 'conv1d',
      params: { stride: 2 },
      inputs: {
        input: { dtype: 'float32', shape: [1, 1, 2], data: { kind: 'inline', values: [1, 'NaN'] } },
        weight: { dtype: 'float32', shape: [1, 1, 1], data: { kind: 'inline', values: [1] } },
      },
    },
    before: [],
    found: { seed: 1, batch: 2, index: 3 },
    standing: 'fresh',
    file: 'store/abc.json',
    knownIssue: null,
    times: 12,
    want: { shape: [1, 1, 1], dtype: 'float32', values: [1] },
    got: { shape: [1, 1, 1], dtype: 'float32', values: ['NaN'] },
    culprit: { index: [0, 0, 0], allowed: 0 },
    programs: { python: 'print("<hello>")', typescript: null },
    command: "npm run -s convdiff -- replay 'a b'",
    ...more,
  };
}
