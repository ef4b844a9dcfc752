import type { Judged } from '../campaign/campaign.ts';

/** A case of a campaign, as a line of JSON: see docs/reference/results.md. Where all is as it should be, its place names it. */
export function caseLine({ batch, index, call, results }: Judged, seed: number): string {
  const failing = results.flatMap(({ contender, verdict, finding }) => {
    if (verdict.verdict !== 'mismatch') return [];
    const { kind, reason } = verdict;
    const id = finding?.counterexample.id ?? null;
    return [[contender.name, { kind, reason, id, knownIssue: finding?.knownIssue?.id ?? null }] as const];
  });
  return JSON.stringify({
    schema: 'convdiff/judged@1',
    seed,
    batch,
    index,
    op: call.case.op,
    results: Object.fromEntries(results.map(({ contender, verdict }) => [contender.name, verdict.verdict])),
    ...(failing.length === 0 ? {} : { failures: Object.fromEntries(failing), case: call.case }),
  });
}
