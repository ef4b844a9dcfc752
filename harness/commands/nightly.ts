import { appendFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { canary } from '../backends/index.ts';
import { type Source, sourceOf } from '../backends/source.ts';
import { Campaign, type CampaignResult, type Progress, type Shard } from '../campaign/campaign.ts';
import type { Finding } from '../campaign/findings.ts';
import { knownClasses } from '../campaign/known.ts';
import { type Contender, retriedOf, type Session } from '../campaign/session.ts';
import type { OpName } from '../core/case.ts';
import { evidenceOf, programsFor } from '../night/evidence.ts';
import { CaseLines, putAway, putAwayOthers, writeReport } from '../night/folder.ts';
import {
  historyName,
  type Night,
  nextBatch,
  nightSchema,
  readHistory,
  settledKey,
  toldIn,
  untoldIn,
} from '../night/history.ts';
import { remember } from '../night/merge.ts';
import { type NightFinding, type NightReport, nightReportSchema } from '../night/nightReport.ts';
import { Recorder } from '../night/recorder.ts';
import { keptFor, type Replayed, replayKept } from '../night/saved.ts';
import { caseLine } from '../report/caseLine.ts';
import type { Programs } from '../report/failure.ts';
import { annotations, summaryMarkdown } from '../report/github.ts';
import type { Report, Standing } from '../report/report.ts';
import { groupDigits, plural } from '../report/words.ts';
import { type KnownIssue, readKnownIssues } from '../store/knownIssues.ts';
import { checkWritable, type Saved, type Store } from '../store/store.ts';
import { type Budget, budgetOf, budgetWords, shareOf, tellFailure, verdictOf } from './budget.ts';
import { atTimes, commandPrefix, leaveSignal, quoted, reportFor, sparingly, withSession } from './context.ts';
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
/** What was seen so far is remembered so often, for whoever goes on where the process is killed. */
const rememberedEvery_ms = 5000;
/** Programs that show what was found take so much of the time at most, and one may take so long. */
const programsShare = 0.2;
const program_ms = 25_000;
/** Results for the report's pictures are waited for so long, or for this share of the time: what a backend has yet to do comes before. */
const shownLeast_ms = 1000;
const shownShare = 0.01;
/** Off a terminal, progress is one line in so much time. */
const plainEvery_ms = 10_000;

/** What a night has to go on. */
interface Plan {
  ops: readonly OpName[];
  seed: number;
  shard: Shard;
  /** The first batch that is not known to have run, and the first of its shard that is not. */
  from: number;
  start: number;
  budget: Budget;
  started: Date;
  /** When it began, on performance.now's clock. */
  started_ms: number;
  store: Store;
  /** The signatures that have been told of; what this night makes of what was saved as it stood is added. */
  saved: Set<string>;
  knownIssues: readonly KnownIssue[];
  counterexamples: readonly Saved[];
  history: readonly Night[];
  /** Where the history and the report are. */
  folder: string;
  signal: AbortSignal;
  /** What is typed to see a finding again. */
  commandOf(finding: Finding): string;
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
  const history = readHistory(join(folder, historyName));
  const counterexamples = store.list();
  const [told, untold] = [toldIn(history), untoldIn(history)];
  // What was saved as it stood has been told of only where its night came to an end.
  const isTold = ({ counterexample: { signature, shrunk } }: Saved) =>
    !untold.has(signature) && (shrunk || told.has(signature));
  const shard = shardOf(given);
  const plan: Plan = {
    ops: campaignOps(options),
    seed,
    shard,
    from: nextBatch(history, seed),
    start: nextBatch(history, seed, shard),
    budget: budgetOf(options),
    started,
    started_ms,
    store,
    saved: new Set(counterexamples.filter(isTold).map(signatureOf)),
    knownIssues: readKnownIssues(knownIssuesFolder),
    counterexamples,
    history,
    folder,
    signal: leaveSignal(),
    commandOf: (finding) =>
      finding.knownIssue === null
        ? replayHint(finding, options, cwd)
        : `${commandPrefix(cwd)} replay ${quoted(relative(cwd, join(knownIssuesFolder, `${finding.knownIssue.id}.json`)))}`,
    format: options.format,
  };
  const report = reportFor(options.format, plan.commandOf);
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
    report.begin(seed, plan.ops, names, `${budget}, from batch ${groupDigits(plan.start)} on`);
    const { index, count } = plan.shard;
    // Each shard has its part of these, too.
    const own = keptFor(
      opened,
      counterexamples.map(({ counterexample }) => counterexample),
      plan.knownIssues,
    ).filter((_, i) => i % count === index);
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
    await putAway(folder, history.at(-1)?.started ?? null);
    const seen: Seen = { recorder: new Recorder(), programs: new Map(), kept, settled: [] };
    const result = await hunt(opened, plan, seen, report);
    return close(result, seen, opened, plan, report);
  });
}

const signatureOf = ({ counterexample }: Pick<Saved, 'counterexample'>) => counterexample.signature;

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
    ...(kept.length === 0
      ? []
      : [
          `${groupDigits(still)} of ${plural(kept.length, 'kept failure')} ${still === 1 ? 'fails as it' : 'fail as they'} did`,
        ]),
  ];
}

/** What is kept of a night for its report. */
interface Seen {
  recorder: Recorder;
  /** By finding, what was seen to show it. */
  programs: Map<Finding, Programs>;
  kept: readonly Replayed[];
  /** What had been saved as it stood and needs that no more. */
  settled: Saved[];
}

async function hunt(session: Session, plan: Plan, seen: Seen, report: Report): Promise<CampaignResult> {
  const {
    ops,
    seed,
    shard,
    from,
    start,
    budget,
    started_ms,
    store,
    saved,
    knownIssues,
    counterexamples,
    signal,
    format,
  } = plan;
  const { runs, time_ms } = budget;
  const left_ms = time_ms === null ? null : Math.max(1, time_ms - writing_ms - (performance.now() - started_ms));
  const hunt_ms = performance.now();
  const lines = new CaseLines(plan.folder);
  const rememberNow = (now: Progress) =>
    remember(join(plan.folder, historyName), nightOf(now, seen, session, plan, null), plan.history);
  const rememberSometimes = atTimes(rememberedEvery_ms, rememberNow);
  let last: Progress | null = null;
  let programs_ms = 0;
  try {
    return await new Campaign({
      session,
      ops,
      seed,
      shard,
      from,
      start,
      runs,
      time_ms: left_ms,
      knownClasses: knownClasses(
        counterexamples.map(({ counterexample }) => counterexample),
        knownIssues,
        contendersOf(session).map(({ name }) => name),
      ),
      again: counterexamples
        .filter((one) => !one.counterexample.shrunk || !saved.has(signatureOf(one)))
        .filter((_, i) => i % shard.count === shard.index),
      onAgain: (before, finding) => {
        if (finding === null) return;
        if (saved.has(signatureOf(before))) saved.add(signatureOf(finding));
        // What is saved as it stood in its place, under another name, is gone on with.
        if (!before.counterexample.shrunk && finding.file !== before.file) seen.settled.push(before);
      },
      canary: canary.name,
      store,
      knownIssues,
      signal,
      onProgress: (now) => {
        report.progress(now, shareOf(now, { runs, time_ms: left_ms }, shard));
        rememberSometimes(now);
        last = now;
      },
      onCase: (judged) => {
        seen.recorder.add(judged, (performance.now() - hunt_ms) / 1000);
        lines.add(caseLine(judged, seed));
      },
      onFinding: async (finding, again) => {
        if (last !== null) rememberNow(last);
        const { signature } = finding.counterexample;
        // What had been told of under the signature of what was saved as it stood is nothing new.
        const isOld = saved.has(signature) || (again !== null && saved.has(signatureOf(again)));
        // Once is enough for people; programs get it every night.
        if (isOld && format === 'pretty') process.stdout.write(`still there: ${signature}\n`);
        else report.finding(finding, standingOf(signature, isOld, seen));
        const isTime =
          left_ms === null ||
          (programs_ms < programsShare * left_ms && performance.now() - hunt_ms < left_ms - program_ms);
        if (isOld || finding.knownIssue !== null || session.oracle.name !== 'pytorch' || !isTime || signal.aborted)
          return;
        const before_ms = performance.now();
        seen.programs.set(finding, await programsFor(finding, contenderOf(session, finding), session));
        programs_ms += performance.now() - before_ms;
      },
    }).run();
  } finally {
    lines.close();
  }
}

/** How what fails stands to the nights before. */
function standingOf(signature: string, isOld: boolean, { kept }: Seen): Standing {
  if (kept.some(({ key, regressed }) => regressed && key === signature)) return 'regression';
  return isOld ? 'old' : 'new';
}

function contenderOf({ contenders }: Session, { counterexample }: Finding): Contender {
  return contenders.find(({ name }) => name === counterexample.backend)!;
}

/** Whether the canary should have been found by now and was not. */
function isBlind({ cases, canary: found }: CampaignResult): boolean {
  return found === null ? cases >= canaryBound : found > canaryBound;
}

/** Remembers the night, writes its report, says how it ended, and returns the exit code. */
async function close(
  result: CampaignResult,
  seen: Seen,
  session: Session,
  plan: Plan,
  report: Report,
): Promise<number> {
  const { kept } = seen;
  const { known, old, fresh } = sorted(result.findings, plan);
  const isGone = (signature: string) => seen.settled.some((one) => signatureOf(one) === signature);
  const failing = kept.filter(
    ({ what, standing, key }) => what === 'counterexample' && standing === 'fails' && !isGone(key),
  );
  const bad = new Set([...fresh, ...old, ...failing.map(({ key }) => key)]);
  const returned = kept.filter(({ regressed, what }) => regressed && what === 'known issue').length;
  const verdict = verdictOf(result, plan.budget, bad.size + returned);
  const isTrusted = verdict.exit === 3 || !isBlind(result);
  const exit = isTrusted ? verdict.exit : 3;
  const why = isTrusted ? (verdict.why ?? canaryWords(result)) : blindWords(result);
  const night = nightOf(result, seen, session, plan, exit);
  const history = remember(join(plan.folder, historyName), night, plan.history);
  const written = await reportOf(night, verdict.why, result, seen, session, plan);
  await putAwayOthers(plan.folder, night.started);
  const page = writeReport(plan.folder, [written], history);
  const toldOf = new Set([...fresh, ...old]);
  const failingStill = new Set(failing.map(({ key }) => key).filter((key) => !toldOf.has(key)));
  for (const one of plan.counterexamples) {
    const signature = signatureOf(one);
    if (failingStill.has(signature)) report.saved(one, standingOf(signature, plan.saved.has(signature), seen));
  }
  report.end({
    seed: plan.seed,
    cases: result.cases,
    comparisons: verdict.comparisons,
    seconds: night.seconds,
    counterexamples: bad.size,
    known: known.length,
    exit,
    tallies: result.tallies,
    retried: retriedOf(contendersOf(session)),
    why,
    regressions: kept.filter(({ regressed }) => regressed).map(({ key }) => key),
    fixed: kept.filter(({ standing }) => standing === 'fixed').map(({ key }) => key),
  });
  const say = plan.format === 'jsonl' ? process.stderr : process.stdout;
  say.write(`the report is ${page}\n`);
  tellGitHub(written, say);
  tellFailure(result);
  return exit;
}

/** How a night stands, or ended. */
function nightOf(
  { findings, tallies, next, cases, canary: found }: Progress,
  { kept, settled }: Seen,
  session: Session,
  plan: Plan,
  exit: number | null,
): Night {
  return {
    schema: nightSchema,
    started: plan.started.toISOString(),
    seconds: (performance.now() - plan.started_ms) / 1000,
    seed: plan.seed,
    shard: [plan.shard.index + 1, plan.shard.count],
    from: plan.start,
    next,
    cases,
    canary: found,
    backends: contendersOf(session).map(({ name, version, runner: { retried } }) => {
      const { agree, mismatch, unsupported, unknown: doubtful, vacuous, benched } = tallies.get(name)!;
      const counts = { agree, mismatch, unsupported, unknown: doubtful, vacuous, benched };
      return { name, version, ...counts, ...(retried > 0 ? { retried } : {}) };
    }),
    saved: kept.map(({ key, standing }) => ({ key, standing })),
    ...sorted(findings, plan),
    ...(settled.length === 0 ? {} : { settled: settled.map(({ counterexample }) => settledKey(counterexample)) }),
    exit,
  };
}

async function reportOf(
  night: Night,
  why: string | null,
  { findings, seconds }: CampaignResult,
  { recorder, programs, kept }: Seen,
  session: Session,
  plan: Plan,
): Promise<NightReport> {
  const { budget, signal } = plan;
  const isLimited = budget.time_ms !== null || signal.aborted;
  const left_ms = isLimited ? Math.max(shownLeast_ms, shownShare * (budget.time_ms ?? 0)) : Number.POSITIVE_INFINITY;
  const end_ms = performance.now() + left_ms;
  const shown: NightFinding[] = [];
  for (const finding of findings) {
    const { counterexample, knownIssue, file, times } = finding;
    const { schema: _, shrunk: _shrunk, oracle: _oracle, module: _module, program: _program, ...told } = counterexample;
    const standing = knownIssue !== null ? 'known' : plan.saved.has(told.signature) ? 'old' : 'fresh';
    shown.push({
      ...told,
      standing,
      file,
      times,
      knownIssue: knownIssue && { id: knownIssue.id, title: knownIssue.title, upstream: knownIssue.upstream },
      ...(await evidenceOf(finding, contenderOf(session, finding), session, end_ms - performance.now())),
      programs: programs.get(finding) ?? { python: null, typescript: null },
      command: plan.commandOf(finding),
    });
  }
  const told = kept.map(({ key, what, title, standing, regressed, reason }) => ({
    key,
    what,
    title,
    standing,
    regressed,
    reason,
  }));
  return {
    schema: nightReportSchema,
    night,
    why,
    cells: recorder.cells,
    curves: [{ name: 'all', points: recorder.curve(seconds) }],
    findings: shown,
    kept: told,
  };
}

/** Annotations, and the summary of the step, where it runs on GitHub. */
function tellGitHub(report: NightReport, say: NodeJS.WritableStream): void {
  if (process.env.GITHUB_ACTIONS === 'true')
    say.write(
      annotations(report)
        .map((line) => `${line}\n`)
        .join(''),
    );
  const summary = process.env.GITHUB_STEP_SUMMARY;
  if (summary !== undefined && summary !== '') appendFileSync(summary, summaryMarkdown(report));
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
