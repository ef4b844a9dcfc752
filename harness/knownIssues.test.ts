import { afterAll, beforeAll, expect, test } from 'vitest';
import { shownHere } from './backends/here.ts';
import { replayOn } from './campaign/replay.ts';
import { type Contender, Session } from './campaign/session.ts';
import { featuresOf } from './campaign/signature.ts';
import { knownIssuesFolder } from './commands/options.ts';
import type { Verdict } from './core/verdict.ts';
import { type Call, prepare } from './operators/call.ts';
import { type KnownIssue, readKnownIssues, recognise, releaseOf } from './store/knownIssues.ts';

/*
 * Every known issue that comes with convdiff is there: its case fails, in the way that the file says, on each of its backends,
 * and a campaign would take the failure for this issue and no other.
 */

const issues = readKnownIssues(knownIssuesFolder);
const shown = issues.flatMap((issue) => shownHere(issue).map((backend) => [issue.id, backend] as const));
const backends = [...new Set(shown.map(([, backend]) => backend))];

let session: Session;
beforeAll(async () => {
  session = await Session.open({ backends, caseTimeout_ms: 10_000, cwd: process.cwd() });
});
afterAll(() => session?.close());

/** In the session's process where nothing has to run before, for starting one takes a second. */
async function verdictOn(issue: KnownIssue, call: Call, contender: Contender): Promise<Verdict> {
  if (issue.before.length > 0)
    return (await replayOn({ ...issue, kind: issue.kinds[0]! }, contender, session.oracle)).verdict;
  const [judgement] = await session.judge(call, [contender]);
  return judgement!.verdict;
}

test.each(shown)('%s, on %s', async (id, backend) => {
  const issue = issues.find((one) => one.id === id)!;
  const contender = session.contenders.find(({ name }) => name === backend)!;
  expect(issue.versions).toContain(releaseOf(contender.version));

  const call = prepare(issue.case);
  const verdict = await verdictOn(issue, call, contender);
  if (verdict.verdict !== 'mismatch') throw new Error(`expected a mismatch: ${JSON.stringify(verdict)}`);
  expect(issue.kinds).toContain(verdict.kind);

  const features = featuresOf(call, backend, verdict);
  const { version } = contender;
  expect(recognise(issues, { op: issue.case.op, backend, version, kind: verdict.kind, features })?.id).toBe(id);
});
