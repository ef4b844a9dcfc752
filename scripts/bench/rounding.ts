import Table from 'cli-table3';
import { Allowances } from '../../harness/compare/allowance.ts';
import { type Case, caseSchema, type TensorSpec, type Values } from '../../harness/core/case.ts';
import { type Call, prepare } from '../../harness/operators/call.ts';

/*
 * Whether the rounding bound is one: inner products summed in float32 in many orders, over ordinary and adversarial data, must lie
 * within it, all of them. And how much of it they use: a bound that nothing comes near would hide mistakes.
 *
 * Each order computes the same elements, so many in all:
 */
const elementsWanted = 10_000_000;
/** Of these, how many have so many taps: the work is about the same for each size beyond 10. */
const shares: readonly (readonly [taps: number, share: number])[] = [
  [1, 0.2],
  [2, 0.2],
  [3, 0.2],
  [5, 0.15],
  [9, 0.15],
  [27, 0.06],
  [100, 0.03],
  [300, 0.008],
  [1000, 0.0016],
  [3000, 0.0003],
  [10_000, 0.0001],
];

type Multiply = (sum: number, x: number, w: number) => number;
const fround = Math.fround;
/** Product and sum are each rounded. */
const plain: Multiply = (sum, x, w) => fround(sum + fround(x * w));
/** The product of two float32 is exact in float64, so that only the sum is rounded (in float64, and then to float32). */
const fused: Multiply = (sum, x, w) => fround(sum + x * w);

type Sum = (x: Float32Array, w: Float32Array, multiply: Multiply) => number;

function sequential(x: Float32Array, w: Float32Array, multiply: Multiply): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum = multiply(sum, x[i]!, w[i]!);
  return sum;
}

function reversed(x: Float32Array, w: Float32Array, multiply: Multiply): number {
  let sum = 0;
  for (let i = x.length - 1; i >= 0; i--) sum = multiply(sum, x[i]!, w[i]!);
  return sum;
}

function pairwiseOf(x: Float32Array, w: Float32Array, multiply: Multiply, from: number, to: number): number {
  if (to - from === 1) return multiply(0, x[from]!, w[from]!);
  const middle = (from + to) >> 1;
  return fround(pairwiseOf(x, w, multiply, from, middle) + pairwiseOf(x, w, multiply, middle, to));
}

function blocked(x: Float32Array, w: Float32Array, multiply: Multiply): number {
  let all = 0;
  for (let from = 0; from < x.length; from += 16) {
    let sum = 0;
    for (let i = from; i < Math.min(from + 16, x.length); i++) sum = multiply(sum, x[i]!, w[i]!);
    all = fround(all + sum);
  }
  return all;
}

function lanes(x: Float32Array, w: Float32Array, multiply: Multiply): number {
  const sums = new Float32Array(8);
  for (let i = 0; i < x.length; i++) sums[i & 7] = multiply(sums[i & 7]!, x[i]!, w[i]!);
  let all = 0;
  for (const sum of sums) all = fround(all + sum);
  return all;
}

/** The largest products last, or first: what is added to a large sum is rounded most. */
function byMagnitude(sign: 1 | -1): Sum {
  return (x, w, multiply) => {
    const order = Array.from(x.keys()).sort((a, b) => sign * (Math.abs(x[a]! * w[a]!) - Math.abs(x[b]! * w[b]!)));
    let sum = 0;
    for (const i of order) sum = multiply(sum, x[i]!, w[i]!);
    return sum;
  };
}

const orders: Record<string, Sum> = {
  sequential,
  reversed,
  pairwise: (x, w, multiply) => pairwiseOf(x, w, multiply, 0, x.length),
  'in blocks of 16': blocked,
  '8 lanes': lanes,
  'small products first': byMagnitude(1),
  'large products first': byMagnitude(-1),
};

const random = (seed: number, i: number) => {
  let h = Math.imul(seed ^ Math.imul(i + 1, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return ((h ^ (h >>> 13)) >>> 0) / 2 ** 32;
};
/** The i-th element of an operand, which meets the inner products as their `tap`-th: made to round badly. */
type Fill = (i: number, tap: number, seed: number) => number;
const adversarial: Record<string, Fill> = {
  // Every sum is rounded.
  'just over one': (i, _, seed) => 1 + Math.floor(random(seed, i) * 3) * 2 ** -23,
  // One product of 1, and then others of a little more than half a unit of the sum: each is rounded up, as far as can be.
  'half units': (i, tap, seed) => (tap === 0 ? 1 : 2 ** -12 * (1 + Math.floor(random(seed, i) * 4 + 1) * 2 ** -12)),
  // What is large cancels, what is small remains.
  cancelling: (i, tap, seed) =>
    (tap % 2 === 0 ? 1 : -1) * (1 + random(seed, i >> 1)) * (tap % 7 === 0 ? 1 + 2 ** -12 : 1),
  // Of all magnitudes.
  spread: (i, _, seed) => (random(seed, i) - 0.5) * 2 ** (Math.floor(random(~seed, i) * 40) - 20),
  // Products that underflow.
  tiny: (i, _, seed) => (random(seed, i) - 0.5) * 2 ** -70,
};
const own: readonly Values[] = ['normal', 'lattice'];
const kinds = [...own, ...Object.keys(adversarial)];

/** A convolution of `outputs`² elements with one tap and `taps` channels: each element is an inner product of two rows. */
function callOf(taps: number, outputs: number, kind: string, seed: number): Call {
  const spec = (shape: number[], tapOf: (i: number) => number, ownSeed: number): TensorSpec => {
    const length = shape.reduce((all, size) => all * size, 1);
    const fill = adversarial[kind];
    const data =
      fill === undefined
        ? ({ kind: 'seeded', values: kind as Values, seed: ownSeed } as const)
        : ({ kind: 'inline', values: Array.from({ length }, (_, i) => fround(fill(i, tapOf(i), ownSeed))) } as const);
    return { dtype: 'float32', shape, data };
  };
  const inputs = {
    input: spec([1, taps, outputs], (i) => Math.floor(i / outputs), seed),
    weight: spec([outputs, taps, 1], (i) => i % taps, seed + 1),
  };
  return prepare({ schema: caseSchema, op: 'conv1d', params: {}, inputs } satisfies Case);
}

interface Worst {
  elements: number;
  violations: number;
  ratio: number;
}

const results = new Map<string, Map<number, Worst>>();

function tell(name: string, taps: number, ratio: number): void {
  const bySize = results.get(name) ?? new Map<number, Worst>();
  results.set(name, bySize);
  const worst = bySize.get(taps) ?? { elements: 0, violations: 0, ratio: 0 };
  bySize.set(taps, worst);
  worst.elements += 1;
  if (ratio > 1) worst.violations += 1;
  if (ratio > worst.ratio) worst.ratio = ratio;
}

/** All elements of one call, in every order. */
function run(call: Call, taps: number, outputs: number): void {
  const { input, weight } = call.tensors;
  const exact = call.operator.evaluate(call.spec, { input: input.data, weight: weight!.data });
  const allowances = new Allowances(call, call.operator.rounding!, { flushesDenormals: false });
  const columns = Array.from({ length: outputs }, (_, o) =>
    Float32Array.from({ length: taps }, (_, c) => input.data[c * outputs + o]!),
  );
  const rows = Array.from({ length: outputs }, (_, o) =>
    (weight!.data as Float32Array).subarray(o * taps, (o + 1) * taps),
  );
  for (let at = 0; at < exact.length; at++) {
    const [w, x] = [rows[Math.floor(at / outputs)]!, columns[at % outputs]!];
    const allowance = allowances.at(at, exact[at]!);
    if (allowance.kind !== 'within') continue;
    for (const [name, sum] of Object.entries(orders)) {
      for (const [how, multiply] of [
        ['', plain],
        [', fused', fused],
      ] as const) {
        const difference = Math.abs(sum(x, w, multiply) - exact[at]!);
        tell(`${name}${how}`, taps, difference === 0 ? 0 : difference / allowance.bound);
      }
    }
  }
}

const scale = Number(process.argv[2] ?? 1);
for (const [taps, share] of shares) {
  const outputs = taps <= 9 ? 100 : taps <= 300 ? 30 : 10;
  const calls = Math.ceil((elementsWanted * scale * share) / outputs ** 2);
  for (let i = 0; i < calls; i++) run(callOf(taps, outputs, kinds[i % kinds.length]!, 2 * i), taps, outputs);
  process.stderr.write(`${taps} taps: done after ${(performance.now() / 1000).toFixed(0)} s\n`);
}

const sizes = shares.map(([taps]) => taps);
const table = new Table({
  head: ['largest error / bound', ...sizes.map((taps) => `${taps} taps`), 'elements', 'violations'],
  style: { head: [] },
});
let violations = 0;
for (const [name, bySize] of results) {
  const all = [...bySize.values()];
  const broken = all.reduce((sum, one) => sum + one.violations, 0);
  const elements = all.reduce((sum, one) => sum + one.elements, 0);
  violations += broken;
  table.push([
    name,
    ...sizes.map((taps) => bySize.get(taps)?.ratio.toFixed(3) ?? ''),
    elements.toLocaleString('en-US'),
    broken,
  ]);
}
console.log(String(table));
console.log(`${violations} violations`);
process.exit(violations === 0 ? 0 : 1);
