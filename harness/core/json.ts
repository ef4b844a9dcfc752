import type { JsonNumber, Params } from './case.ts';

/** A number as JSON can hold it; NaN, the infinities and −0 become strings. */
export function toJsonNumber(value: number): JsonNumber {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return 'Infinity';
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity';
  if (Object.is(value, -0)) return '-0';
  return value;
}

export function fromJsonNumber(value: JsonNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

/** Parameters as JSON can hold them. The only one that may be no finite number is `value`, of `pad`. */
export function toJsonParams(params: Params): Params {
  return typeof params.value === 'number' ? { ...params, value: toJsonNumber(params.value) } : params;
}

/** Parameters that JSON held, with numbers for numbers. */
export function fromJsonParams(params: Params): Params {
  return typeof params.value === 'string' ? { ...params, value: Number(params.value) } : params;
}
