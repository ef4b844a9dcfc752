import {
  at,
  exchanged,
  filled,
  type Mutant,
  mapped,
  moved,
  mutant,
  resized,
  type Scene,
  several,
  transposed,
} from './mutant.ts';

/* Mistakes in transposed convolutions: what is cropped, where output_padding goes, what the other parameters mean there. */

const severalTransposed = several.filter((op) => transposed.includes(op));

/** The whole output, nothing cropped and nothing appended, without the bias. */
function whole(s: Scene) {
  const none = s.list('padding').map(() => 0);
  const bias = s.bias === undefined ? {} : { bias: mapped(s.bias, () => 0) };
  return s.right({ padding: none, output_padding: none }, bias);
}

/** A part of the whole output that begins at `from`, with the bias; zeros beyond it. */
function part(s: Scene, from: readonly number[]) {
  const [all, shape] = [whole(s), s.right().shape];
  return filled(
    shape,
    ([n, c, ...i]) => at(all, [n!, c!, ...i.map((o, axis) => o + from[axis]!)]) + (s.bias?.data[c!] ?? 0),
  );
}

export const transposedMutants: readonly Mutant[] = [
  mutant('output_padding in front', transposed, (s) =>
    part(
      s,
      s.list('padding').map((p, i) => p - s.list('output_padding')[i]!),
    ),
  ),
  mutant('output_padding at both ends by halves', transposed, (s) =>
    part(
      s,
      s.list('padding').map((p, i) => p - Math.floor(s.list('output_padding')[i]! / 2)),
    ),
  ),
  mutant('output_padding: zeros after cropping', transposed, (s) => {
    const y = s.right();
    const from = y.shape.slice(2).map((size, i) => size - s.list('output_padding')[i]!);
    return mapped(y, (v, [, c, ...i]) => (i.some((o, axis) => o >= from[axis]!) ? (s.bias?.data[c!] ?? 0) : v));
  }),
  mutant('bias before output_padding', transposed, (s) => {
    const { shape } = whole(s);
    const biased = (c: number, i: number[]) => {
      const inside = i.every((o, axis) => o + s.list('padding')[axis]! < shape[axis + 2]!);
      return inside ? 0 : (s.bias?.data[c] ?? 0);
    };
    return mapped(s.right(), (v, [, c, ...i]) => v - biased(c!, i));
  }),
  mutant('output_padding of the last axis for all', severalTransposed, (s) =>
    s.fitted({ output_padding: s.list('output_padding').map(() => s.list('output_padding').at(-1)!) }),
  ),
  mutant('output_paddings of the last two axes exchanged', severalTransposed, (s) =>
    s.fitted({ output_padding: exchanged(s.list('output_padding')) }),
  ),
  mutant('output_padding of stride or more is cut to stride − 1', transposed, (s) =>
    s.fitted({ output_padding: s.list('output_padding').map((p, i) => Math.min(p, s.list('stride')[i]! - 1)) }),
  ),
  mutant('padding cropped in front only, twice', transposed, (s) =>
    part(
      s,
      s.list('padding').map((p) => 2 * p),
    ),
  ),
  mutant('padding cropped behind only, twice', transposed, (s) =>
    part(
      s,
      s.list('padding').map(() => 0),
    ),
  ),
  mutant('padding cropped less by one', transposed, (s) =>
    part(
      s,
      s.list('padding').map((p) => Math.max(0, p - 1)),
    ),
  ),
  mutant("SAME's crop: half of what the kernel has more than the stride", transposed, (s) =>
    part(
      s,
      s.list('padding').map((p, i) => {
        const more = s.weight.shape[i + 2]! - s.list('stride')[i]!;
        return s.list('dilation')[i] === 1 && more >= 0 && s.list('output_padding')[i] === 1 ? Math.floor(more / 2) : p;
      }),
    ),
  ),
  mutant('a crop of more than the kernel is cut', transposed, (s) =>
    part(
      s,
      s.list('padding').map((p, i) => Math.min(p, s.list('dilation')[i]! * (s.weight.shape[i + 2]! - 1))),
    ),
  ),
  mutant('copies of the kernel overwrite each other', transposed, (s) => {
    if (s.axes !== 1 || s.groups !== 1 || s.weight.shape[0] !== 1) return s.right();
    const y = filled(whole(s).shape, () => 0);
    const [stride, dilation] = [s.list('stride')[0]!, s.list('dilation')[0]!];
    const [batch, , length] = s.input.shape as [number, number, number];
    const [, out, kernel] = s.weight.shape as [number, number, number];
    for (let n = 0; n < batch; n++)
      for (let i = 0; i < length; i++)
        for (let c = 0; c < out; c++)
          for (let k = 0; k < kernel; k++)
            y.data[(n * out + c) * y.shape[2]! + i * stride + k * dilation] =
              at(s.input, [n, 0, i]) * at(s.weight, [0, c, k]);
    return filled(
      s.right().shape,
      ([n, c, i]) => at(y, [n!, c!, i! + s.list('padding')[0]!]) + (s.bias?.data[c!] ?? 0),
    );
  }),
  mutant('gaps between the copies lack the bias', transposed, (s) => {
    const last = s.axes - 1;
    const [stride, padding, dilation] = [s.list('stride')[last]!, s.list('padding')[last]!, s.list('dilation')[last]!];
    const span = dilation * (s.weight.shape.at(-1)! - 1) + 1;
    if (stride <= span) return s.right();
    return mapped(s.right(), (v, [, c, ...i]) =>
      (i[last]! + padding) % stride >= span ? v - (s.bias?.data[c!] ?? 0) : v,
    );
  }),
  mutant('dilation not counted in the size of what is cropped', transposed, (s) =>
    part(
      s,
      s.list('padding').map((p, i) => p - (s.list('dilation')[i]! - 1) * (s.weight.shape[i + 2]! - 1)),
    ),
  ),
  mutant('stride and dilation with a common divisor', transposed, (s) =>
    s.list('stride').some((stride, i) => stride > 1 && s.list('dilation')[i] === stride)
      ? s.fitted({ dilation: s.list('dilation').map((d, i) => (s.list('stride')[i] === d ? 1 : d)) })
      : s.right(),
  ),
  mutant('the weight as of a convolution: (out, in / groups, …)', transposed, (s) => {
    const [first, second] = s.weight.shape as [number, number];
    if (first !== second * s.groups || second === 1) return s.right();
    return s.right(
      {},
      {
        weight: moved(s.weight, ([a, b, ...k]) => {
          const group = Math.floor(a! / second);
          return [group * second + b!, a! % second, ...k];
        }),
      },
    );
  }),
  mutant('input not spread beyond its last element but one', transposed, (s) => {
    const last = s.input.shape.at(-1)! - 1;
    if (s.list('stride').at(-1)! < 2 || s.list('output_padding').at(-1)! === 0) return s.right();
    return s.right({}, { input: mapped(s.input, (v, i) => (i.at(-1)! === last ? 0 : v)) });
  }),
  mutant('a result of a single element is left empty', transposed, (s) => {
    const y = s.right();
    return y.shape.slice(2).every((size) => size === 1) ? mapped(y, () => 0) : y;
  }),
  mutant('rows beyond the input have the size of the columns', severalTransposed, (s) => {
    const y = s.right();
    const [tall, wide] = y.shape.slice(-2) as [number, number];
    return tall > wide ? mapped(y, (v, i) => (i.at(-2)! >= wide ? 0 : v)) : resized(y, y.shape);
  }),
];
