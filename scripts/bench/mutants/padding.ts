import type { Tensor } from '../../../harness/core/tensor.ts';
import { at, filled, type Mutant, mapped, mutant, type Scene } from './mutant.ts';

/* Mistakes in padding. */

const ops = ['pad'] as const;
const mode = (s: Scene) => s.params.mode as string;
const widths = (s: Scene) => s.params.pad as number[];
const value = (s: Scene) => Number(s.params.value);
const pairs = (s: Scene) =>
  Array.from({ length: widths(s).length / 2 }, (_, i): [number, number] => [widths(s)[2 * i]!, widths(s)[2 * i + 1]!]);

function otherwise(s: Scene, pad: readonly (readonly [number, number])[]): Tensor {
  return s.fitted({ pad: pad.flat() });
}

/** The output's elements by where they come from along each dimension; null: the value. */
function sourced(s: Scene, source: (i: number, size: number, axis: number) => number | null): Tensor {
  const { shape } = s.right();
  const { length } = pairs(s);
  return filled(
    shape,
    (index) => {
      const from = index.map((o, axis) => {
        const k = shape.length - 1 - axis;
        if (k >= length) return o;
        return source(o - pairs(s)[k]![0], s.input.shape[axis]!, axis);
      });
      return from.some((i) => i === null) ? value(s) : at(s.input, from as number[]);
    },
    s.input.dtype,
  );
}

export const padMutants: readonly Mutant[] = [
  mutant('pads listed from the first dimension', ops, (s) => otherwise(s, [...pairs(s)].reverse())),
  mutant('before and after exchanged', ops, (s) =>
    otherwise(
      s,
      pairs(s).map(([a, b]) => [b, a]),
    ),
  ),
  mutant('before and after exchanged beyond the last dimension', ops, (s) =>
    otherwise(
      s,
      pairs(s).map(([a, b], i) => (i > 0 ? [b, a] : [a, b])),
    ),
  ),
  mutant('before for both ends', ops, (s) =>
    otherwise(
      s,
      pairs(s).map(([a]) => [a, a]),
    ),
  ),
  mutant('negative pads taken for 0', ops, (s) =>
    otherwise(
      s,
      pairs(s).map(([a, b]) => [Math.max(0, a), Math.max(0, b)]),
    ),
  ),
  mutant('negative pads in front taken for 0', ops, (s) =>
    otherwise(
      s,
      pairs(s).map(([a, b]) => [Math.max(0, a), b]),
    ),
  ),
  mutant('only the last dimension padded', ops, (s) =>
    otherwise(
      s,
      pairs(s).map((pair, i) => (i === 0 ? pair : [0, 0])),
    ),
  ),
  mutant('the third dimension from the end not padded', ops, (s) =>
    otherwise(
      s,
      pairs(s).map((pair, i) => (i === 2 ? [0, 0] : pair)),
    ),
  ),
  mutant('value ignored', ops, (s) => s.right({ value: 0 })),
  mutant('value rounded to a whole number', ops, (s) => s.right({ value: Math.round(value(s)) })),
  mutant('value −0 taken for 0', ops, (s) => s.right({ value: value(s) + 0 })),
  mutant('value NaN taken for 0', ops, (s) => (Number.isNaN(value(s)) ? s.right({ value: 0 }) : s.right())),
  mutant('value taken for a byte', ops, (s) => s.right({ value: value(s) > 255 ? 255 : value(s) })),
  mutant('int32 by way of float32', ops, (s) =>
    s.input.dtype === 'int32' ? mapped(s.right(), (v) => Math.fround(v)) : s.right(),
  ),
  mutant('int32: a fraction as value rounded up', ops, (s) =>
    s.input.dtype === 'int32' ? s.right({ value: Math.ceil(value(s)) }) : s.right(),
  ),
  mutant('reflect repeats the edge', ops, (s) =>
    mode(s) !== 'reflect' ? s.right() : sourced(s, (i, size) => (i < 0 ? -i - 1 : i >= size ? 2 * size - 1 - i : i)),
  ),
  mutant('reflect as replicate', ops, (s) =>
    mode(s) !== 'reflect' ? s.right() : sourced(s, (i, size) => Math.min(Math.max(i, 0), size - 1)),
  ),
  mutant('reflect behind begins with the edge', ops, (s) =>
    mode(s) !== 'reflect' ? s.right() : sourced(s, (i, size) => (i < 0 ? -i : i >= size ? 2 * size - 1 - i : i)),
  ),
  mutant('reflect along the last dimension only, replicate elsewhere', ops, (s) =>
    mode(s) !== 'reflect'
      ? s.right()
      : sourced(s, (i, size, axis) => {
          if (axis < s.input.shape.length - 1) return Math.min(Math.max(i, 0), size - 1);
          return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
        }),
  ),
  mutant('replicate puts zeros', ops, (s) =>
    mode(s) !== 'replicate' ? s.right() : sourced(s, (i, size) => (i < 0 || i >= size ? null : i)),
  ),
  mutant('replicate repeats the first element at both ends', ops, (s) =>
    mode(s) !== 'replicate' ? s.right() : sourced(s, (i, size) => (i < 0 || i >= size ? 0 : i)),
  ),
  mutant('circular runs the other way', ops, (s) =>
    mode(s) !== 'circular' ? s.right() : sourced(s, (i, size) => (i < 0 ? -i - 1 : i >= size ? 2 * size - 1 - i : i)),
  ),
  mutant('circular off by one in front', ops, (s) =>
    mode(s) !== 'circular' ? s.right() : sourced(s, (i, size) => (i < 0 ? (i + size + 1) % size : i % size)),
  ),
  mutant('circular round the whole input where a negative pad has cropped it', ops, (s) =>
    mode(s) !== 'circular' ? s.right() : sourced(s, (i, size) => ((i % size) + size) % size),
  ),
  mutant('the last element of what is added left to zero', ops, (s) => {
    const y = s.right();
    return pairs(s).some(([, b]) => b > 0)
      ? mapped(y, (v, i) => (i.every((o, axis) => o === y.shape[axis]! - 1) ? 0 : v))
      : y;
  }),
  mutant('zeros of the input lose their sign', ops, (s) => mapped(s.right(), (v) => v + 0)),
];
