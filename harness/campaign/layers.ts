import { type Case, type InputName, inputNames, type JsonNumber, type TensorSpec, type Values } from '../core/case.ts';
import { elementCount, sameShape } from '../core/tensor.ts';
import { type Call, prepare } from '../operators/call.ts';
import type { Spec } from '../semantics/semantics.ts';
import { maxInline, spelledOut } from './plan.ts';

/* Calls like a given one: with another layer, or with other data. */

/** Small integers may hide a mistake: what is said to pass has passed with so many data. */
const tries = 3;
/** Numbers of this size or as close to 0 are special ones. */
const beyond = 2 ** 20;

/** What sort of values a tensor has. */
function valuesOf({ data }: TensorSpec): Values {
  if (data.kind === 'seeded') return data.values;
  const isPlain = (value: JsonNumber) => Number.isInteger(value) && Math.abs(Number(value)) <= 8;
  const isSpecial = (value: JsonNumber) => {
    const size = Math.abs(Number(value));
    return typeof value === 'string' || (size > 0 && !(size > 1 / beyond && size < beyond));
  };
  if (data.values.some(isSpecial)) return 'special';
  return data.values.every(isPlain) ? 'lattice' : 'normal';
}

/** Written-out data, as often as it takes for so many elements; null where there are too many, or the data are seeded. */
function repeated(data: TensorSpec['data'], count: number): TensorSpec['data'] | null {
  if (data.kind === 'seeded' || data.values.length === 0 || count > maxInline) return null;
  return { kind: 'inline', values: Array.from({ length: count }, (_, i) => data.values[i % data.values.length]!) };
}

/** The case with another layer, on data of several seeds, drawn as its own are; on plain integers where its values do not matter. */
export function withLayer({ operator, case: testCase }: Call, spec: Spec, isPlain: boolean): Call[] {
  return Array.from({ length: tries }, (_, attempt) => {
    const inputs: Partial<Record<InputName, Case['inputs']['input']>> = {};
    for (const [offset, name] of inputNames.entries()) {
      const shape = spec.shapes[name];
      if (shape === undefined) continue;
      const own = testCase.inputs[name];
      const seed = own?.data.kind === 'seeded' ? own.data.seed : 1 + offset;
      const values = isPlain || own === undefined ? ('lattice' as const) : valuesOf(own);
      const again = attempt === 0 && values !== 'lattice' ? repeated(own!.data, elementCount(shape)) : null;
      const data = again ?? {
        kind: 'seeded' as const,
        values,
        seed: (seed + attempt * inputNames.length) % 2 ** 31,
      };
      inputs[name] = { dtype: spec.dtypes[name]!, shape, data };
    }
    return prepare({ ...testCase, params: spelledOut(operator, spec.params), inputs: inputs as Case['inputs'] });
  });
}

/**
 * The call with results of other sizes, on plain integers; none where no two axes of its result are as long, since one that has its axes
 * in another order would have another shape.
 */
export function withOtherSizes(call: Call): Call[] {
  const { operator, spec } = call;
  const own = operator.outputShape(spec);
  const sizes = own.filter((size) => size > 1);
  if (new Set(sizes).size === sizes.length) return [];
  const specs = operator.without(spec, []).filter((other) => !sameShape(operator.outputShape(other), own));
  return specs.flatMap((other) => withLayer(call, other, true));
}

/** Whether a case has small integers only, as most data are that are drawn. */
export function isOfPlainIntegers({ case: { inputs } }: Call): boolean {
  return Object.values(inputs).every((tensor) => valuesOf(tensor) === 'lattice');
}

/** The case with such integers, of several seeds. */
export function withPlainIntegers(call: Call): Call[] {
  return withLayer(call, call.spec, true);
}

/** Calls without those that are in them already. */
export function unlike(calls: readonly Call[]): Call[] {
  return [...new Map(calls.map((call) => [keyOf(call), call])).values()];
}

const keys = new WeakMap<Call, string>();

export function keyOf(call: Call): string {
  const key = keys.get(call) ?? JSON.stringify(call.case);
  keys.set(call, key);
  return key;
}
