import fc from 'fast-check';
import {
  type Case,
  caseSchema,
  type InputName,
  inputNames,
  type OpName,
  type Params,
  type Values,
} from '../core/case.ts';
import { operatorOf } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import type { Spec } from '../semantics/semantics.ts';

/*
 * What a campaign runs. It is numbered batches; what batch k holds follows from the campaign's seed, k, the operators and what was
 * known to fail when it began, and from nothing else, so that any case is named by (seed, k, i), and going on means going on at a k.
 */

export const batchSize = 256;

/** Data with more elements stays seeded: nobody reads it, and shrinking it would take for ever. */
export const maxInline = 4096;

/** One drawn case: a valid call, the distribution and seed of its data, and perhaps a way in which it is broken on purpose. */
export interface Draw {
  spec: Spec;
  values: Values;
  /** A tensor that is of small integers whatever the others are. */
  plain?: InputName | null;
  seed: number;
  twist: string | null;
}

const arbitraries = new Map<OpName, fc.Arbitrary<Draw>>();

/** One operator's draws. Shrinks towards plain layers of small integers; the seed and the twist stay as they are. */
export function drawArbitrary(operator: Operator): fc.Arbitrary<Draw> {
  const made = arbitraries.get(operator.name) ?? newDrawArbitrary(operator);
  arbitraries.set(operator.name, made);
  return made;
}

function newDrawArbitrary(operator: Operator): fc.Arbitrary<Draw> {
  return fc.record({
    spec: operator.arbitrary,
    // What only copies is exact for all values: what may be lost there are special ones.
    values: operator.rounding === null ? sharesOf(4, 2, 4) : sharesOf(6, 2, 2),
    // A zero and an infinity, or a NaN, hardly ever meet where both are strewn among other numbers.
    plain: fc.constantFrom<InputName | null>(null, null, 'input', 'weight'),
    seed: fc.noShrink(fc.nat({ max: 2 ** 31 - 1 })),
    twist: fc.noShrink(
      fc.oneof(
        { arbitrary: fc.constant(null), weight: 9 },
        { arbitrary: fc.constantFrom(...operator.twists.keys()), weight: 1 },
      ),
    ),
  });
}

function sharesOf(lattice: number, normal: number, special: number): fc.Arbitrary<Values> {
  const repeat = (value: Values, times: number) => new Array<Values>(times).fill(value);
  return fc.constantFrom(...repeat('lattice', lattice), ...repeat('normal', normal), ...repeat('special', special));
}

/** A parameter is left out where it has PyTorch's default: `stride=[1]` stays, `stride=1` goes. */
export function spelledOut(operator: Operator, params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([name, value]) => value !== operator.defaults[name]));
}

/**
 * A layer without its twist: as it was drawn, and with each of the parameters that the twist has changed by itself; also the plainest layer
 * with that, since a layer need not have room for a large one.
 */
export function untwisted(op: OpName, spec: Spec, twist: string): Spec[] {
  const operator = operatorOf(op);
  const { params } = operator.twists.get(twist)!(spec);
  const changed = Object.entries(params).filter(([name, value]) => `${value}` !== `${spec.params[name]}`);
  const withOne = [spec, operator.plainest].flatMap((base) =>
    changed.map(([name, value]) => ({ ...base, params: { ...base.params, [name]: value } })),
  );
  return [spec, ...withOne];
}

/** The case that a draw means. */
export function caseOf(op: OpName, draw: Draw): Case {
  const operator = operatorOf(op);
  const spec = draw.twist === null ? draw.spec : operator.twists.get(draw.twist)!(draw.spec);
  const inputs: Partial<Record<InputName, Case['inputs']['input']>> = {};
  for (const [offset, name] of inputNames.entries()) {
    const shape = spec.shapes[name];
    if (shape === undefined) continue;
    const values = name === draw.plain && draw.values === 'special' ? 'lattice' : draw.values;
    const data = { kind: 'seeded' as const, values, seed: draw.seed + offset };
    inputs[name] = { dtype: spec.dtypes[name]!, shape, data };
  }
  return { schema: caseSchema, op, params: spelledOut(operator, spec.params), inputs: inputs as Case['inputs'] };
}

/** Joins a campaign's seed and a number to one 32-bit seed. */
function mix(seed: number, k: number): number {
  const high = Math.floor(seed / 2 ** 32) | 0;
  return scatter(scatter(scatter(seed | 0) + high) + k);
}

/** Two rounds of multiply and shift: neighbouring integers come out far apart. */
function scatter(bits: number): number {
  let h = (bits ^ 0x9e3779b1) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return h ^ (h >>> 15);
}

/** Of the draws that are to be rare, one in so many is kept. */
export const rareKept = 4;

/**
 * Batch `k` of the campaign with this seed: `size` draws, the operators taking turns. Three of four draws for which `isRare` holds
 * are replaced by others for which it does not, as far as there are any among as many again.
 */
export function drawBatch(
  seed: number,
  k: number,
  ops: readonly OpName[],
  size = batchSize,
  isRare: (op: OpName, draw: Draw) => boolean = () => false,
): { op: OpName; draw: Draw }[] {
  const perOperator = Math.ceil(batchSize / ops.length);
  // Each batch restarts fast-check's run number, and with it the bias towards edge cases that would fade over a long run.
  const sample = (op: OpName, salt: number) =>
    fc.sample(drawArbitrary(operatorOf(op)), { seed: salt, numRuns: perOperator });
  const drawn = ops.map((op, i) => {
    const own = mix(mix(seed, k), i);
    const draws = sample(op, own);
    const rare = draws.map((draw) => isRare(op, draw));
    const replaced = rare.flatMap((is, at) => (is && at % rareKept !== 0 ? [at] : []));
    if (replaced.length === 0) return draws;
    const others = sample(op, mix(own, 1)).filter((draw) => !isRare(op, draw));
    return draws.map((draw, at) => others[replaced.indexOf(at)] ?? draw);
  });
  return Array.from({ length: size }, (_, i) => ({
    op: ops[i % ops.length]!,
    draw: drawn[i % ops.length]![Math.floor(i / ops.length)]!,
  }));
}
