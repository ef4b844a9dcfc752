import { type Counterexample, oracleOf } from '../store/counterexample.ts';
import { keptNights, type Night } from './history.ts';

/* Joining what several machines found. Neither the order nor what is joined first makes a difference. */

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Which of two counterexamples of one signature is kept: PyTorch's word before that of others, shrunk before not, then the smaller. */
function compareCounterexamples(one: Counterexample, other: Counterexample): number {
  const ranks = (counterexample: Counterexample) => [
    oracleOf(counterexample) === 'pytorch' ? 0 : 1,
    counterexample.shrunk ? 0 : 1,
    counterexample.elements,
  ];
  const [a, b] = [ranks(one), ranks(other)];
  const at = a.findIndex((rank, i) => rank !== b[i]);
  return at === -1 ? compareTexts(JSON.stringify(one), JSON.stringify(other)) : a[at]! - b[at]!;
}

/** The best counterexample of each signature, by id. */
export function mergeCounterexamples(all: readonly Counterexample[]): Counterexample[] {
  const best = new Map<string, Counterexample>();
  for (const one of all) {
    const before = best.get(one.id);
    if (before === undefined || compareCounterexamples(one, before) < 0) best.set(one.id, one);
  }
  return [...best.values()].sort((one, other) => compareTexts(one.id, other.id));
}

/** All nights, each once, in the order in which they began; the newest, where there are too many. */
export function mergeHistories(all: readonly Night[]): Night[] {
  const texts = new Map(all.map((night) => [`${night.started} ${JSON.stringify(night)}`, night]));
  return [...texts.entries()]
    .sort(([one], [other]) => compareTexts(one, other))
    .map(([, night]) => night)
    .slice(-keptNights);
}
