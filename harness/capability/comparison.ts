import { caseOf } from '../campaign/plan.ts';
import type { Contender, Session } from '../campaign/session.ts';
import { featuresOf, idOf, type Mismatch, signatureOf } from '../campaign/signature.ts';
import type { Failure } from '../campaign/trial.ts';
import type { Case, OpName } from '../core/case.ts';
import type { OracleName } from '../core/outcome.ts';
import { modelOf } from '../coverage/coverage.ts';
import { prepare } from '../operators/call.ts';
import { operatorOf } from '../operators/index.ts';
import { find } from '../repro/find.ts';
import type { Finding } from '../repro/finding.ts';
import { elementsOf } from '../store/counterexample.ts';
import { type KnownIssue, recognise } from '../store/knownIssues.ts';
import { meets, place } from './learn.ts';
import { leastOf, smallestFrom, smallestOf } from './smallest.ts';
import { type Speed, speeds } from './speed.ts';
import { type Standing, standings, standingVerbs } from './standing.ts';
import { type Boundary, type Findings, laterThan, type Observation, type Share, Survey, shareOf } from './survey.ts';

/* What a comparison comes to: all that its reports are made of. */

export const comparisonSchema = 'convdiff/compare@1';

/** Cases by what became of them. */
export type Counts = Partial<Record<Standing, number>>;

/** The cases of an operator by class, as far as they are neither broken nor bent on purpose. */
export interface Table {
  op: OpName;
  totals: Record<string, Counts>;
  dimensions: { name: string; classes: { name: string; counts: Record<string, Counts> }[] }[];
}

/** Something that a backend does not do as PyTorch does, where, and the smallest case of it. */
export interface Entry {
  backend: string;
  op: OpName;
  standing: Standing;
  /** What must hold of a call; empty: nothing. Null where no rule was found: it happens now and then. */
  conditions: readonly string[] | null;
  /** The shares are of cases without special values, which hide it. */
  plainValues: boolean;
  /** In the cases of the survey that it is about. */
  seen: Share;
  /** In fresh ones; null where there were none. */
  fresh: Share | null;
  /** A short name, from what the smallest case needs. */
  id: string;
  kind: string;
  reason: string;
  case: Case;
  before: readonly Case[];
  elements: number;
  knownIssue: { id: string; title: string; upstream: string | null } | null;
  /** The other backends that did the same, in most of the cases that it is about. */
  alsoOn: readonly string[];
  /** Seen once more, with both results; null where it could not be. */
  finding: Finding | null;
}

/** The largest error of results whose elements sum up so many products, as a share of what rounding explains. */
export interface ErrorBand {
  backend: string;
  /** From this many products to less than twice as many. */
  taps: number;
  cases: number;
  median: number;
  worst: number;
}

/** Cases that two backends stand differently to. */
export interface Change {
  op: OpName;
  against: string;
  backend: string;
  from: Standing;
  to: Standing;
  cases: number;
}

export interface Comparison {
  schema: typeof comparisonSchema;
  seed: number;
  oracle: OracleName;
  seconds: number;
  cases: number;
  backends: { name: string; version: string; isBase: boolean }[];
  tables: Table[];
  entries: Entry[];
  /** Cases that meet no rule of their backend and operator, drawn after the rules were made, and how many of them are no agreement. */
  elsewhere: { backend: string; op: OpName; fresh: Share }[];
  errors: ErrorBand[];
  speed: Speed[];
  changes: Change[];
  interrupted: boolean;
}

export interface CompareOptions {
  session: Session;
  /** The names of backends that are only there to be compared with. */
  bases: ReadonlySet<string>;
  ops: readonly OpName[];
  seed: number;
  /** Cases of each operator. */
  runs: number;
  oracle: OracleName;
  knownIssues: readonly KnownIssue[];
  signal: AbortSignal;
  onProgress(doing: string, share: number | null): void;
  onEntry(entry: Entry): void;
}

/** Of failures that no rule explains, so many are shrunk for each operator and backend. */
const mostUnexplained = 2;

/** Finds out what backends can do, where they are wrong, and how fast they are. Throws HarnessError. */
export async function compareBackends(options: CompareOptions): Promise<Comparison> {
  const { session, bases, ops, seed, runs, oracle, knownIssues, signal, onProgress } = options;
  const started_ms = performance.now();
  const survey = new Survey({
    session,
    ops,
    seed,
    runs,
    signal,
    onProgress: (op, share) => onProgress(`running cases of ${op}`, share),
  });
  await survey.run();
  const names = session.contenders.map(({ name }) => name);
  const tables = ops.map((op) => tableOf(op, names, survey));
  const errors = names.flatMap((backend) => errorBands(backend, ops, survey));
  const changes = changesOf(options, survey);
  const entries: Entry[] = [];
  const elsewhere: Comparison['elsewhere'] = [];
  for (const contender of session.contenders) {
    for (const op of ops) {
      if (signal.aborted) {
        for (const entry of unlearned(contender, op, survey, knownIssues)) {
          entries.push(entry);
          options.onEntry(entry);
        }
        continue;
      }
      onProgress(`learning where ${contender.name} does what in ${op}`, null);
      const findings = await survey.learn(contender, op);
      elsewhere.push({ backend: contender.name, op, fresh: findings.elsewhere });
      for await (const entry of entriesOf(contender, op, findings, survey, options)) {
        entries.push(entry);
        options.onEntry(entry);
      }
    }
  }
  const contenders = [...session.contenders].sort((a, b) => Number(bases.has(b.name)) - Number(bases.has(a.name)));
  const speed = await speeds(session, ops, contenders, signal, (layer) => onProgress(`timing ${layer}`, null));
  return {
    schema: comparisonSchema,
    seed,
    oracle,
    seconds: (performance.now() - started_ms) / 1000,
    cases: runs * ops.length,
    backends: session.contenders.map(({ name, version }) => ({ name, version, isBase: bases.has(name) })),
    tables,
    entries,
    elsewhere,
    errors,
    speed,
    changes,
    interrupted: signal.aborted,
  };
}

function countsOf(observations: readonly Observation[]): Counts {
  const counts: Counts = {};
  for (const standing of standings) {
    const { happened } = shareOf(observations, standing);
    if (happened > 0) counts[standing] = happened;
  }
  return counts;
}

function tableOf(op: OpName, backends: readonly string[], survey: Survey): Table {
  const byBackend = (of: (observations: readonly Observation[]) => readonly Observation[]) =>
    Object.fromEntries(backends.map((name) => [name, countsOf(of(survey.of(name, op)))]));
  const { dimensions } = modelOf(operatorOf(op));
  return {
    op,
    totals: byBackend((observations) => observations),
    dimensions: dimensions.map(({ name, classes }) => ({
      name,
      classes: classes.map((one) => ({
        name: one,
        counts: byBackend((observations) => observations.filter(({ classes: of }) => of?.[name] === one)),
      })),
    })),
  };
}

function errorBands(backend: string, ops: readonly OpName[], survey: Survey): ErrorBand[] {
  const bands = new Map<number, number[]>();
  for (const { verdict, taps } of ops.flatMap((op) => survey.of(backend, op))) {
    if (verdict.verdict !== 'agree' || verdict.bound === 0 || taps === 0) continue;
    const from = 2 ** Math.floor(Math.log2(taps));
    bands.set(from, [...(bands.get(from) ?? []), verdict.worst / verdict.bound]);
  }
  return [...bands]
    .sort(([a], [b]) => a - b)
    .map(([taps, ratios]) => {
      ratios.sort((a, b) => a - b);
      const median = ratios[Math.floor(ratios.length / 2)]!;
      return { backend, taps, cases: ratios.length, median, worst: ratios.at(-1)! };
    });
}

function changesOf({ session, bases, ops }: CompareOptions, survey: Survey): Change[] {
  const changes = new Map<string, Change>();
  for (const op of ops) {
    for (const against of bases) {
      const before = new Map(survey.of(against, op).map(({ draw, standing }) => [draw, standing]));
      for (const { name: backend } of session.contenders.filter(({ name }) => !bases.has(name))) {
        for (const { draw, standing: to } of survey.of(backend, op)) {
          const from = before.get(draw);
          if (from === undefined || from === to) continue;
          const key = [op, against, backend, from, to].join(' ');
          const change = changes.get(key) ?? { op, against, backend, from, to, cases: 0 };
          change.cases += 1;
          changes.set(key, change);
        }
      }
    }
  }
  return [...changes.values()];
}

/** What is said of a backend and operator: its rules, what no rule explains, and what it makes of calls that are broken on purpose. */
async function* entriesOf(
  contender: Contender,
  op: OpName,
  { boundaries, unexplained }: Findings,
  survey: Survey,
  options: CompareOptions,
): AsyncGenerator<Entry> {
  const { session, signal } = options;
  const around = { contender, session, signal };
  const seen = survey.of(contender.name, op);
  for (const boundary of boundaries) {
    if (signal.aborted) return;
    options.onProgress(`shrinking a case of ${op} where ${contender.name} ${standingVerbs[boundary.standing]}`, null);
    const smallest = await smallestOf(boundary, seen, around);
    if (smallest === null) continue;
    const { standing, conjunction, fresh } = boundary;
    const conditions = place(conjunction).map(({ words }) => words);
    const plainValues = conjunction.some(({ ofSight }) => ofSight);
    const alsoOn = others(({ classes }) => classes !== null && meets(place(conjunction), classes), standing);
    yield entryOf({ standing, conditions, plainValues, alsoOn }, seenOf(boundary, seen), fresh, smallest);
  }
  for (const standing of standings) {
    const alike = unexplained.filter((one) => one.standing === standing);
    if (alike.length === 0) continue;
    const draws = new Set(alike.map(({ draw }) => draw));
    // Others were drawn near by, to learn from: these say nothing of how often it happens.
    const share = { happened: seen.filter(({ draw }) => draws.has(draw)).length, cases: seen.length };
    const alsoOn = others(({ draw }) => draws.has(draw), standing);
    const told = new Set<string>();
    for (const observation of alike.slice(0, mostUnexplained)) {
      if (signal.aborted) return;
      const smallest = await smallestFrom(observation, { op, conjunction: [] }, around);
      const rule = { standing, conditions: null, plainValues: false, alsoOn };
      const entry = await entryOf(rule, share, null, smallest);
      if (!told.has(entry.id)) yield entry;
      told.add(entry.id);
    }
  }
  yield* brokenCalls();

  /** Calls that are broken or bent on purpose, by what is wrong with them. */
  async function* brokenCalls(): AsyncGenerator<Entry> {
    const byTwist = new Map<string, Observation[]>();
    for (const observation of seen.filter(({ classes }) => classes === null)) {
      const twist = observation.draw.twist!.replace(/#\d+$/, '').trim();
      byTwist.set(twist, [...(byTwist.get(twist) ?? []), observation]);
    }
    for (const [twist, observations] of byTwist) {
      const draws = new Set(observations.map(({ draw }) => draw));
      for (const standing of ['refuses', 'takes', 'crashes', 'wrong'] as const) {
        const first = observations.find((one) => one.standing === standing);
        if (first === undefined || signal.aborted) continue;
        const smallest = await smallestFrom(first, { op, conjunction: [] }, around);
        const conditions = [twist.replace(/^break /, 'a broken rule: ').replace(/^oddity /, 'an oddity: ')];
        const alsoOn = others(({ draw }) => draws.has(draw), standing);
        const rule = { standing, conditions, plainValues: false, alsoOn };
        yield entryOf(rule, shareOf(observations, standing), null, smallest);
      }
    }
  }

  /** The other backends that stand so to most of those cases. */
  function others(isOne: (observation: Observation) => boolean, standing: Standing): string[] {
    const names = session.contenders.map(({ name }) => name).filter((name) => name !== contender.name);
    return names.filter((name) => {
      const { happened, cases } = shareOf(survey.of(name, op).filter(isOne), standing);
      return cases > 0 && happened >= cases / 2;
    });
  }

  async function entryOf(rule: Rule, seenShare: Share, fresh: Share | null, failure: Failure): Promise<Entry> {
    const finding = rule.standing === 'unsupported' ? null : await findingOf(failure);
    return madeOf({ contender, op, rule, seen: seenShare, fresh, failure, finding }, options.knownIssues);
  }

  async function findingOf({ call, mismatch, before }: Failure): Promise<Finding | null> {
    const found = await find({ case: call.case, before, kind: mismatch.kind }, contender, session.oracle);
    return typeof found === 'string' ? null : found;
  }
}

type Rule = Pick<Entry, 'standing' | 'conditions' | 'plainValues' | 'alsoOn'>;

interface Told extends Pick<Entry, 'op' | 'seen' | 'fresh' | 'finding'> {
  contender: Contender;
  rule: Rule;
  failure: Failure;
}

function madeOf(
  { contender, op, rule, seen, fresh, failure, finding }: Told,
  knownIssues: readonly KnownIssue[],
): Entry {
  const { name, version } = contender;
  const { call, mismatch, before } = failure;
  const { kind, reason } = mismatch;
  const features = featuresOf(call, name, mismatch);
  const issue =
    rule.standing === 'unsupported' ? null : recognise(knownIssues, { op, backend: name, version, kind, features });
  return {
    backend: name,
    op,
    ...rule,
    seen,
    fresh,
    id: idOf(signatureOf(call, name, mismatch, before.length > 0)),
    kind,
    reason,
    case: call.case,
    before,
    elements: elementsOf(call.case),
    knownIssue: issue === null ? null : { id: issue.id, title: issue.title, upstream: issue.upstream },
    finding,
  };
}

/** Where there was no time to learn: of each failure the smallest case that was seen, as it was drawn. */
function unlearned(contender: Contender, op: OpName, survey: Survey, knownIssues: readonly KnownIssue[]): Entry[] {
  const seen = survey.of(contender.name, op);
  return standings.flatMap((standing): Entry[] => {
    const own = seen.filter((one) => one.standing === standing && one.verdict.verdict === 'mismatch');
    if (own.length === 0) return [];
    const { draw, verdict } = leastOf(own, op);
    const failure: Failure = { call: prepare(caseOf(op, draw)), mismatch: verdict as Mismatch, before: [] };
    const rule: Rule = { standing, conditions: null, plainValues: false, alsoOn: [] };
    const share = { happened: own.length, cases: seen.length };
    return [madeOf({ contender, op, rule, seen: share, fresh: null, failure, finding: null }, knownIssues)];
  });
}

/** How often it happens in the cases of the survey that a rule is about. */
function seenOf({ standing, conjunction }: Boundary, seen: readonly Observation[]): Share {
  const comparable = laterThan(standing);
  const met = seen.filter(
    ({ classes, standing: one }) =>
      classes !== null && (one === standing || comparable.has(one)) && meets(conjunction, classes),
  );
  return shareOf(met, standing);
}
