import { isDeath, type Verdict } from '../core/verdict.ts';
import type { Call } from '../operators/call.ts';

/**
 * What a backend makes of a case, from what comes first to what comes last: it says that it can't, refuses what PyTorch takes, takes what
 * PyTorch refuses, dies or hangs, gives something else, gives the same; or nobody can tell.
 */
export const standings = ['unsupported', 'refuses', 'takes', 'crashes', 'wrong', 'agrees', 'unknown'] as const;
export type Standing = (typeof standings)[number];

/** What is said of a backend that stands so to a case. */
export const standingVerbs: Record<Standing, string> = {
  unsupported: 'does not support it',
  refuses: 'refuses',
  takes: 'takes what PyTorch refuses',
  crashes: 'crashes',
  wrong: 'is wrong',
  agrees: 'agrees',
  unknown: 'is unknown',
};

export function standingOf({ refusal }: Call, verdict: Verdict): Standing {
  switch (verdict.verdict) {
    case 'agree':
      return 'agrees';
    case 'unsupported':
      return 'unsupported';
    case 'unknown':
      return 'unknown';
    case 'mismatch':
      break;
  }
  if (verdict.kind === 'acceptance') return refusal === null ? 'refuses' : 'takes';
  return isDeath(verdict) ? 'crashes' : 'wrong';
}
