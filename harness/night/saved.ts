import { shownHere } from '../backends/here.ts';
import { replayOn } from '../campaign/replay.ts';
import type { Contender, Session } from '../campaign/session.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { KnownIssue } from '../store/knownIssues.ts';
import { lastStanding, type Night, type Standing } from './history.ts';

/** A failure that is kept, on one of the night's backends. */
export interface Kept {
  /** As the history has it. */
  key: string;
  what: 'counterexample' | 'known issue';
  /** For people. */
  title: string;
  subject: Pick<Counterexample, 'case' | 'before' | 'kind'>;
  contender: Contender;
  /** Why it cannot be run here, or null. */
  barred: string | null;
}

/** What a kept failure came to. */
export interface Replayed extends Kept {
  standing: Standing;
  /** It fails, and did not the last time: worse than all that is new. */
  regressed: boolean;
  /** Of a failure what was seen, of the rest why it is so. */
  reason: string;
}

/** What is kept of the backends that take part, counterexamples first. */
export function keptFor(
  session: Session,
  counterexamples: readonly Counterexample[],
  issues: readonly KnownIssue[],
): Kept[] {
  const named = (name: string) => session.contenders.find((contender) => contender.name === name);
  const saved = counterexamples.flatMap((counterexample): Kept[] => {
    const contender = named(counterexample.backend);
    const { id, signature } = counterexample;
    if (contender === undefined) return [];
    const title = `${id} (${signature})`;
    return [{ key: signature, what: 'counterexample', title, subject: counterexample, contender, barred: null }];
  });
  const known = issues.flatMap((issue) =>
    issue.backends.flatMap((backend): Kept[] => {
      const contender = named(backend);
      if (contender === undefined) return [];
      const subject = { ...issue, kind: issue.kinds[0]! };
      const barred = shownHere(issue).includes(backend)
        ? null
        : `it shows on other processors only (${issue.processor})`;
      const key = `${issue.id}@${backend}`;
      return [{ key, what: 'known issue', title: `${issue.id} on ${backend}`, subject, contender, barred }];
    }),
  );
  return [...saved, ...known];
}

export interface Circumstances {
  session: Session;
  history: readonly Night[];
  /** When there is no more time for it, on performance.now's clock. */
  end_ms: number;
  signal: AbortSignal;
  onProgress(done: number, of: number): void;
}

/** Runs what is kept once more, in the order of the list; what comes when time is up is left out. */
export async function replayKept(kept: readonly Kept[], circumstances: Circumstances): Promise<Replayed[]> {
  const replayed: Replayed[] = [];
  for (const [i, one] of kept.entries()) {
    circumstances.onProgress(i, kept.length);
    replayed.push(await standingOf(one, circumstances));
  }
  return replayed;
}

async function standingOf(one: Kept, { session, history, end_ms, signal }: Circumstances): Promise<Replayed> {
  const leftOut = (reason: string): Replayed => ({ ...one, standing: 'left out', regressed: false, reason });
  if (signal.aborted) return leftOut('interrupted');
  if (one.barred !== null) return leftOut(one.barred);
  if (performance.now() > end_ms) return leftOut('there was no time left');
  const { verdict } = await replayOn(one.subject, one.contender, session.oracle);
  switch (verdict.verdict) {
    case 'mismatch':
      return {
        ...one,
        standing: 'fails',
        regressed: lastStanding(history, one.key) === 'fixed',
        reason: `${verdict.kind}: ${verdict.reason}`,
      };
    case 'agree':
      return { ...one, standing: 'fixed', regressed: false, reason: 'it agrees with the oracle' };
    default:
      return { ...one, standing: 'undecided', regressed: false, reason: `${verdict.verdict}: ${verdict.reason}` };
  }
}
