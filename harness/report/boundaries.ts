import type { Counts, Entry } from '../capability/comparison.ts';
import { type Standing, standings } from '../capability/standing.ts';
import type { Share } from '../capability/survey.ts';
import { groupDigits } from './words.ts';

/** As `mine 0.1.0`. */
export function backendWords({ name, version }: { name: string; version: string }): string {
  return name.endsWith(` ${version}`) ? name : `${name} ${version}`;
}

/** What a standing is called where it stands for a state. */
export const standingWords: Record<Standing, string> = {
  agrees: 'agrees',
  refuses: 'refuses',
  unsupported: 'unsupported',
  takes: 'takes what PyTorch refuses',
  wrong: 'wrong',
  crashes: 'crashes',
  unknown: 'unknown',
};

/** What is said of cases, in numbers: 235 agree, 42 wrong. */
const countWords: Record<Standing, string> = {
  agrees: 'agree',
  refuses: 'refused',
  unsupported: 'unsupported',
  takes: 'taken that PyTorch refuses',
  wrong: 'wrong',
  crashes: 'crashed',
  unknown: 'unknown',
};

/** As `42 wrong, 235 agree`. */
export function countsWords(counts: Counts): string {
  const parts = standings
    .filter((one) => counts[one] !== undefined)
    .map((one) => `${groupDigits(counts[one]!)} ${countWords[one]}`);
  return parts.length === 0 ? 'nothing was run' : parts.join(', ');
}

/** What an entry says, as `conv2d: refuses stride > 1 with dilation > 1`. */
export function entryWords(entry: Pick<Entry, 'op' | 'standing' | 'conditions'>): string {
  return `${entry.op}: ${ruleWords(entry)}`;
}

/** As `refuses stride > 1 with dilation > 1`, or `wrong where output_padding ≥ stride`. */
export function ruleWords({ standing, conditions }: Pick<Entry, 'standing' | 'conditions'>): string {
  const verb = { unsupported: 'does not support', refuses: 'refuses', takes: 'takes', crashes: 'crashes' }[
    standing as 'takes'
  ];
  if (conditions === null) return `${standingWords[standing]} now and then, by no rule that was found`;
  if (conditions.length === 0)
    return verb === undefined ? 'wrong everywhere' : `${verb} ${standing === 'crashes' ? 'at ' : ''}any call`;
  if (standing === 'wrong' || standing === 'crashes') return `${verb ?? 'wrong'} where ${list(conditions, ' and ')}`;
  return `${verb} ${list(conditions, ' with ')}`;
}

function list(conditions: readonly string[], between: string): string {
  return [...conditions].join(between);
}

/** As `24 of 24`. */
export function shareWords({ happened, cases }: Share): string {
  return `${groupDigits(happened)} of ${groupDigits(cases)}`;
}

/** On what an entry rests, as `in 61 of 61 cases, and 24 of 24 drawn afterwards to check it`. */
export function evidenceWords({ seen, fresh, plainValues }: Pick<Entry, 'seen' | 'fresh' | 'plainValues'>): string {
  const checked = fresh === null || fresh.cases === 0 ? '' : `, and ${shareWords(fresh)} drawn afterwards to check it`;
  return `in ${shareWords(seen)} cases${plainValues ? ' without special values' : ''}${checked}`;
}
