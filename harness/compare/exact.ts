import { elementCount, flatIndex, indexOf } from '../core/tensor.ts';
import type { Call } from '../operators/call.ts';
import { convolutionPadding } from '../semantics/convolution.ts';

/*
 * Single elements of a sum in exact arithmetic, straight from PyTorch's formulas: a second opinion that shares no code
 * with PyTorch, and none with the operators' own `evaluate`.
 *
 * A finite float is an integer times 2⁻¹⁰⁷⁴, so products and their sums are integers times 2⁻²¹⁴⁸, which a BigInt holds.
 */

/** 2⁻¹⁰⁷⁴, the smallest float64, in these units is 1. */
const fraction = 1074;

const view = new DataView(new ArrayBuffer(8));

/** A finite float64 as a multiple of 2⁻¹⁰⁷⁴. */
export function exactly(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const significand = bits & 0xf_ffff_ffff_ffffn;
  const magnitude = exponent === 0 ? significand : (significand | 0x10_0000_0000_0000n) << BigInt(exponent - 1);
  return bits >> 63n === 0n ? magnitude : -magnitude;
}

/** One product of a sum: an element of the input and one of the weight, by their flat indices. */
interface Product {
  input: number;
  weight: number;
}

/**
 * An element as a sum, in exact arithmetic, with Σ|x||w| + |b| and the largest power of two that all addends are multiples of; or only
 * what float arithmetic makes of it, where an addend is not finite.
 */
export type ExactElement =
  | { kind: 'finite'; sum: bigint; magnitude: bigint; unit: bigint; terms: number }
  | { kind: 'not finite'; value: number };

/** The element of a sum at an index as the case has it. The call is valid, and of an operator that sums. */
export function exactElement(call: Call, index: readonly number[]): ExactElement {
  const terms = call.operator.gradient === null ? layerTerms(call, index) : gradientTerms(call, index);
  if (!terms.flat().every(Number.isFinite)) {
    return { kind: 'not finite', value: terms.reduce((sum, [x, w]) => sum + x * w, 0) };
  }
  let [sum, magnitude, bits] = [0n, 0n, 0n];
  for (const [x, w] of terms) {
    const product = exactly(x) * exactly(w);
    sum += product;
    magnitude += product < 0n ? -product : product;
    bits |= product;
  }
  return { kind: 'finite', sum, magnitude, unit: bits & -bits, terms: terms.length };
}

type Term = readonly [number, number];

function layerTerms(call: Call, index: readonly number[]): Term[] {
  const { input, weight, bias } = call.tensors;
  const full = call.addsBatch ? [0, ...index] : [...index];
  const terms = productsOf(call, full).map(
    (product): Term => [input.data[product.input]!, weight!.data[product.weight]!],
  );
  return bias === undefined ? terms : [...terms, [bias.data[full[1]!]!, 1]];
}

/** Of all that the operator sums anywhere, what has the operand's element in it. */
function gradientTerms(call: Call, index: readonly number[]): Term[] {
  const { of, by } = call.operator.gradient!;
  const { input, weight, grad_output } = call.tensors;
  const at = flatIndex(index, call.spec.shapes[by]!);
  const shape = of.outputShape(call.spec);
  const terms: Term[] = [];
  if (of.family === 'padding') {
    // Where each element comes from, seen by padding the indices; NaN is in none of them.
    const indices = Float64Array.from(input.data, (_, i) => i);
    const origins = of.evaluate(
      { ...call.spec, params: { ...call.spec.params, value: Number.NaN } },
      { input: indices },
    );
    for (const [o, origin] of origins.entries()) if (origin === at) terms.push([grad_output!.data[o]!, 1]);
    return terms;
  }
  const batched = call.addsBatch ? [1, ...shape] : shape;
  for (const [o, dy] of grad_output!.data.entries()) {
    const position = indexOf(o, batched);
    if (by === 'bias') {
      if (position[1] === at) terms.push([dy, 1]);
      continue;
    }
    for (const product of productsOf(call, position)) {
      if (product[by] === at)
        terms.push([dy, by === 'input' ? weight!.data[product.weight]! : input.data[product.input]!]);
    }
  }
  return terms;
}

/**
 * Whether a float64 is no further from an exact sum than rounding in float64 explains: (terms + 1)·2⁻⁵³·Σ|x||w| and as many of the
 * smallest float64 (Higham, §3.1; see docs/explanation/verdicts.md). Where every partial sum is a float64, nothing is rounded.
 */
export function isRounded(value: number, exact: ExactElement): boolean {
  if (exact.kind === 'not finite') return Object.is(value + 0, exact.value + 0);
  if (!Number.isFinite(value)) return false;
  const difference = (exactly(value) << BigInt(fraction)) - exact.sum;
  if (exact.magnitude < exact.unit << 53n) return difference === 0n;
  const terms = BigInt(exact.terms + 1);
  const allowed = terms * exact.magnitude + ((terms << BigInt(fraction)) << 53n);
  return (difference < 0n ? -difference : difference) << 53n <= allowed;
}

/** The products that make an element; those with padding, or between the elements, are not among them. */
function productsOf(call: Call, [n, co, ...position]: number[]): Product[] {
  const params = call.normalised!;
  const isTransposed = call.operator.family === 'transposed convolution';
  const inputShape = call.addsBatch ? [1, ...call.spec.shapes.input] : call.spec.shapes.input;
  const weightShape = call.spec.shapes.weight!;
  const [first, second, ...kernel] = weightShape as [number, number, ...number[]];
  const groups = params.groups as number;
  const [strides, dilations] = [params.stride as number[], params.dilation as number[]];
  const paddings = isTransposed
    ? (params.padding as number[])
    : convolutionPadding(params.padding!, kernel, dilations).map(({ before }) => before);
  const inPerGroup = isTransposed ? first / groups : second;
  const outPerGroup = isTransposed ? second : first / groups;
  const group = Math.floor(co! / outPerGroup);
  const products: Product[] = [];
  for (let tap = 0; tap < elementCount(kernel); tap++) {
    const k = indexOf(tap, kernel);
    const source = position.map((o, axis) => {
      const [stride, dilation, padding] = [strides[axis]!, dilations[axis]!, paddings[axis]!];
      return isTransposed ? (o + padding - k[axis]! * dilation) / stride : o * stride + k[axis]! * dilation - padding;
    });
    const isInside = source.every((i, axis) => Number.isInteger(i) && i >= 0 && i < inputShape[axis + 2]!);
    if (!isInside) continue;
    for (let c = 0; c < inPerGroup; c++) {
      const ci = group * inPerGroup + c;
      const at = isTransposed ? [ci, co! % outPerGroup, ...k] : [co!, c, ...k];
      products.push({ input: flatIndex([n!, ci, ...source], inputShape), weight: flatIndex(at, weightShape) });
    }
  }
  return products;
}
