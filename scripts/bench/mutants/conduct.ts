import { convolutions, filled, layers, type Mutant, mutant, transposed } from './mutant.ts';

/* Mistakes that are in no value: side effects, types, shapes, refusals. */

export const conductMutants: readonly Mutant[] = [
  mutant('adds the bias to its input', layers, (s) => {
    const y = s.right();
    if (s.bias !== undefined) s.input.data[0]! += s.bias.data[0]!;
    return y;
  }),
  mutant('flips its kernel in place', transposed, (s) => {
    const y = s.right();
    s.weight.data.reverse();
    return y;
  }),
  mutant('gives float64 back where it has a bias', layers, (s) => {
    const y = s.right();
    return s.bias === undefined ? y : { ...y, dtype: 'float64', data: Float64Array.from(y.data) };
  }),
  mutant('gives (N, …, C) back', layers, (s) => {
    const y = s.right();
    const [n, c, ...rest] = y.shape as [number, number, ...number[]];
    return filled([n, ...rest, c], (index) => {
      const flat = [index[0]!, index.at(-1)!, ...index.slice(1, -1)];
      return y.data[flat.reduce((sum, i, axis) => sum * y.shape[axis]! + i, 0)]!;
    });
  }),
  mutant('refuses stride and dilation at once', layers, (s) => {
    const both = s.list('stride').some((v) => v > 1) && s.list('dilation').some((v) => v > 1);
    if (both) throw new Error('stride and dilation cannot both be > 1');
    return s.right();
  }),
  mutant('refuses output_padding of stride or more', transposed, (s) => {
    if (s.list('output_padding').some((p, i) => p >= s.list('stride')[i]!))
      throw new Error('output_padding must be less than stride');
    return s.right();
  }),
  mutant('takes a padding of more than half of the kernel for invalid', convolutions, (s) => {
    if (s.list('padding').some((p, i) => p > s.weight.shape[i + 2]! / 2 && s.params.padding !== 'same'))
      throw new Error('bad padding');
    return s.right();
  }),
];
