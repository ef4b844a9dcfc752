import { relative, resolve } from 'node:path';
import { Campaign, type CampaignResult, type Finding, type Progress, type Shard } from '../campaign/campaign.ts';
import { totalsOf } from '../campaign/tally.ts';
import { UsageError } from '../core/errors.ts';
import type { Report } from '../report/report.ts';
import { caseWords, durationWords, groupDigits } from '../report/words.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { commandPrefix, exitOf, leaveSignal, quoted, reportFor, withSession } from './context.ts';
import {
  backendsOf,
  type CommonOptions,
  caseTimeoutOf_ms,
  durationOf_ms,
  integerOf,
  knownIssuesFolder,
  opsOf,
  seedOf,
  shardOf,
  storeOf,
  workingFolder,
} from './options.ts';

export interface FuzzOptions extends CommonOptions {
  op?: string[];
  gradients?: true;
  runs?: string;
  time?: string;
  seed?: string;
  shard?: string;
  store?: string;
}

/** Cases where nobody names a budget. */
const defaultRuns = 10_000;

interface Budget {
  runs: number | null;
  time_ms: number | null;
}

function budgetOf({ runs, time }: FuzzOptions): Budget {
  if (runs === undefined && time === undefined) return { runs: defaultRuns, time_ms: null };
  return {
    runs: runs === undefined ? null : integerOf('--runs', runs, 1),
    time_ms: time === undefined ? null : durationOf_ms('--time', time),
  };
}

function budgetWords({ runs, time_ms }: Budget, { index, count }: Shard): string {
  const parts = [
    ...(runs === null ? [] : [`${groupDigits(runs)} cases`]),
    ...(time_ms === null ? [] : [durationWords(time_ms / 1000)]),
  ];
  return `${parts.join(' or ')}${count === 1 ? '' : `, shard ${index + 1} of ${count}`}`;
}

/** How much of the budget is used up, from 0 to 1; a shard has its part of the cases to run. */
function shareOf({ cases, seconds }: Progress, { runs, time_ms }: Budget, { count }: Shard): number {
  const ofRuns = runs === null ? 0 : (count * cases) / runs;
  const ofTime = time_ms === null ? 0 : (seconds * 1000) / time_ms;
  return Math.min(1, Math.max(ofRuns, ofTime));
}

/** A campaign; see docs/how-to/fuzz.md. Returns the exit code. */
export async function fuzz(options: FuzzOptions): Promise<number> {
  const cwd = workingFolder();
  if (options.gradients && options.oracle === 'tensorflow') {
    throw new UsageError('--oracle tensorflow has no gradients: take pytorch, reference or none');
  }
  const ops = opsOf(options.op, options.gradients);
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

/** Of what campaigns could not decide, the first case. */
function doubtOf({ tallies }: CampaignResult): string | null {
  const first = [...tallies.entries()].find(([, { doubt }]) => doubt !== null);
  if (first === undefined) return null;
  const [name, { doubt }] = first;
  return `${name}, ${caseWords(doubt!.case)}: ${doubt!.reason}`;
}

function shortfallOf({ end, cases }: CampaignResult, { runs }: Budget): string | null {
  const of = runs === null ? '' : ` of ${groupDigits(runs)}`;
  if (end === 'interrupted') return `interrupted after ${groupDigits(cases)}${of} cases`;
  if (end === 'time' && runs !== null) return `time was up after ${groupDigits(cases)}${of} cases`;
  if (end === 'no backend left') return `every backend was benched after ${groupDigits(cases)}${of} cases`;
  return null;
}

/** The command that replays a finding, to be typed where this one was. */
function replayHint({ counterexample }: Finding, options: FuzzOptions, cwd: string): string {
  const store =
    options.store === undefined ? '' : ` --store ${quoted(relative(cwd, resolve(cwd, options.store)) || '.')}`;
  const timeout = options.caseTimeout === undefined ? '' : ` --case-timeout ${quoted(options.caseTimeout)}`;
  return `${commandPrefix(cwd)} replay ${counterexample.id}${store}${timeout}`;
}
