import { batchSize, caseOf, type Draw, drawBatch } from '../campaign/plan.ts';
import type { Contender, Session } from '../campaign/session.ts';
import type { OpName } from '../core/case.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Classes } from '../coverage/model.ts';
import { type Call, prepare } from '../operators/call.ts';
import { operatorOf } from '../operators/index.ts';
import { type Conjunction, learn, meets, place } from './learn.ts';
import { smallestFrom } from './smallest.ts';
import { type Standing, standingOf, standings } from './standing.ts';
import { type Condition, conditionsOf, describe, holds } from './vocabulary.ts';

/*
 * What backends make of drawn cases, operator by operator, and the rules that follow from it. What a backend dies of is not run
 * again and again: once there is a rule for it, the cases that it is about are left out.
 */

/** So many cases of each operator at a time; then it is seen what each backend dies of. */
const roundSize = 64;
/** A rule is checked with so many fresh cases that meet it, or so many where the backend dies of them. */
const freshCases = 24;
const freshDeaths = 6;
/** So many of them, as a share, must do as it says. */
const leastBorneOut = 0.9;
/** And so many that meet none. */
const freshElsewhere = 60;
/** So many draws are looked through for them. */
const mostDraws = 20_000;
/** Fresh cases are drawn from here on. */
const freshBatch = 2 ** 20;
/** So many unexplained failures of a kind are looked at closely, to learn what they have in common with others. */
const mostHints = 2;
/** A rule that fresh cases contradict is learned again with these, so often. */
const attempts = 3;

export interface Observation {
  draw: Draw;
  /** Of a call that is neither broken nor bent on purpose; null for one that is. */
  classes: Classes | null;
  standing: Standing;
  verdict: Verdict;
  /** The most products that an element of the result sums up; 0 for padding. */
  taps: number;
}

/** How often something happened. */
export interface Share {
  happened: number;
  cases: number;
}

/** Where something happens. */
export interface Boundary {
  op: OpName;
  standing: Standing;
  conjunction: Conjunction;
  /** In fresh cases that meet the conditions, drawn after the rule was made. */
  fresh: Share;
}

/** What was learned of one backend and operator. */
export interface Findings {
  boundaries: Boundary[];
  /** What happened in fresh cases that meet no rule: agreement, if the rules are whole. */
  elsewhere: Share;
  /** Failures that no rule explains. */
  unexplained: Observation[];
}

function tapsOf({ operator, spec, strictOnly }: Call): number {
  if (operator.rounding === null || strictOnly) return 0;
  return operator.rounding.taps(spec).reduce((most, taps) => Math.max(most, taps), 0);
}

/** What sets a call apart from the plainest one of its operator: in conditions as narrow as they can be, and as wide. */
function distinctionsOf(call: Call, backend: string): Conjunction[] {
  if (call.strictOnly) return [];
  const { operator } = call;
  const plain = { spec: operator.plainest, values: 'lattice', seed: 1, twist: null } as const;
  const [own, plainest] = [call, prepare(caseOf(operator.name, plain))].map((one) => describe(one, 'lattice', backend));
  const telling = conditionsOf(operator, [own!, plainest!]).filter((one) => holds(one, own!) && !holds(one, plainest!));
  const most = (isMore: (one: Condition, other: Condition) => boolean) =>
    telling.filter((one) => !telling.some((other) => other.dimension === one.dimension && isMore(other, one)));
  return [
    most((one, other) => one.classes.length < other.classes.length),
    most((one, other) => one.classes.length > other.classes.length),
  ];
}

/** Null for a call that is broken or bent on purpose. */
function classesOfDraw({ twist, values }: Draw, call: Call, backend: string): Classes | null {
  return twist === null ? describe(call, values, backend) : null;
}

/** Those standings from which a case of this one has to be told apart: who says beforehand that it can't is not wrong. */
export function laterThan(standing: Standing): ReadonlySet<Standing> {
  return new Set(standings.slice(standings.indexOf(standing) + 1).filter((one) => one !== 'unknown'));
}

/** What is said of a backend by a rule. */
const ruled: readonly Standing[] = ['unsupported', 'refuses', 'crashes', 'wrong'];

function rulesOf(observations: readonly Observation[], standing: Standing, op: OpName): Conjunction[] {
  const later = laterThan(standing);
  const described = observations.flatMap(({ classes }) => (classes === null ? [] : [classes]));
  const classesWhere = (is: (standing: Standing) => boolean) =>
    observations.flatMap(({ classes, standing: one }) => (classes !== null && is(one) ? [classes] : []));
  return learn(
    classesWhere((one) => one === standing),
    classesWhere((one) => later.has(one)),
    conditionsOf(operatorOf(op), described),
  );
}

export interface SurveyOptions {
  session: Session;
  ops: readonly OpName[];
  seed: number;
  /** Cases of each operator. */
  runs: number;
  signal: AbortSignal;
  onProgress(doing: string, share: number): void;
}

/** What every backend made of every operator's cases. */
export class Survey {
  readonly #options: SurveyOptions;
  readonly #observations = new Map<string, Observation[]>();
  /** What is not run any more, by backend and operator. */
  readonly #deadly = new Map<string, Conjunction[]>();

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  of(backend: string, op: OpName): Observation[] {
    const key = `${backend} ${op}`;
    const known = this.#observations.get(key) ?? [];
    this.#observations.set(key, known);
    return known;
  }

  /** Runs the cases. */
  async run(): Promise<void> {
    const { ops, runs, session, signal, onProgress } = this.#options;
    for (let from = 0; from < runs && !signal.aborted; from += roundSize) {
      for (const [i, op] of ops.entries()) {
        if (signal.aborted) return;
        onProgress(op, (from + (roundSize * i) / ops.length) / runs);
        await this.#observe(op, this.#draws(op, from, Math.min(roundSize, runs - from)), session.contenders);
        for (const { name } of session.contenders) {
          const observations = this.of(name, op);
          if (!observations.some(({ standing }) => standing === 'crashes')) continue;
          this.#deadly.set(`${name} ${op}`, rulesOf(observations, 'crashes', op));
        }
      }
    }
  }

  #draws(op: OpName, from: number, count: number): Draw[] {
    return drawBatch(this.#options.seed, Math.floor(from / batchSize), [op])
      .slice(from % batchSize, (from % batchSize) + count)
      .map(({ draw }) => draw);
  }

  async #observe(op: OpName, draws: readonly Draw[], contenders: readonly Contender[]): Promise<void> {
    await Promise.all(
      draws.map(async (draw) => {
        const call = prepare(caseOf(op, draw));
        const taps = tapsOf(call);
        const described = new Map(contenders.map(({ name }) => [name, classesOfDraw(draw, call, name)]));
        const asked = contenders.filter(({ name, traits }) => {
          const classes = described.get(name)!;
          if (classes === null) return traits.strict;
          return !(this.#deadly.get(`${name} ${op}`) ?? []).some((rule) => meets(rule, classes));
        });
        for (const { contender, verdict } of await this.#options.session.judge(call, asked)) {
          const classes = described.get(contender.name)!;
          this.of(contender.name, op).push({ draw, classes, standing: standingOf(call, verdict), verdict, taps });
        }
      }),
    );
  }

  /** The rules that the cases of a backend give, checked against fresh ones; those that these contradict are made anew. */
  async learn(contender: Contender, op: OpName): Promise<Findings> {
    const deadly = this.#deadly.get(`${contender.name} ${op}`);
    // Now it is about to be seen whether it dies.
    this.#deadly.delete(`${contender.name} ${op}`);
    let observations: readonly Observation[] = this.of(contender.name, op);
    for (let attempt = 1; ; attempt++) {
      const rules = ruled.flatMap((standing) =>
        (standing === 'crashes' && deadly !== undefined && attempt === 1
          ? deadly
          : rulesOf(observations, standing, op)
        ).map((conjunction) => ({ standing, conjunction })),
      );
      const from = freshBatch * attempt;
      const checks = await this.#check(contender, op, rules, from);
      const findings = this.#findings(op, observations, checks);
      const isWrong = checks.some(({ rule, observed }) =>
        observed.some((one) => isContradicted(one, rule?.standing ?? 'agrees')),
      );
      const isDone = !isWrong && findings.unexplained.length === 0;
      if (isDone || attempt === attempts || this.#options.signal.aborted) return findings;
      const near = await this.#near(contender, op, findings.unexplained, from + freshBatch / 2);
      observations = [...observations, ...checks.flatMap(({ observed }) => observed), ...near];
    }
  }

  /** Fresh cases that have what the smallest of the unexplained failures have: what is rare is learned from these. */
  async #near(
    contender: Contender,
    op: OpName,
    unexplained: readonly Observation[],
    from: number,
  ): Promise<readonly Observation[]> {
    const observed: Observation[] = [];
    for (const standing of ruled) {
      for (const one of unexplained.filter((other) => other.standing === standing).slice(0, mostHints)) {
        const { call } = await smallestFrom(one, { op, conjunction: [] }, { ...this.#options, contender });
        for (const conjunction of distinctionsOf(call, contender.name)) {
          // Not a rule yet, so not one of what it dies of.
          const hint = { standing: 'wrong', conjunction } as const;
          const [near] = (await this.#check(contender, op, [hint], from)) as [Check];
          observed.push(...near.observed);
        }
      }
    }
    return observed;
  }

  #findings(op: OpName, observations: readonly Observation[], checks: readonly Check[]): Findings {
    const boundaries = checks.flatMap(({ rule, observed }) =>
      rule === null || !isBorneOut(observed, rule.standing)
        ? []
        : [{ op, ...rule, fresh: shareOf(observed, rule.standing) }],
    );
    const outside = checks.find(({ rule }) => rule === null)!.observed;
    const failures = outside.filter(({ standing }) => standing !== 'agrees' && standing !== 'unknown');
    const unexplained = observations.filter(
      ({ classes, standing }) =>
        classes !== null &&
        ruled.includes(standing) &&
        !boundaries.some((one) => one.standing === standing && meets(place(one.conjunction), classes)),
    );
    return {
      boundaries,
      elsewhere: { happened: failures.length, cases: outside.length },
      unexplained,
    };
  }

  /** Fresh cases for each rule, and for where there is none. */
  async #check(contender: Contender, op: OpName, rules: readonly Rule[], from: number): Promise<Check[]> {
    const wanted = [...rules.map((rule) => ({ rule, draws: [] as Draw[] })), { rule: null, draws: [] as Draw[] }];
    const isFull = ({ rule, draws }: (typeof wanted)[number]) => draws.length >= freshCount(rule);
    for (let batch = from, seen = 0; seen < mostDraws && !wanted.every(isFull); batch++) {
      for (const { draw } of drawBatch(this.#options.seed, batch, [op])) {
        seen += 1;
        if (draw.twist !== null) continue;
        const classes = describe(prepare(caseOf(op, draw)), draw.values, contender.name);
        const met = rules.filter(({ conjunction }) => meets(conjunction, classes));
        // Where a rule holds but may not be seen, nobody can say what is to be seen.
        if (met.length === 0 && rules.some(({ conjunction }) => meets(place(conjunction), classes))) continue;
        // Where several rules hold, the first says it.
        const own = wanted.find(({ rule }) => rule === (met[0] ?? null))!;
        if (!isFull(own)) own.draws.push(draw);
      }
    }
    const checks: Check[] = [];
    for (const { rule, draws } of wanted) {
      const before = this.of(contender.name, op).length;
      await this.#observe(op, draws, [contender]);
      checks.push({ rule, observed: this.of(contender.name, op).splice(before) });
    }
    return checks;
  }
}

interface Rule {
  standing: Standing;
  conjunction: Conjunction;
}

interface Check {
  /** Null: where no rule holds. */
  rule: Rule | null;
  observed: Observation[];
}

function freshCount(rule: Rule | null): number {
  if (rule === null) return freshElsewhere;
  return rule.standing === 'crashes' ? freshDeaths : freshCases;
}

/** Whether fresh cases say what a rule says; what none was drawn for is no rule. */
function isBorneOut(observed: readonly Observation[], standing: Standing): boolean {
  const decided = observed.filter((one) => one.standing !== 'unknown');
  const { happened, cases } = shareOf(decided, standing);
  return cases > 0 && happened >= leastBorneOut * cases;
}

function isContradicted({ standing }: Observation, expected: Standing): boolean {
  return standing !== expected && standing !== 'unknown';
}

export function shareOf(observed: readonly Observation[], standing: Standing): Share {
  return { happened: observed.filter((one) => one.standing === standing).length, cases: observed.length };
}
