import { assignments, boundDimensions, type Classes, type Dimension, type Model } from './model.ts';

/** The tuples of one size: how many are feasible, how many of these were drawn, and which were not. */
export interface TupleCount {
  feasible: number;
  drawn: number;
  missing: Classes[];
}

/** Every way to take `size` entries of a list, in its order. */
function choices<T>(list: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return list.flatMap((first, i) => choices(list.slice(i + 1), size - 1).map((rest) => [first, ...rest]));
}

/**
 * Tuples of up to `size` classes of some dimensions. All classes are numbered through, and the number of a tuple has theirs as
 * its digits, so that millions of them are marked within a second.
 */
export class TupleSet {
  readonly #numbers: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly #base: number;
  /** By length and number of a tuple. */
  readonly #marks: readonly Uint8Array[];
  /** By length, which of a case's classes make up a tuple. */
  readonly #places: readonly number[][][];

  constructor(dimensions: readonly Dimension[], size: number) {
    let next = 0;
    this.#numbers = new Map(
      dimensions.map(({ name, classes }) => [name, new Map(classes.map((one) => [one, next++]))]),
    );
    this.#base = next;
    this.#marks = Array.from({ length: size + 1 }, (_, length) => new Uint8Array(this.#base ** length));
    this.#places = this.#marks.map((_, length) => choices([...dimensions.keys()], length));
  }

  /** Adds all tuples of a case that has these classes, one of each dimension. */
  addAll(classes: Classes): void {
    const digits = this.#digits(classes);
    for (const [length, marks] of this.#marks.entries()) {
      for (const places of this.#places[length]!) {
        let at = 0;
        for (const place of places) at = at * this.#base + digits[place]!;
        marks[at] = 1;
      }
    }
  }

  /** Whether it has a tuple, as far as that is about its dimensions. */
  has(tuple: Classes): boolean {
    const digits = this.#digits(tuple);
    return this.#marks[digits.length]![digits.reduce((at, digit) => at * this.#base + digit, 0)] === 1;
  }

  /** The numbers of classes, in the order of their dimensions. */
  #digits(classes: Classes): number[] {
    const digits: number[] = [];
    for (const [name, numbers] of this.#numbers) {
      const found = classes[name];
      if (found !== undefined) digits.push(numbers.get(found)!);
    }
    return digits;
  }
}

/** Every tuple of `size` classes that is part of a complete assignment which keeps all constraints. */
export function feasibleTuples(model: Model, size: number): Classes[] {
  const possible = new TupleSet(boundDimensions(model), size);
  for (const classes of assignments(boundDimensions(model), model.constraints)) possible.addAll(classes);
  return choices(model.dimensions, size)
    .flatMap((dimensions) => assignments(dimensions, []))
    .filter((tuple) => possible.has(tuple));
}

/** Which of the feasible tuples of `size` classes were drawn. */
export function countTuples(model: Model, drawn: TupleSet, size: number): TupleCount {
  const feasible = feasibleTuples(model, size);
  const missing = feasible.filter((tuple) => !drawn.has(tuple));
  return { feasible: feasible.length, drawn: feasible.length - missing.length, missing };
}
