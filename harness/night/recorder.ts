import type { Judged } from '../campaign/campaign.ts';
import { gradientOf } from '../core/case.ts';
import { modelOf } from '../coverage/coverage.ts';
import { classesOf } from '../coverage/model.ts';
import { feasibleTuples, TupleSet } from '../coverage/tuples.ts';
import { operatorOf } from '../operators/index.ts';

/* What of a campaign's cases is kept for its report: counts, and how much of what can be drawn has been. */

/**
 * What became of an operator's cases on a backend. Of the mismatches, `known` are those that a known issue explains, and `unplaced` those
 * of which nobody looked into what they are cases of: others like them had come to nothing new.
 */
export interface Cell {
  op: string;
  backend: string;
  agree: number;
  mismatch: number;
  known: number;
  unplaced: number;
  unsupported: number;
  unknown: number;
}

/** How much had been drawn by then: of the pairs and triples of parameter classes that go together, over all operators. */
export interface CoveragePoint {
  seconds: number;
  cases: number;
  pairs: number;
  triples: number;
}

/** So many points are enough for a curve. */
const mostPoints = 240;

interface Drawn {
  set: TupleSet;
  feasible: readonly (readonly Record<string, string>[])[];
}

/** Counts the cases of a campaign as they are judged. */
export class Recorder {
  readonly #cells = new Map<string, Cell>();
  readonly #drawn = new Map<string, Drawn>();
  readonly #points: CoveragePoint[] = [];
  /** So many cases lie between two points; doubled when there are too many of them. */
  #every = 64;
  #cases = 0;

  add({ call, draw, results }: Judged, seconds: number): void {
    const { op } = call.case;
    for (const { contender, verdict, finding } of results) {
      const key = `${op} ${contender.name}`;
      const cell = this.#cells.get(key) ?? emptyCell(op, contender.name);
      this.#cells.set(key, cell);
      cell[verdict.verdict] += 1;
      if (verdict.verdict === 'mismatch') {
        if (finding === null) cell.unplaced += 1;
        else if (finding.knownIssue !== null) cell.known += 1;
      }
    }
    if (draw.twist === null) {
      const operator = operatorOf(gradientOf(op)?.op ?? op);
      const model = modelOf(operator);
      const drawn = this.#drawn.get(operator.name) ?? {
        set: new TupleSet(model.dimensions, 3),
        feasible: [feasibleTuples(model, 2), feasibleTuples(model, 3)],
      };
      this.#drawn.set(operator.name, drawn);
      drawn.set.addAll(classesOf(model, draw));
    }
    this.#cases += 1;
    if (this.#cases % this.#every === 0) this.#mark(seconds);
  }

  get cells(): readonly Cell[] {
    return [...this.#cells.values()];
  }

  /** The curve, with where it ends. */
  curve(seconds: number): readonly CoveragePoint[] {
    if (this.#cases > 0 && this.#points.at(-1)?.cases !== this.#cases) this.#mark(seconds);
    return this.#points;
  }

  #mark(seconds: number): void {
    this.#points.push({ seconds, cases: this.#cases, pairs: this.#share(0), triples: this.#share(1) });
    if (this.#points.length < mostPoints) return;
    this.#every *= 2;
    const kept = this.#points.filter((_, i) => i % 2 === 1);
    this.#points.splice(0, this.#points.length, ...kept);
  }

  #share(size: 0 | 1): number {
    let [drawn, feasible] = [0, 0];
    for (const { set, feasible: tuples } of this.#drawn.values()) {
      feasible += tuples[size]!.length;
      for (const tuple of tuples[size]!) if (set.has(tuple)) drawn += 1;
    }
    return feasible === 0 ? 0 : drawn / feasible;
  }
}

function emptyCell(op: string, backend: string): Cell {
  return { op, backend, agree: 0, mismatch: 0, known: 0, unplaced: 0, unsupported: 0, unknown: 0 };
}
