import { existsSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import Table from 'cli-table3';
import { isSameSource, sourceOf } from '../backends/source.ts';
import type { Contender, Session } from '../campaign/session.ts';
import { type Comparison, type Counts, compareBackends, type Entry } from '../capability/comparison.ts';
import { standingVerbs } from '../capability/standing.ts';
import { UsageError } from '../core/errors.ts';
import { backendWords, countsWords, entryWords, evidenceWords } from '../report/boundaries.ts';
import { comparisonJson, comparisonLines } from '../report/comparisonJson.ts';
import { comparisonPage } from '../report/comparisonPage.ts';
import type { Programs } from '../report/failure.ts';
import { caseWords, durationWords, groupDigits, plural } from '../report/words.ts';
import type { Language } from '../repro/programs.ts';
import { provenProgram } from '../repro/run.ts';
import { writeAtomically } from '../store/atomic.ts';
import { type Counterexample, counterexampleSchema, originOf } from '../store/counterexample.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { checkWritable, Store } from '../store/store.ts';
import { commandPrefix, exitOf, leaveSignal, quoted, reportFor, sparingly, withSession } from './context.ts';
import {
  type CommonOptions,
  durationOf_ms,
  integerOf,
  knownIssuesFolder,
  opsOf,
  reportFolderOf,
  seedOf,
  workingFolder,
} from './options.ts';

export interface CompareOptions extends CommonOptions {
  against?: string[];
  op?: string[];
  runs?: string;
  seed?: string;
  report?: string;
}

/** Cases of all operators together, where nobody says otherwise. */
const defaultRuns = 7000;
/** Layers of known models take longer than a campaign's cases. */
const defaultTimeout_ms = 10_000;
/** What a backend dies of is learned and left out; so often it may die until then. */
const maxDeaths = 300;
/** Off a terminal, progress is one line in so much time. */
const plainEvery_ms = 5000;

/** What backends can do, where they are wrong, and how fast they are; see docs/how-to/compare.md. Returns the exit code. */
export async function compare(options: CompareOptions): Promise<number> {
  const cwd = workingFolder();
  if (options.backend === undefined) throw new UsageError('name the backend to look at with --backend');
  const ops = opsOf(options.op);
  const seed = seedOf(options);
  const runs = options.runs === undefined ? defaultRuns : integerOf('--runs', options.runs, 1);
  const caseTimeout_ms =
    options.caseTimeout === undefined ? defaultTimeout_ms : durationOf_ms('--case-timeout', options.caseTimeout);
  const knownIssues = readKnownIssues(knownIssuesFolder);
  const folder = options.report === undefined ? null : reportFolderOf(options, cwd);
  if (folder !== null) checkReport(folder);
  const report = reportFor(options.format, () => '');
  const signal = leaveSignal();
  const both = options.backend.find((word) =>
    options.against?.some((other) => isSameSource(sourceOf(word, cwd), sourceOf(other, cwd))),
  );
  if (both !== undefined)
    throw new UsageError(`${both} is to be put beside itself: --against must name another backend`);
  const backends = [...(options.against ?? []), ...options.backend];
  const session = { backends, caseTimeout_ms, cwd, maxDeaths, versions: true, oracle: options.oracle };
  const say = options.format === 'jsonl' ? process.stderr : process.stdout;
  return withSession(session, { report, format: options.format, seed }, async (opened) => {
    const bases = basesOf(opened, options.against ?? [], cwd);
    say.write(`seed ${seed}\n`);
    const perOperator = Math.ceil(runs / ops.length);
    say.write(
      `${opened.contenders.map(backendWords).join(', ')}: ${plural(perOperator, 'case')} of each of ${ops.join(' ')}\n`,
    );
    const tell = sparingly(plainEvery_ms);
    const comparison = await compareBackends({
      session: opened,
      bases,
      ops,
      seed,
      runs: perOperator,
      oracle: options.oracle ?? 'pytorch',
      knownIssues,
      signal,
      onProgress: (doing, share) => tell(`${share === null ? '' : `${Math.round(100 * share)} %, `}${doing}`),
      onEntry: (entry) => say.write(`${entryLines(entry).join('\n')}\n`),
    });
    say.write(`${closing(comparison)}\n`);
    if (folder !== null) {
      const page = await writeReport(comparison, { folder, session: opened, caseTimeout_ms, cwd });
      say.write(`the report is ${page}\n`);
    }
    const verdict = exitOf(endingOf(comparison));
    if (options.format === 'jsonl') process.stdout.write(comparisonLines(comparison, verdict.exit));
    if (verdict.why !== null) say.write(`${verdict.why}\n`);
    return verdict.exit;
  });
}

/** Before anything runs, that a report can be written. Throws UsageError. */
function checkReport(folder: string): void {
  checkWritable(folder, 'report', '--report');
  const page = join(folder, 'index.html');
  if (existsSync(page) && !statSync(page).isFile()) {
    throw new UsageError(`${page} is no file: name another folder with --report`);
  }
}

/** Writes the page, its data, and the smallest case of each entry as a file that `replay` takes. Returns the page's path. */
async function writeReport(
  comparison: Comparison,
  { folder, session, caseTimeout_ms, cwd }: { folder: string; session: Session; caseTimeout_ms: number; cwd: string },
): Promise<string> {
  const store = new Store(join(folder, 'cases'));
  store.checkWritable();
  // Those of an earlier report are not this one's.
  for (const { file } of store.named()) store.remove(file);
  const files = new Map<Entry, string>();
  const programs = new Map<Entry, Programs>();
  for (const entry of comparison.entries) {
    const contender = session.contenders.find(({ name }) => name === entry.backend)!;
    files.set(entry, store.save(counterexampleOf(entry, contender, comparison, store.folder)));
    process.stderr.write(`writing programs that show it: ${entry.backend}, ${entryWords(entry)}\n`);
    programs.set(entry, await programsOf(entry, caseTimeout_ms));
  }
  const command = (entry: Entry) => `${commandPrefix(cwd)} replay ${quoted(relative(cwd, files.get(entry)!))}`;
  const page = join(folder, 'index.html');
  writeAtomically(join(folder, 'compare.json'), comparisonJson(comparison));
  writeAtomically(page, comparisonPage({ comparison, programs, command }));
  return page;
}

async function programsOf({ finding }: Entry, caseTimeout_ms: number): Promise<Programs> {
  if (finding === null) return { python: null, typescript: null };
  const text = async (language: Language) => (await provenProgram(finding, language, caseTimeout_ms)).text;
  return { python: await text('python'), typescript: await text('typescript') };
}

function counterexampleOf(
  { id, op, kind, reason, elements, case: testCase, before }: Entry,
  { ownName, version, source }: Contender,
  { seed, oracle }: Comparison,
  storeFolder: string,
): Counterexample {
  return {
    schema: counterexampleSchema,
    id,
    signature: id,
    op,
    backend: ownName,
    version,
    kind: kind as Counterexample['kind'],
    reason,
    elements,
    case: testCase,
    before,
    shrunk: true,
    found: { seed, batch: 0, index: 0 },
    ...(oracle === 'pytorch' ? {} : { oracle }),
    ...originOf(source, storeFolder),
  };
}

/** The names of the backends that `--against` named. */
function basesOf({ contenders }: Session, against: readonly string[], cwd: string): ReadonlySet<string> {
  const named = against.map((word) => sourceOf(word, cwd));
  const own = contenders.filter(({ source }) => named.some((one) => isSameSource(one, source)));
  return new Set(own.map(({ name }) => name));
}

function entryLines(entry: Entry): string[] {
  const known = entry.knownIssue === null ? [] : [`    a known issue: ${entry.knownIssue.id}`];
  return [
    `${entry.backend}: ${entryWords(entry)}`,
    `    ${evidenceWords(entry)}`,
    `    ${caseWords(entry.case)}: ${entry.reason}`,
    ...known,
  ];
}

function closing({ tables, backends, elsewhere, speed, changes, seconds }: Comparison): string {
  const table = new Table({
    head: ['', ...backends.map(({ name }) => name)],
    style: { head: [], border: [], compact: true },
  });
  for (const { op, totals } of tables) table.push([op, ...backends.map(({ name }) => countsWords(totals[name] ?? {}))]);
  const [met, cases] = elsewhere.reduce(([a, b], { fresh }) => [a + fresh.happened, b + fresh.cases], [0, 0]);
  const fast = speed
    .filter(({ backend, base }) => backend !== base)
    .map(
      ({ layer, backend, base, ratio }) =>
        `${layer}: ${backend} takes ${ratio.median.toFixed(2)} of the time of ${base} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
    );
  const changed = changes.map(
    ({ op, against, backend, from, to, cases: count }) =>
      `${op}: in ${plural(count, 'case')} ${against} ${standingVerbs[from]}, ${backend} ${standingVerbs[to]}`,
  );
  return [
    table.toString(),
    ...(cases === 0
      ? []
      : [
          `outside of these rules ${groupDigits(cases - met)} of ${groupDigits(cases)} cases drawn to check them agree`,
        ]),
    ...changed,
    ...fast,
    `done in ${durationWords(seconds)}`,
  ].join('\n');
}

function endingOf({ entries, tables, backends, interrupted }: Comparison): Parameters<typeof exitOf>[0] {
  const looked = new Set(backends.filter(({ isBase }) => !isBase).map(({ name }) => name));
  const counted = (standing: keyof Counts) =>
    tables.reduce(
      (sum, { totals }) => sum + [...looked].reduce((all, name) => all + (totals[name]?.[standing] ?? 0), 0),
      0,
    );
  const fresh = entries.filter(
    ({ backend, standing, knownIssue }) => looked.has(backend) && standing !== 'unsupported' && knownIssue === null,
  );
  return {
    mismatches: fresh.length,
    unknown: counted('unknown'),
    oracleWrong: 0,
    compared: counted('agrees') + counted('wrong') + counted('refuses') + counted('crashes') + counted('takes'),
    shortfall: interrupted ? 'interrupted' : null,
  };
}
