import type { CampaignResult, Progress, Shard } from '../campaign/campaign.ts';
import { caseWords, durationWords, groupDigits } from '../report/words.ts';
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

/** Of what campaigns could not decide, the first case. */
export function doubtOf({ tallies }: CampaignResult): string | null {
  const first = [...tallies.entries()].find(([, { doubt }]) => doubt !== null);
  if (first === undefined) return null;
  const [name, { doubt }] = first;
  return `${name}, ${caseWords(doubt!.case)}: ${doubt!.reason}`;
}

/** Why less was done than was asked for, or null. */
export function shortfallOf({ end, cases }: CampaignResult, { runs }: Budget): string | null {
  const of = runs === null ? '' : ` of ${groupDigits(runs)}`;
  if (end === 'interrupted') return `interrupted after ${groupDigits(cases)}${of} cases`;
  if (end === 'time' && runs !== null) return `time was up after ${groupDigits(cases)}${of} cases`;
  if (end === 'no backend left') return `every backend was benched after ${groupDigits(cases)}${of} cases`;
  return null;
}
