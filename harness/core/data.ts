import type { DataSpec, Values } from './case.ts';
import { fromJsonNumber } from './json.ts';
import { allocate, type DType, elementCount, type Tensor } from './tensor.ts';

/*
 * Seeded data. Every bit here is public surface: a case file that names a seed means these values, on every machine and in
 * every release that reads `convdiff/case@1`. So the arithmetic is on integers, followed by an exact scaling by a power of
 * two: Math.pow, sin, log and the like differ between releases of JavaScript engines and are not used.
 *
 * An element depends on (kind, seed, its flat index, and for `lattice` the number of elements), so that a tensor that
 * shrinks keeps its beginning.
 */

/** MurmurHash3's 32-bit finaliser: a bijection that scatters neighbouring integers. */
function scatter(bits: number): number {
  let h = bits | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A 32-bit hash of a seed (any safe integer, negative ones too). */
function hashSeed(seed: number): number {
  const low = seed | 0;
  const high = Math.floor(seed / 0x1_0000_0000) | 0;
  return scatter(scatter(low ^ 0x9e3779b9) + Math.imul(high, 0x632be5ab));
}

/** The `n`-th 32-bit draw of the stream of `key`. */
function draw(key: number, n: number): number {
  return scatter(scatter(key + Math.imul(n, 0x9e3779b9)) ^ key);
}

/** 2^exponent as a double, exactly, for −1022 ≤ exponent ≤ 1023. */
function powerOfTwo(exponent: number): number {
  const step = exponent < 0 ? 0.5 : 2;
  let value = 1;
  for (let i = Math.abs(exponent); i > 0; i--) value *= step;
  return value;
}

/**
 * Small integers: in [−8, 8], or nearer to 0 in a large tensor, and beyond 2²¹ elements mostly 0, so that
 * Σ|x||w| + |b| < 2²⁴ whichever tensor takes the part of the weight: Σ|w| ≤ 2²⁰·1.75 and |x| ≤ 8. Every partial sum of a
 * convolution is then an integer that float32 holds exactly.
 */
function lattice(seed: number, out: Tensor['data']): void {
  const key = hashSeed(seed);
  const magnitude = Math.max(1, Math.min(8, Math.floor((7 * 0x40000) / Math.max(1, out.length))));
  const period = Math.ceil(out.length / 0x100000);
  const range = 2 * magnitude + 1;
  for (let i = 0; i < out.length; i++) {
    const value = (draw(key, i) % range) - magnitude;
    out[i] = period > 1 && i % period !== 0 ? 0 : value;
  }
}

/**
 * What sets one `normal` tensor apart from another, by its seed: half are plain standard normal; the rest are scaled as a
 * whole by 2^±(1…24), or element by element by 2^±(0…12) so that sums cancel and small addends drown, or come in pairs of
 * opposite sign.
 */
type Style = { scale: number; spread: boolean; paired: boolean };

function styleOf(key: number): Style {
  const bits = draw(key, -1);
  const plain = { scale: 1, spread: false, paired: false };
  switch (bits & 7) {
    case 4:
      return { ...plain, scale: powerOfTwo(1 + ((bits >>> 3) % 24)) };
    case 5:
      return { ...plain, scale: powerOfTwo(-1 - ((bits >>> 3) % 24)) };
    case 6:
      return { ...plain, spread: true };
    case 7:
      return { ...plain, paired: true };
    default:
      return plain;
  }
}

/** Near enough to standard normal: the sum of 12 uniform 20-bit integers, less its mean, which float32 holds exactly. */
function standardNormal(key: number, i: number): number {
  let sum = -6 * 0xfffff;
  for (let j = 0; j < 12; j++) sum += draw(key, Math.imul(i, 12) + j) >>> 12;
  return sum / 0x100000;
}

function normalAt(key: number, style: Style, i: number): number {
  if (style.paired && (i & 1) === 1) {
    // All but the opposite of its neighbour: 2⁻¹⁰ of it is left when the two are added.
    return -standardNormal(key, i - 1) * (1 - 1 / 1024);
  }
  const value = standardNormal(key, i) * style.scale;
  return style.spread ? value * powerOfTwo((draw(key ^ 0x5bd1e995, i) % 25) - 12) : value;
}

function normal(seed: number, out: Tensor['data']): void {
  const key = hashSeed(seed);
  const style = styleOf(key);
  for (let i = 0; i < out.length; i++) out[i] = normalAt(key, style, i);
}

/** What float32 arithmetic finds hard: zeros with a sign, denormals, the edges of the range, infinities, NaN. */
const specials: readonly (readonly number[])[] = [
  [0, -0],
  [powerOfTwo(-149), -powerOfTwo(-149), powerOfTwo(-130), -3 * powerOfTwo(-140)],
  [powerOfTwo(-126), -powerOfTwo(-126), powerOfTwo(-75), -powerOfTwo(-75)],
  [powerOfTwo(127), -powerOfTwo(127), powerOfTwo(64), -powerOfTwo(64), (2 - powerOfTwo(-23)) * powerOfTwo(127)],
  [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  [Number.NaN],
];

/**
 * Standard normal with special values strewn in: of one family or, one time in four, of all; every 2nd to 32nd element. Seeds
 * choose family and density, so that a single NaN in a finite tensor is as common as a tensor full of denormals.
 */
function special(seed: number, out: Tensor['data']): void {
  const key = hashSeed(seed);
  const bits = draw(key, -1);
  const density = 1 << (1 + (bits % 5));
  const mixed = ((bits >>> 8) & 3) === 0;
  const family = (bits >>> 10) % specials.length;
  for (let i = 0; i < out.length; i++) {
    const choice = draw(key ^ 0x2545f491, i);
    const from = specials[mixed ? (choice >>> 8) % specials.length : family]!;
    out[i] = choice % density === 0 ? from[(choice >>> 16) % from.length]! : standardNormal(key, i);
  }
}

/** `normal` and `special` of int32: integers of any size, among which `special` strews those that are easily rounded or lost. */
function wideIntegers(seed: number, out: Tensor['data']): void {
  const key = hashSeed(seed);
  for (let i = 0; i < out.length; i++) out[i] = draw(key, i) | 0;
}

const specialIntegers = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 24 + 1, -(2 ** 24) - 1, 2 ** 16];

function specialInteger(seed: number, out: Tensor['data']): void {
  wideIntegers(seed, out);
  const key = hashSeed(seed) ^ 0x2545f491;
  for (let i = 0; i < out.length; i++) {
    const choice = draw(key, i);
    if (choice % 2 === 0) out[i] = specialIntegers[(choice >>> 16) % specialIntegers.length]!;
  }
}

const integerFills = { lattice, normal: wideIntegers, special: specialInteger };
const fills: Record<Values, (seed: number, out: Tensor['data']) => void> = { lattice, normal, special };

/** The tensor that a data specification means. Float32 data is rounded once, to nearest. */
export function materialise(dtype: DType, shape: readonly number[], data: DataSpec): Tensor {
  const out = allocate(dtype, elementCount(shape));
  if (data.kind === 'seeded') (dtype === 'int32' ? integerFills : fills)[data.values](data.seed, out);
  else for (let i = 0; i < out.length; i++) out[i] = fromJsonNumber(data.values[i]!);
  return { dtype, shape: [...shape], data: out };
}
