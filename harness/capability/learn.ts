import type { Classes } from '../coverage/model.ts';
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

interface Candidate {
  conjunction: Conjunction;
  /** Which of the cases meet it. */
  yes: readonly number[];
  no: readonly number[];
  score: number;
}

/** Rules for where it happens: `yes` are the classes of cases in which it did, `no` of others. Cases that no rule explains may be left. */
export function learn(
  yes: readonly Classes[],
  no: readonly Classes[],
  conditions: readonly Condition[],
): Conjunction[] {
  const rules: Conjunction[] = [];
  let left = [...yes.keys()];
  const others = [...no.keys()];
  const average = yes.length / Math.max(1, yes.length + no.length);
  while (left.length > 0 && rules.length < mostRules) {
    const best = bestOf(yes, no, left, others, conditions);
    if (best.conjunction.length === 0 ? rules.length > 0 || average < leastRate : isChance(best, average)) return rules;
    rules.push(inOrder(best.conjunction, conditions));
    const explained = new Set(best.yes);
    left = left.filter((i) => !explained.has(i));
  }
  return rules;
}

/** As people say it: in the order of the vocabulary. */
function inOrder(conjunction: Conjunction, conditions: readonly Condition[]): Conjunction {
  return [...conjunction].sort((a, b) => conditions.indexOf(a) - conditions.indexOf(b));
}

/** Whether so many of the cases would meet it now and then where it happened at this average rate: by Chernoff's bound. */
function isChance({ yes, no }: Candidate, average: number): boolean {
  if (yes.length < leastCases) return true;
  const count = yes.length + no.length;
  const rate = yes.length / count;
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

function bestOf(
  yes: readonly Classes[],
  no: readonly Classes[],
  left: readonly number[],
  others: readonly number[],
  conditions: readonly Condition[],
): Candidate {
  const scored = (conjunction: Conjunction, y: readonly number[], n: readonly number[]): Candidate => ({
    conjunction,
    yes: y,
    no: n,
    score: surelyAtLeast(y.length, y.length + n.length),
  });
  const all = scored([], left, others);
  let best = all;
  let beam = [all];
  for (let depth = 0; depth < mostConditions; depth++) {
    const longer = beam.flatMap(({ conjunction, yes: y, no: n }) =>
      conditions
        .filter(({ dimension }) => conjunction.every((one) => one.dimension !== dimension))
        .map((condition) => {
          const meetsIt = (classes: readonly Classes[]) => (i: number) => holds(condition, classes[i]!);
          return scored([...conjunction, condition], y.filter(meetsIt(yes)), n.filter(meetsIt(no)));
        })
        .filter((candidate) => candidate.yes.length > 0),
    );
    beam = longer.sort((a, b) => b.score - a.score || b.yes.length - a.yes.length).slice(0, beamWidth);
    const [top] = beam;
    if (top === undefined) break;
    if (top.score > best.score + leastGain) best = top;
    // Some conditions say something only together with another one.
    else if (depth > 0) break;
  }
  return pruned(best);

  /** Without the conditions that make no difference. */
  function pruned(candidate: Candidate): Candidate {
    for (const dropped of candidate.conjunction) {
      const conjunction = candidate.conjunction.filter((one) => one !== dropped);
      const meeting = (of: readonly Classes[], which: readonly number[]) =>
        which.filter((i) => meets(conjunction, of[i]!));
      const shorter = scored(conjunction, meeting(yes, left), meeting(no, others));
      if (shorter.score >= candidate.score - leastGain) return pruned(shorter);
    }
    return candidate;
  }
}
