import type { Oracle } from '../campaign/oracle.ts';
import { replayOn } from '../campaign/replay.ts';
import type { Contender } from '../campaign/session.ts';
import { prepare } from '../operators/call.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { Finding } from './finding.ts';
import { type RuntimeName, runtimes } from './runtimes.ts';

/** A failing case, what has to run before it, and how it failed. */
export type Subject = Pick<Counterexample, 'case' | 'before' | 'kind'>;

function runtimeOf(builtIn: string): RuntimeName | null {
  const runtime = /^(?:tfjs-)?(\w+|onnxruntime-\w+)(?:-native|-padded)?$/.exec(builtIn)?.[1] ?? '';
  return Object.hasOwn(runtimes, runtime) ? (runtime as RuntimeName) : null;
}

/** Sees a saved failure once more, or says why there is nothing to see. */
export async function find(subject: Subject, contender: Contender, oracle: Oracle): Promise<Finding | string> {
  const { opinion, got, verdict } = await replayOn(subject, contender, oracle);
  const { name, version, source } = contender;
  if (verdict.verdict !== 'mismatch' || got === null) {
    const found = verdict.verdict === 'agree' ? 'it agrees with PyTorch' : `it is ${verdict.verdict}`;
    const reason = 'reason' in verdict ? ` (${verdict.reason})` : '';
    return `there is nothing to show on ${name} ${version}: ${found} now${reason}`;
  }
  const builtIn = source.kind === 'built-in' ? source.builtIn.name : null;
  const want = await opinion.want;
  if (want === null) return 'without PyTorch nobody knows the right result: there is nothing to show it against';
  return {
    call: prepare(subject.case),
    before: subject.before.map(prepare),
    backend: { name, version, builtIn, runtime: builtIn === null ? null : runtimeOf(builtIn) },
    mismatch: verdict,
    unstable: subject.kind === 'unstable',
    want,
    got,
    torch: oracle.versions.torch!,
  };
}
