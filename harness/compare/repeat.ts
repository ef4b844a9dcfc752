import type { Outcome } from '../core/outcome.ts';
import { indexOf, sameShape } from '../core/tensor.ts';
import type { Verdict } from '../core/verdict.ts';

type Mismatch = Extract<Verdict, { verdict: 'mismatch' }>;

/**
 * The verdict on outcomes of one case that should all be the same to the bit, or null where they are. What the oracle says does not
 * matter. Deaths are not compared.
 */
export function unsteadiness(outcomes: readonly Outcome[]): Mismatch | null {
  const [first, ...others] = outcomes.filter(({ kind }) => kind === 'ok' || kind === 'rejected');
  for (const other of others) {
    const difference = differenceBetween(first!, other);
    if (difference === null) continue;
    const shape = first!.kind === 'ok' ? first!.output.shape : null;
    const reason = `two runs of the same case differ: ${difference}`;
    return { verdict: 'mismatch', kind: 'unstable', reason, shape, culprit: null };
  }
  return null;
}

function differenceBetween(a: Outcome, b: Outcome): string | null {
  if (a.kind !== 'ok' || b.kind !== 'ok') {
    return a.kind === b.kind ? null : `first ${wordOf(a)}, then ${wordOf(b)}`;
  }
  const [one, two] = [a.output, b.output];
  if (!sameShape(one.shape, two.shape))
    return `first of shape ${JSON.stringify(one.shape)}, then ${JSON.stringify(two.shape)}`;
  if (one.dtype !== two.dtype) return `first ${one.dtype}, then ${two.dtype}`;
  for (let at = 0; at < one.data.length; at++) {
    const [x, y] = [one.data[at]!, two.data[at]!];
    if (!Object.is(x, y)) return `at [${indexOf(at, one.shape).join(', ')}]: first ${x}, then ${y}`;
  }
  return null;
}

function wordOf({ kind }: Outcome): string {
  return kind === 'ok' ? 'a result' : 'a refusal';
}
