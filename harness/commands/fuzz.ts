import { relative, resolve } from 'node:path';
import { Campaign, type CampaignResult } from '../campaign/campaign.ts';
import type { Finding } from '../campaign/findings.ts';
import { retriedOf, type Session } from '../campaign/session.ts';
import type { Report } from '../report/report.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { type Budget, type BudgetOptions, budgetOf, budgetWords, shareOf, tellFailure, verdictOf } from './budget.ts';
import { commandPrefix, leaveSignal, quoted, reportFor, withSession } from './context.ts';
import {
  backendsOf,
  type CommonOptions,
  campaignOps,
  caseTimeoutOf_ms,
  knownIssuesFolder,
  seedOf,
  shardOf,
  storeOf,
  workingFolder,
} from './options.ts';

export interface FuzzOptions extends CommonOptions, BudgetOptions {
  op?: string[];
  gradients?: true;
  seed?: string;
  shard?: string;
  store?: string;
}

/** A campaign; see docs/how-to/fuzz.md. Returns the exit code. */
export async function fuzz(options: FuzzOptions): Promise<number> {
  const cwd = workingFolder();
  const ops = campaignOps(options);
  const seed = seedOf(options);
  const shard = shardOf(options);
  const budget = budgetOf(options);
  const caseTimeout_ms = caseTimeoutOf_ms(options);
  const store = storeOf(options, cwd);
  store.checkWritable();
  const knownIssues = readKnownIssues(knownIssuesFolder);

  const report = reportFor(options.format, (finding) => replayHint(finding, options, cwd));
  const signal = leaveSignal();
  const backends = backendsOf(options);
  const { oracle } = options;
  return withSession(
    { backends, caseTimeout_ms, cwd, oracle },
    { report, format: options.format, seed },
    async (session) => {
      const names = session.contenders.map(({ name }) => name);
      report.begin(seed, ops, names, budgetWords(budget, shard));
      const campaign = new Campaign({
        session,
        ops,
        seed,
        ...budget,
        shard,
        store,
        knownIssues,
        signal,
        onProgress: (progress) => report.progress(progress, shareOf(progress, budget, shard)),
        onFinding: (finding) => report.finding(finding),
      });
      return finish(await campaign.run(), session, report, budget);
    },
  );
}

function finish(result: CampaignResult, session: Session, report: Report, budget: Budget): number {
  const fresh = result.findings.filter(({ knownIssue }) => knownIssue === null).length;
  const { seed, cases, seconds, tallies } = result;
  const verdict = verdictOf(result, budget, fresh);
  const known = result.findings.length - fresh;
  const retried = retriedOf(session.contenders);
  report.end({ seed, cases, seconds, counterexamples: fresh, known, tallies, retried, ...verdict });
  tellFailure(result);
  return verdict.exit;
}

/** The command that replays a finding, to be typed where this one was. */
export function replayHint({ counterexample }: Finding, options: FuzzOptions, cwd: string): string {
  const store =
    options.store === undefined ? '' : ` --store ${quoted(relative(cwd, resolve(cwd, options.store)) || '.')}`;
  const timeout = options.caseTimeout === undefined ? '' : ` --case-timeout ${quoted(options.caseTimeout)}`;
  return `${commandPrefix(cwd)} replay ${counterexample.id}${store}${timeout}`;
}
