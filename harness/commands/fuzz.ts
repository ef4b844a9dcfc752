import { relative, resolve } from 'node:path';
import { Campaign, type CampaignResult, type Finding } from '../campaign/campaign.ts';
import { totalsOf } from '../campaign/tally.ts';
import type { Report } from '../report/report.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { type Budget, type BudgetOptions, budgetOf, budgetWords, doubtOf, shareOf, shortfallOf } from './budget.ts';
import { commandPrefix, exitOf, leaveSignal, quoted, reportFor, withSession } from './context.ts';
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
      return finish(await campaign.run(), report, budget);
    },
  );
}

function finish(result: CampaignResult, report: Report, budget: Budget): number {
  const { comparisons, compared, unknown, oracleWrong } = totalsOf(result.tallies.values());
  const fresh = result.findings.filter(({ knownIssue }) => knownIssue === null).length;
  const verdict = exitOf({
    mismatches: fresh,
    unknown,
    oracleWrong,
    doubt: doubtOf(result),
    compared,
    shortfall: shortfallOf(result, budget),
  });
  report.end({
    seed: result.seed,
    cases: result.cases,
    comparisons,
    seconds: result.seconds,
    counterexamples: fresh,
    known: result.findings.length - fresh,
    exit: result.failure === null ? verdict.exit : 3,
    tallies: result.tallies,
    why: result.failure === null ? verdict.why : result.failure.message.split('\n')[0]!,
  });
  if (result.failure === null) return verdict.exit;
  process.stderr.write(`convdiff: ${result.failure.message}\n`);
  return 3;
}

/** The command that replays a finding, to be typed where this one was. */
export function replayHint({ counterexample }: Finding, options: FuzzOptions, cwd: string): string {
  const store =
    options.store === undefined ? '' : ` --store ${quoted(relative(cwd, resolve(cwd, options.store)) || '.')}`;
  const timeout = options.caseTimeout === undefined ? '' : ` --case-timeout ${quoted(options.caseTimeout)}`;
  return `${commandPrefix(cwd)} replay ${counterexample.id}${store}${timeout}`;
}
