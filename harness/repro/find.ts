import type { Oracle } from '../campaign/oracle.ts';
import { type Rerun, replayOn } from '../campaign/replay.ts';
import type { Contender } from '../campaign/session.ts';
import { prepare } from '../operators/call.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { Finding } from './finding.ts';

/** A failing case, what has to run before it, and how it failed. */
export type Subject = Pick<Counterexample, 'case' | 'before' | 'kind'>;

/** Sees a saved failure once more, or says why there is nothing to see. */
export async function find(subject: Subject, contender: Contender, oracle: Oracle): Promise<Finding | string> {
  return seenIn(await replayOn(subject, contender, oracle), subject, contender, oracle);
}

/** As `find`, in a rerun that there has been. */
export async function seenIn(
  { opinion, got, verdict }: Rerun,
  subject: Subject,
  contender: Contender,
  oracle: Oracle,
): Promise<Finding | string> {
  const { name, version, source } = contender;
  if (verdict.verdict !== 'mismatch' || got === null) {
    const found = verdict.verdict === 'agree' ? 'it agrees with PyTorch' : `it is ${verdict.verdict}`;
    const reason = 'reason' in verdict ? ` (${verdict.reason})` : '';
    return `there is nothing to show on ${name} ${version}: ${found} now${reason}`;
  }
  const want = await opinion.want;
  if (want === null) return 'without PyTorch nobody knows the right result: there is nothing to show it against';
  return {
    call: prepare(subject.case),
    before: subject.before.map(prepare),
    backend: { name, version, builtIn: source.kind === 'built-in' ? source.builtIn.name : null },
    mismatch: verdict,
    unstable: subject.kind === 'unstable',
    want,
    got,
    torch: oracle.versions.torch!,
  };
}
