import type { CampaignResult, Progress, Shard } from '../campaign/campaign.ts';
import { totalsOf } from '../campaign/tally.ts';
import { caseWords, durationWords, groupDigits } from '../report/words.ts';
import { exitOf } from './context.ts';
import { durationOf_ms, integerOf } from './options.ts';

/* How long a campaign goes on, and what is to be said of its end. */

export interface BudgetOptions {
  runs?: string;
  time?: string;
}

/** Cases where nobody names a budget. */
const defaultRuns = 10_000;

/** What ends a campaign; null where something does not. */
export interface Budget {
  runs: number | null;
  time_ms: number | null;
}

export function budgetOf({ runs, time }: BudgetOptions): Budget {
  if (runs === undefined && time === undefined) return { runs: defaultRuns, time_ms: null };
  return {
    runs: runs === undefined ? null : integerOf('--runs', runs, 1),
    time_ms: time === undefined ? null : durationOf_ms('--time', time),
  };
}

export function budgetWords({ runs, time_ms }: Budget, { index, count }: Shard): string {
  const parts = [
    ...(runs === null ? [] : [`${groupDigits(runs)} cases`]),
    ...(time_ms === null ? [] : [durationWords(time_ms / 1000)]),
  ];
  return `${parts.join(' or ')}${count === 1 ? '' : `, shard ${index + 1} of ${count}`}`;
}

/** How much of the budget is used up, from 0 to 1; a shard has its part of the cases to run. */
export function shareOf({ cases, seconds }: Progress, { runs, time_ms }: Budget, { count }: Shard): number {
  const ofRuns = runs === null ? 0 : (count * cases) / runs;
  const ofTime = time_ms === null ? 0 : (seconds * 1000) / time_ms;
  return Math.min(1, Math.max(ofRuns, ofTime));
}

/** How a campaign ends that found so many mismatches: its exit code, and why where it is not 0. */
export function verdictOf(
  result: CampaignResult,
  budget: Budget,
  mismatches: number,
): { comparisons: number; exit: number; why: string | null } {
  const { comparisons, compared, unknown, oracleWrong } = totalsOf(result.tallies.values());
  const { failure } = result;
  if (failure !== null) return { comparisons, exit: 3, why: failure.message.split('\n')[0]! };
  const doubt = doubtOf(result);
  const shortfall = shortfallOf(result, budget);
  return { comparisons, ...exitOf({ mismatches, unknown, oracleWrong, doubt, compared, shortfall }) };
}

/** Tells at length what stopped a campaign, with what could not be saved. */
export function tellFailure({ failure }: CampaignResult): void {
  if (failure !== null) process.stderr.write(`convdiff: ${failure.message}\n`);
}

/** Of what campaigns could not decide, the first case. */
function doubtOf({ tallies }: CampaignResult): string | null {
  const first = [...tallies.entries()].find(([, { doubt }]) => doubt !== null);
  if (first === undefined) return null;
  const [name, { doubt }] = first;
  return `${name}, ${caseWords(doubt!.case)}: ${doubt!.reason}`;
}

/** Why less was done than was asked for, or null. */
function shortfallOf({ end, cases }: CampaignResult, { runs }: Budget): string | null {
  const of = runs === null ? '' : ` of ${groupDigits(runs)}`;
  if (end === 'interrupted') return `interrupted after ${groupDigits(cases)}${of} cases`;
  if (end === 'time' && runs !== null) return `time was up after ${groupDigits(cases)}${of} cases`;
  if (end === 'no backend left') return `every backend was benched after ${groupDigits(cases)}${of} cases`;
  return null;
}
