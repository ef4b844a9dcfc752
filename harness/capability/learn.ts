import type { Classes } from '../coverage/model.ts';
import { Subset } from './subset.ts';
import { type Condition, holds } from './vocabulary.ts';

/*
 * Learning where something happens, as rules that people can read: each a few conditions that must all hold. What is given are cases in
 * which it happened and cases in which it did not; a beam search finds the conjunction that separates them best, the cases that it
 * explains are put aside, and the search goes on with the rest.
 */

/** How many conditions a rule may have. */
const mostConditions = 4;
const mostRules = 6;
const beamWidth = 24;
/** So many standard errors below its rate a rule is rated: thousands are tried, and some look good in a few cases by chance. */
const deviations = 4;
/** A condition must raise that by so much, or it is left out. */
const leastGain = 0.01;
/** Or it explains so many times as much. */
const moreExplained = 1.02;
/** A rule that explains less, or as much as may be chance with a probability above e to the minus this, is none. */
const leastCases = 3;
const leastEvidence = Math.log(1e6);
/** What happens in no certain calls is said to happen in all of them, where it happens so often. */
const leastRate = 0.1;

/** All of its conditions hold: where there are none, always. */
export type Conjunction = readonly Condition[];

export function meets(conjunction: Conjunction, classes: Classes): boolean {
  return conjunction.every((condition) => holds(condition, classes));
}

/** Where it happens, be it seen or not. */
export function place(conjunction: Conjunction): Conjunction {
  return conjunction.filter(({ ofSight }) => !ofSight);
}

interface Candidate {
  conjunction: Conjunction;
  /** Which of the cases meet it. */
  yes: Subset;
  no: Subset;
  score: number;
}

/** Which cases meet a condition, of those in which it happened and of the others. */
interface Extent {
  yes: Subset;
  no: Subset;
}

/** Rules for where it happens: `yes` are the classes of cases in which it did, `no` of others. Cases that no rule explains may be left. */
export function learn(
  yes: readonly Classes[],
  no: readonly Classes[],
  conditions: readonly Condition[],
): Conjunction[] {
  const extents = new Map<Condition, Extent>(
    conditions.map((condition) => [
      condition,
      {
        yes: Subset.of(yes.length, (i) => holds(condition, yes[i]!)),
        no: Subset.of(no.length, (i) => holds(condition, no[i]!)),
      },
    ]),
  );
  const rules: Conjunction[] = [];
  const all = Subset.of(no.length, () => true);
  let left = Subset.of(yes.length, () => true);
  const average = yes.length / Math.max(1, yes.length + no.length);
  while (left.size > 0 && rules.length < mostRules) {
    const best = bestOf({ yes: left, no: all }, extents);
    if (best.conjunction.length === 0 ? rules.length > 0 || average < leastRate : isChance(best, average)) return rules;
    rules.push(inOrder(best.conjunction, conditions));
    left = left.without(place(best.conjunction).reduce((subset, one) => subset.and(extents.get(one)!.yes), left));
  }
  return rules;
}

/** As people say it: in the order of the vocabulary. */
function inOrder(conjunction: Conjunction, conditions: readonly Condition[]): Conjunction {
  return [...conjunction].sort((a, b) => conditions.indexOf(a) - conditions.indexOf(b));
}

/** Whether so many of the cases would meet it now and then where it happened at this average rate: by Chernoff's bound. */
function isChance({ yes, no }: Candidate, average: number): boolean {
  if (yes.size < leastCases) return true;
  const count = yes.size + no.size;
  const rate = yes.size / count;
  const term = (share: number, of: number) => (share === 0 ? 0 : share * Math.log(share / of));
  return rate <= average || count * (term(rate, average) + term(1 - rate, 1 - average)) < leastEvidence;
}

/** The lower end of Wilson's interval for a rate of `happened` in `cases`. */
function surelyAtLeast(happened: number, cases: number): number {
  const rate = happened / cases;
  const square = deviations ** 2;
  const spread = deviations * Math.sqrt((rate * (1 - rate)) / cases + square / (4 * cases ** 2));
  return (rate + square / (2 * cases) - spread) / (1 + square / cases);
}

/** The conjunction that separates them best. */
function bestOf(all: Extent, extents: ReadonlyMap<Condition, Extent>): Candidate {
  let best = candidateOf([], all);
  let beam = [best];
  for (let depth = 0; depth < mostConditions; depth++) {
    const longer = beam.flatMap((candidate) =>
      [...extents]
        .filter(([{ dimension }]) => candidate.conjunction.every((one) => one.dimension !== dimension))
        .map(([condition, extent]) => candidateOf([...candidate.conjunction, condition], both(candidate, extent)))
        .filter(({ yes }) => yes.size > 0),
    );
    beam = longer.sort((a, b) => b.score - a.score || b.yes.size - a.yes.size).slice(0, beamWidth);
    const [top] = beam;
    if (top === undefined) break;
    if (isBetter(top, best)) best = top;
    // Some conditions say something only together with another one.
    else if (depth > 0) break;
  }
  return pruned(best);

  /** Without the conditions that make no difference. */
  function pruned(candidate: Candidate): Candidate {
    for (const dropped of candidate.conjunction) {
      const conjunction = candidate.conjunction.filter((one) => one !== dropped);
      const extent = conjunction.map((one) => extents.get(one)!).reduce(both, all);
      const shorter = candidateOf(conjunction, extent);
      if (shorter.score >= candidate.score - leastGain) return pruned(shorter);
    }
    return candidate;
  }
}

/** A longer conjunction must be surer by something, or as sure and explain more. */
function isBetter(longer: Candidate, shorter: Candidate): boolean {
  const explainsMore = longer.score >= shorter.score && longer.yes.size > moreExplained * shorter.yes.size;
  return longer.score > shorter.score + leastGain || explainsMore;
}

function candidateOf(conjunction: Conjunction, { yes, no }: Extent): Candidate {
  return { conjunction, yes, no, score: surelyAtLeast(yes.size, yes.size + no.size) };
}

function both(one: Extent, other: Extent): Extent {
  return { yes: one.yes.and(other.yes), no: one.no.and(other.no) };
}
