import { batchSize, type Draw, drawBatch } from '../campaign/plan.ts';
import type { OpName } from '../core/case.ts';
import { operatorOf } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import { layerModel } from './layers.ts';
import { classesOf, type Model } from './model.ts';
import { paddingModel } from './padding.ts';
import { countTuples, type TupleCount, TupleSet } from './tuples.ts';

type Counts = Record<string, number>;

/** What a campaign of one operator draws: its plain cases by class, and the others by twist. */
export interface Coverage {
  op: OpName;
  seed: number;
  cases: number;
  /** Of the classes of plain cases. */
  pairs: TupleCount;
  triples: TupleCount;
  /** Plain cases of each class, by dimension. */
  classes: Record<string, Counts>;
  /** Cases that are broken or bent on purpose, by each way there is, also where none was drawn. */
  twists: Counts;
}

export function modelOf(operator: Operator): Model {
  return operator.family === 'padding' ? paddingModel : layerModel(operator);
}

/** The first `cases` draws of the campaign of this operator with this seed. */
export function* drawsOf(op: OpName, seed: number, cases: number): Generator<Draw> {
  for (let from = 0; from < cases; from += batchSize) {
    const batch = drawBatch(seed, from / batchSize, [op], Math.min(batchSize, cases - from));
    for (const { draw } of batch) yield draw;
  }
}

function zeros(names: Iterable<string>): Counts {
  return Object.fromEntries([...names].map((name) => [name, 0]));
}

/** What the first `cases` cases of the campaign of this operator with this seed are. They are drawn, and not run. */
export function coverageOf(op: OpName, seed: number, cases: number): Coverage {
  const operator = operatorOf(op);
  const model = modelOf(operator);
  const drawn = new TupleSet(model.dimensions, 3);
  const counts = Object.fromEntries(model.dimensions.map(({ name, classes }) => [name, zeros(classes)]));
  const twists = zeros(operator.twists.keys());
  for (const draw of drawsOf(op, seed, cases)) {
    if (draw.twist !== null) {
      twists[draw.twist]! += 1;
      continue;
    }
    const classes = classesOf(model, draw);
    drawn.addAll(classes);
    for (const [name, found] of Object.entries(classes)) counts[name]![found]! += 1;
  }
  const [pairs, triples] = [countTuples(model, drawn, 2), countTuples(model, drawn, 3)];
  return { op, seed, cases, pairs, triples, classes: counts, twists };
}

/** The share of the feasible triples that a campaign of 10,000 cases of an operator is to draw; of the pairs, all. */
export const leastTriples = 0.95;

/** Why a campaign did not draw enough, or null where it did. */
export function shortfallOf({ op, pairs, triples }: Coverage): string | null {
  if (pairs.missing.length > 0) return `${op} lacks ${pairs.missing.length} of ${pairs.feasible} pairs`;
  if (triples.drawn >= leastTriples * triples.feasible) return null;
  return `${op} lacks ${triples.missing.length} of ${triples.feasible} triples`;
}
