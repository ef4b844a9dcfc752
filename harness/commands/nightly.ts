import { join } from 'node:path';
import { canary } from '../backends/index.ts';
import { type Source, sourceOf } from '../backends/source.ts';
import { Campaign, type CampaignResult, type Shard } from '../campaign/campaign.ts';
import type { Finding } from '../campaign/findings.ts';
import { knownClasses } from '../campaign/known.ts';
import type { Contender, Session } from '../campaign/session.ts';
import type { OpName } from '../core/case.ts';
import { historyName, type Night, nextBatch, nightSchema, readHistory, writeHistory } from '../night/history.ts';
import { keptFor, type Replayed, replayKept } from '../night/saved.ts';
import type { Report } from '../report/report.ts';
import { groupDigits, plural } from '../report/words.ts';
import type { Counterexample } from '../store/counterexample.ts';
import { type KnownIssue, readKnownIssues } from '../store/knownIssues.ts';
import { checkWritable, type Store } from '../store/store.ts';
import { type Budget, budgetOf, budgetWords, shareOf, tellFailure, verdictOf } from './budget.ts';
import { leaveSignal, reportFor, sparingly, withSession } from './context.ts';
import { type FuzzOptions, replayHint } from './fuzz.ts';
import {
  backendsOf,
  type CommonOptions,
  campaignOps,
  caseTimeoutOf_ms,
  knownIssuesFolder,
  reportFolderOf,
  seedOf,
  shardOf,
  storeOf,
  workingFolder,
} from './options.ts';

export interface NightlyOptions extends FuzzOptions {
  report?: string;
}

/** The seed of all nights where nobody names one: shards need the same. */
const defaultSeed = '1';
/** Within so many cases the canary has to be found. */
const canaryBound = 2048;
/** What is kept may take this share of the time. */
const keptShare = 0.5;
/** So much of the time is left for what is being shrunk when the hunt ends, and to write things down. */
const writing_ms = 3000;
/** Off a terminal, progress is one line in so much time. */
const plainEvery_ms = 10_000;

/** What a night has to go on. */
interface Plan {
  ops: readonly OpName[];
  seed: number;
  shard: Shard;
  /** The first batch that is not known to have run. */
  from: number;
  budget: Budget;
  started: Date;
  /** When it began, on performance.now's clock. */
  started_ms: number;
  store: Store;
  /** The signatures that the store has already. */
  saved: ReadonlySet<string>;
  knownIssues: readonly KnownIssue[];
  counterexamples: readonly Counterexample[];
  history: readonly Night[];
  historyFile: string;
  signal: AbortSignal;
  format: CommonOptions['format'];
}

/** A night: what is kept runs again, the hunt goes on, and both are remembered; see docs/how-to/nightly.md. Returns the exit code. */
export async function nightly(options: NightlyOptions): Promise<number> {
  const [started, started_ms] = [new Date(), performance.now()];
  const cwd = workingFolder();
  const given = { ...options, seed: options.seed ?? defaultSeed };
  const seed = seedOf(given);
  const store = storeOf(options, cwd);
  store.checkWritable();
  const folder = reportFolderOf(options, cwd);
  checkWritable(folder, 'report', '--report');
  const historyFile = join(folder, historyName);
  const history = readHistory(historyFile);
  const counterexamples = store.list().map(({ counterexample }) => counterexample);
  const plan: Plan = {
    ops: campaignOps(options),
    seed,
    shard: shardOf(given),
    from: nextBatch(history, seed),
    budget: budgetOf(options),
    started,
    started_ms,
    store,
    saved: new Set(counterexamples.map(({ signature }) => signature)),
    knownIssues: readKnownIssues(knownIssuesFolder),
    counterexamples,
    history,
    historyFile,
    signal: leaveSignal(),
    format: options.format,
  };
  const report = reportFor(options.format, (finding) => replayHint(finding, options, cwd));
  const backends: Source[] = backendsOf(options).map((word) => sourceOf(word, cwd));
  const session = {
    backends: [...backends, { kind: 'built-in' as const, builtIn: canary }],
    caseTimeout_ms: caseTimeoutOf_ms(options),
    cwd,
    oracle: options.oracle,
  };
  return withSession(session, { report, format: options.format, seed }, async (opened) => {
    const names = contendersOf(opened).map(({ name }) => name);
    const budget = budgetWords(plan.budget, plan.shard);
    report.begin(seed, plan.ops, names, `${budget}, from batch ${groupDigits(plan.from)} on`);
    const { index, count } = plan.shard;
    // Each shard has its part of these, too.
    const own = keptFor(opened, counterexamples, plan.knownIssues).filter((_, i) => i % count === index);
    const tell = sparingly(plainEvery_ms);
    const kept = await replayKept(own, {
      session: opened,
      history,
      end_ms: started_ms + keptShare * (plan.budget.time_ms ?? Number.POSITIVE_INFINITY),
      signal: plan.signal,
      onProgress: (done, of) => tell(`${groupDigits(done)} of ${groupDigits(of)} kept failures have run again`),
    });
    const say = options.format === 'jsonl' ? process.stderr : process.stdout;
    say.write(
      keptLines(kept)
        .map((line) => `${line}\n`)
        .join(''),
    );
    const result = await hunt(opened, plan, report);
    return close(result, kept, opened, plan, report);
  });
}

/** All but the canary. */
function contendersOf({ contenders }: Session): Contender[] {
  return contenders.filter(({ name }) => name !== canary.name);
}

/** What is to be said of what is kept, regressions first; what fails as it did is only counted. */
function keptLines(kept: readonly Replayed[]): string[] {
  const words = ({ what, title, reason }: Replayed) => `${what} ${title}: ${reason}`;
  const those = (holds: (one: Replayed) => boolean, begin: string, end = '') =>
    kept.filter(holds).map((one) => `${begin} ${words(one)}${end}`);
  const still = kept.filter(({ standing, regressed }) => standing === 'fails' && !regressed).length;
  return [
    ...those(({ regressed }) => regressed, 'REGRESSION'),
    ...those(({ standing }) => standing === 'fixed', 'fixed', '; delete its file'),
    ...those(({ standing }) => standing === 'undecided', 'undecided'),
    ...those(({ standing }) => standing === 'left out', 'left out'),
    ...(kept.length === 0 ? [] : [`${groupDigits(still)} of ${plural(kept.length, 'kept failure')} fail as they did`]),
  ];
}

function hunt(session: Session, plan: Plan, report: Report): Promise<CampaignResult> {
  const { ops, seed, shard, from, budget, started_ms, store, saved, knownIssues, counterexamples, signal, format } =
    plan;
  const names = contendersOf(session).map(({ name }) => name);
  const { runs, time_ms } = budget;
  const left_ms = time_ms === null ? null : Math.max(1, time_ms - writing_ms - (performance.now() - started_ms));
  return new Campaign({
    session,
    ops,
    seed,
    shard,
    from,
    runs,
    time_ms: left_ms,
    knownClasses: knownClasses(counterexamples, knownIssues, names),
    canary: canary.name,
    store,
    knownIssues,
    signal,
    onProgress: (now) => report.progress(now, shareOf(now, { runs, time_ms: left_ms }, shard)),
    onFinding: (finding) => {
      const { signature } = finding.counterexample;
      // Once is enough for people; programs get it every night.
      if (saved.has(signature) && format === 'pretty') process.stdout.write(`still there: ${signature}\n`);
      else report.finding(finding);
    },
  }).run();
}

/** Whether the canary should have been found by now and was not. */
function isBlind({ cases, canary: found }: CampaignResult): boolean {
  return found === null ? cases >= canaryBound : found > canaryBound;
}

/** Remembers the night, says how it ended, and returns the exit code. */
function close(
  result: CampaignResult,
  kept: readonly Replayed[],
  session: Session,
  plan: Plan,
  report: Report,
): number {
  const { known, old, fresh } = sorted(result.findings, plan);
  const failing = kept.filter(({ what, standing }) => what === 'counterexample' && standing === 'fails');
  const bad = new Set([...fresh, ...old, ...failing.map(({ key }) => key)]);
  const returned = kept.filter(({ regressed, what }) => regressed && what === 'known issue').length;
  const verdict = verdictOf(result, plan.budget, bad.size + returned);
  const isTrusted = verdict.exit === 3 || !isBlind(result);
  const exit = isTrusted ? verdict.exit : 3;
  const why = isTrusted ? (verdict.why ?? canaryWords(result)) : blindWords(result);
  const seconds = (performance.now() - plan.started_ms) / 1000;
  const night: Night = {
    schema: nightSchema,
    started: plan.started.toISOString(),
    seconds,
    seed: plan.seed,
    shard: [plan.shard.index + 1, plan.shard.count],
    from: plan.from,
    next: result.next,
    cases: result.cases,
    canary: result.canary,
    backends: contendersOf(session).map(({ name, version }) => {
      const { agree, mismatch, unsupported, unknown: doubtful, vacuous, benched } = result.tallies.get(name)!;
      return { name, version, agree, mismatch, unsupported, unknown: doubtful, vacuous, benched };
    }),
    saved: kept.map(({ key, standing }) => ({ key, standing })),
    known,
    old,
    fresh,
    exit,
  };
  writeHistory(plan.historyFile, [...plan.history, night]);
  report.end({
    seed: plan.seed,
    cases: result.cases,
    comparisons: verdict.comparisons,
    seconds,
    counterexamples: bad.size,
    known: known.length,
    exit,
    tallies: result.tallies,
    why,
  });
  tellFailure(result);
  return exit;
}

function blindWords({ cases }: CampaignResult): string {
  return `the harness cannot be trusted: in ${groupDigits(cases)} cases it did not find its canary, a backend with a bug`;
}

function canaryWords({ canary: found, cases }: CampaignResult): string {
  return found === null
    ? `the canary was not found in ${plural(cases, 'case')}: too few to say anything`
    : `the canary was found after ${plural(found, 'case')}`;
}

/** Signatures of what the hunt found. */
function sorted(findings: readonly Finding[], { saved }: Plan): Pick<Night, 'known' | 'old' | 'fresh'> {
  const signatures = (holds: (finding: Finding) => boolean) =>
    findings.filter(holds).map(({ counterexample: { signature } }) => signature);
  return {
    known: signatures(({ knownIssue }) => knownIssue !== null),
    old: signatures(({ knownIssue, counterexample }) => knownIssue === null && saved.has(counterexample.signature)),
    fresh: signatures(({ knownIssue, counterexample }) => knownIssue === null && !saved.has(counterexample.signature)),
  };
}
