import type { Draw } from '../campaign/plan.ts';

/** What of a draw its classes follow from. */
export type Sample = Pick<Draw, 'spec' | 'values'>;

/** A question about a valid case, and all answers to it: every case has exactly one. */
export interface Dimension {
  name: string;
  classes: readonly string[];
  of(sample: Sample): string;
}

/** Why some classes do not go together: PyTorch refuses it, or it follows from what the classes mean. */
export interface Constraint {
  why: string;
  /** The names of the dimensions that it is about. */
  on: readonly string[];
  /** Of one class of each of these dimensions, in the same order. */
  holds(...classes: string[]): boolean;
}

/** The classes of an operator's valid cases. Some of them go together where all constraints can hold. */
export interface Model {
  dimensions: readonly Dimension[];
  constraints: readonly Constraint[];
}

/** Classes by the name of their dimension: of all dimensions, or of some. */
export type Classes = Record<string, string>;

/** The class of a sample in each dimension. Throws where a dimension answers with none of its classes. */
export function classesOf({ dimensions }: Model, sample: Sample): Classes {
  const entries = dimensions.map(({ name, classes, of }) => {
    const found = of(sample);
    if (!classes.includes(found)) throw new Error(`${name} has no class ${found}: ${JSON.stringify(sample)}`);
    return [name, found] as const;
  });
  return Object.fromEntries(entries);
}

/** A constraint that these classes break, or null: for those of a valid case, always null. */
export function brokenBy(constraints: readonly Constraint[], classes: Classes): Constraint | null {
  return constraints.find(({ on, holds }) => !holds(...on.map((name) => classes[name]!))) ?? null;
}

/** The dimensions that some constraint is about. The others are free: each of their classes goes with anything. */
export function boundDimensions({ dimensions, constraints }: Model): Dimension[] {
  const named = new Set(constraints.flatMap(({ on }) => on));
  return dimensions.filter(({ name }) => named.has(name));
}

/** Every way to give classes to these dimensions such that the constraints, which are on no others, hold. */
export function assignments(dimensions: readonly Dimension[], constraints: readonly Constraint[]): Classes[] {
  const known = new Set<string>();
  let heads: Classes[] = [{}];
  for (const { name, classes } of dimensions) {
    known.add(name);
    // A constraint is asked as soon as all of its dimensions have a class: that keeps the product small.
    const decided = constraints.filter(({ on }) => on.includes(name) && on.every((one) => known.has(one)));
    heads = heads
      .flatMap((head) => classes.map((one): Classes => ({ ...head, [name]: one })))
      .filter((head) => brokenBy(decided, head) === null);
  }
  return heads;
}
