import type { Tensor } from '../../../harness/core/tensor.ts';
import {
  at,
  convolutions,
  exchanged,
  groupsOf,
  isLast,
  kernelOf,
  layers,
  type Mutant,
  mapped,
  moved,
  mutant,
  onOutput,
  padded,
  resized,
  type Scene,
  several,
} from './mutant.ts';

/* Mistakes in how a layer's parameters and operands are read, in convolutions and transposed convolutions alike. */

type Name = 'stride' | 'padding' | 'dilation' | 'output_padding';

const ones = (values: readonly number[]) => values.map(() => 1);

/** One axis' value in the place of another's, or another number, where a parameter is explicit. */
function changed(scene: Scene, name: Name, change: (values: number[]) => number[]): Tensor {
  return typeof scene.params[name] === 'string' ? scene.right() : scene.fitted({ [name]: change(scene.list(name)) });
}

function withWeight(scene: Scene, from: (index: number[]) => number[]): Tensor {
  return scene.right({}, { weight: moved(scene.weight, from) });
}

export const layerMutants: readonly Mutant[] = [
  mutant('stride of the last axis for all', several, (s) => changed(s, 'stride', (v) => v.map(() => v.at(-1)!))),
  mutant('stride of the first axis for all', several, (s) => changed(s, 'stride', (v) => v.map(() => v[0]!))),
  mutant('strides of the last two axes exchanged', several, (s) => changed(s, 'stride', exchanged)),
  mutant('padding of the last axis for all', several, (s) => changed(s, 'padding', (v) => v.map(() => v.at(-1)!))),
  mutant('padding of the first axis for all', several, (s) => changed(s, 'padding', (v) => v.map(() => v[0]!))),
  mutant('paddings of the last two axes exchanged', several, (s) => changed(s, 'padding', exchanged)),
  mutant('dilations of the last two axes exchanged', several, (s) => changed(s, 'dilation', exchanged)),
  mutant('dilation of the first axis for all', several, (s) => changed(s, 'dilation', (v) => v.map(() => v[0]!))),
  mutant('dilation ignored', layers, (s) => changed(s, 'dilation', ones)),
  mutant('dilation ignored where there is a stride', layers, (s) =>
    s.list('stride').some((v) => v > 1) ? changed(s, 'dilation', ones) : s.right(),
  ),
  mutant('stride ignored where there is dilation', layers, (s) =>
    s.list('dilation').some((v) => v > 1) ? changed(s, 'stride', ones) : s.right(),
  ),
  mutant('dilation of 3 and more taken for 2', layers, (s) =>
    changed(s, 'dilation', (v) => v.map((d) => Math.min(d, 2))),
  ),
  mutant('stride of 4 and more taken for 3', layers, (s) => changed(s, 'stride', (v) => v.map((x) => Math.min(x, 3)))),
  mutant('padding less by one', layers, (s) => changed(s, 'padding', (v) => v.map((p) => Math.max(0, p - 1)))),
  mutant('padding of at most kernel − 1', layers, (s) =>
    changed(s, 'padding', (v) => v.map((p, i) => Math.min(p, kernelOf(s)[i]! - 1))),
  ),
  mutant('kernel flipped', layers, (s) =>
    withWeight(s, ([a, b, ...k]) => [a!, b!, ...k.map((i, axis) => kernelOf(s)[axis]! - 1 - i)]),
  ),
  mutant('kernel flipped along the last axis', several, (s) =>
    withWeight(s, (index) => [...index.slice(0, -1), s.weight.shape.at(-1)! - 1 - index.at(-1)!]),
  ),
  mutant('square kernels transposed', several, (s) =>
    kernelOf(s).at(-1) === kernelOf(s).at(-2) ? withWeight(s, exchanged) : s.right(),
  ),
  mutant("the weight's channels exchanged where they are as many", layers, (s) =>
    s.weight.shape[0] === s.weight.shape[1] ? withWeight(s, ([a, b, ...k]) => [b!, a!, ...k]) : s.right(),
  ),
  mutant('the last tap left out', layers, (s) =>
    s.right(
      {},
      { weight: mapped(s.weight, (v, [, , ...k]) => (isLast(k, kernelOf(s)) && k.some((i) => i > 0) ? 0 : v)) },
    ),
  ),
  mutant('the last tap left out of kernels of 5 and more', layers, (s) =>
    s.right(
      {},
      {
        weight: mapped(s.weight, (v, index) =>
          index.at(-1)! === s.weight.shape.at(-1)! - 1 && index.at(-1)! >= 4 ? 0 : v,
        ),
      },
    ),
  ),
  mutant('kernels of 1 take no stride', layers, (s) =>
    kernelOf(s).every((k) => k === 1) ? changed(s, 'stride', ones) : s.right(),
  ),
  mutant('kernels of 1 take no padding', layers, (s) =>
    kernelOf(s).every((k) => k === 1) ? changed(s, 'padding', (v) => v.map(() => 0)) : s.right(),
  ),
  mutant('an even kernel lies one further', layers, (s) =>
    kernelOf(s).at(-1)! % 2 === 0
      ? s.right({}, { input: moved(s.input, (i) => [...i.slice(0, -1), i.at(-1)! + 1]) })
      : s.right(),
  ),
  mutant('bias forgotten', layers, (s) => (s.bias ? s.right({}, { bias: mapped(s.bias, () => 0) }) : s.right())),
  mutant('bias forgotten with groups', layers, (s) =>
    s.bias && s.groups > 1 ? s.right({}, { bias: mapped(s.bias, () => 0) }) : s.right(),
  ),
  mutant('the first bias for all channels', layers, (s) =>
    s.bias ? s.right({}, { bias: mapped(s.bias, () => s.bias!.data[0]!) }) : s.right(),
  ),
  mutant('bias in the first of a batch only', layers, (s) =>
    s.bias ? onOutput(s, (v, [n, c]) => (n! > 0 ? v - s.bias!.data[c!]! : v)) : s.right(),
  ),
  mutant('bias added twice where it is computed by groups', layers, (s) =>
    s.bias && s.groups > 2 ? s.right({}, { bias: mapped(s.bias, (v) => 2 * v) }) : s.right(),
  ),
  mutant('the first of a batch for all', layers, (s) =>
    s.right({}, { input: moved(s.input, ([, ...i]) => [0, ...i]) }),
  ),
  mutant('the third of a batch is the first', layers, (s) =>
    s.right({}, { input: moved(s.input, ([n, ...i]) => [n! >= 2 ? 0 : n!, ...i]) }),
  ),
  mutant("the first group's input for all groups", layers, (s) =>
    s.right({}, { input: moved(s.input, ([n, c, ...i]) => [n!, c! % groupsOf(s).inPer, ...i]) }),
  ),
  mutant('groups interleaved: channel c belongs to group c mod groups', layers, (s) =>
    s.right(
      {},
      {
        input: moved(s.input, ([n, c, ...i]) => {
          const { inPer } = groupsOf(s);
          return [n!, (c! % inPer) * s.groups + Math.floor(c! / inPer), ...i];
        }),
      },
    ),
  ),
  mutant('outputs of groups interleaved', layers, (s) => {
    const y = s.right();
    const { outPer } = groupsOf(s);
    return moved(y, ([n, c, ...i]) => [n!, (c! % s.groups) * outPer + Math.floor(c! / s.groups), ...i]);
  }),
  mutant('the third group has the kernel of the first', layers, (s) => {
    const { outPer, inPer } = groupsOf(s);
    const per = s.isTransposed ? inPer : outPer;
    return withWeight(s, ([a, ...i]) => [a! >= 2 * per && s.groups > 2 ? a! % per : a!, ...i]);
  }),
  mutant('depthwise with a multiplier: its outputs in the other order', layers, (s) => {
    const { inPer, outPer } = groupsOf(s);
    if (inPer !== 1 || outPer === 1 || s.groups === 1) return s.right();
    return moved(s.right(), ([n, c, ...i]) => [n!, (c! % s.groups) * outPer + Math.floor(c! / s.groups), ...i]);
  }),
  mutant('depthwise takes no dilation', layers, (s) =>
    groupsOf(s).inPer === 1 && s.groups > 1 ? changed(s, 'dilation', ones) : s.right(),
  ),
  mutant('depthwise takes the stride of the first axis', several, (s) =>
    groupsOf(s).inPer === 1 && s.groups > 1 ? changed(s, 'stride', (v) => v.map(() => v[0]!)) : s.right(),
  ),
  mutant('the last element left to zero', layers, (s) => onOutput(s, (v, i, y) => (isLast(i, y.shape) ? 0 : v))),
  mutant('the last element of the last row off by one, with groups', layers, (s) =>
    onOutput(s, (v, i, y) => (s.groups > 1 && isLast(i, y.shape) ? v + 1 : v)),
  ),
  mutant('the last element off by one, with dilation and groups', layers, (s) =>
    onOutput(s, (v, i, y) => (s.groups > 1 && s.list('dilation').some((d) => d > 1) && isLast(i, y.shape) ? v + 1 : v)),
  ),
  mutant('the rest of a row beyond eights left to zero', layers, (s) =>
    onOutput(s, (v, i, y) => (y.shape.at(-1)! > 8 && i.at(-1)! >= y.shape.at(-1)! - (y.shape.at(-1)! % 8) ? 0 : v)),
  ),
  mutant('input channels beyond fours left out', layers, (s) => {
    const inPer = groupsOf(s).inPer;
    const kept = inPer > 4 ? inPer - (inPer % 4) : inPer;
    return s.right({}, { input: mapped(s.input, (v, [, c]) => (c! % inPer >= kept ? 0 : v)) });
  }),
  mutant('output channels beyond fours left to the bias', layers, (s) => {
    const zeros = s.right({}, { input: mapped(s.input, () => 0) });
    return onOutput(s, (v, i, y) => (y.shape[1]! > 4 && i[1]! >= y.shape[1]! - (y.shape[1]! % 4) ? at(zeros, i) : v));
  }),
  mutant('the end of the input not read where the windows fit exactly', convolutions, (s) => {
    const [size, stride, dilation] = [s.input.shape.at(-1)!, s.list('stride').at(-1)!, s.list('dilation').at(-1)!];
    const slack = (size + 2 * s.list('padding').at(-1)! - dilation * (kernelOf(s).at(-1)! - 1) - 1) % stride;
    if (stride === 1 || slack !== 0) return s.right();
    return s.right({}, { input: mapped(s.input, (v, i) => (i.at(-1)! === size - 1 ? 0 : v)) });
  }),
];

const explicit = (s: Scene) => s.list('padding').map((p): [number, number] => [p, p]);
const isNamed = (s: Scene) => s.params.padding === 'same';

/** A convolution of an input that is padded otherwise. */
function padding(s: Scene, widths: readonly [number, number][], mode = 'constant', value = 0): Tensor {
  try {
    return s.fitted({ padding: s.list('padding').map(() => 0) }, { input: padded(s, widths, mode, value) });
  } catch {
    return s.right();
  }
}

export const convolutionMutants: readonly Mutant[] = [
  mutant('all of the padding in front', convolutions, (s) =>
    isNamed(s)
      ? s.right()
      : padding(
          s,
          explicit(s).map(([a, b]) => [a + b, 0]),
        ),
  ),
  mutant('all of the padding behind', convolutions, (s) =>
    isNamed(s)
      ? s.right()
      : padding(
          s,
          explicit(s).map(([a, b]) => [0, a + b]),
        ),
  ),
  mutant('padding once, not at both ends', convolutions, (s) =>
    isNamed(s)
      ? s.right()
      : padding(
          s,
          explicit(s).map(([a]) => [a, 0]),
        ),
  ),
  mutant('padding of the last axis left out', convolutions, (s) =>
    isNamed(s)
      ? s.right()
      : padding(
          s,
          explicit(s).map((w, i) => (i === s.axes - 1 ? [0, 0] : w)),
        ),
  ),
  mutant('padding with the nearest element', convolutions, (s) =>
    isNamed(s) ? s.right() : padding(s, explicit(s), 'replicate'),
  ),
  mutant('padding with the lowest number, as of a pooling', convolutions, (s) =>
    isNamed(s) ? s.right() : padding(s, explicit(s), 'constant', -1),
  ),
  mutant('reflection where the padding is less than the input', convolutions, (s) =>
    isNamed(s) || !explicit(s).every(([a], i) => a < s.input.shape[i + 2]!)
      ? s.right()
      : padding(s, explicit(s), 'reflect'),
  ),
  mutant('SAME: the larger half in front', convolutions, (s) => {
    if (!isNamed(s)) return s.right();
    const totals = kernelOf(s).map((k, i) => (k - 1) * s.list('dilation')[i]!);
    return padding(
      s,
      totals.map((t) => [t - Math.floor(t / 2), Math.floor(t / 2)]),
    );
  }),
  mutant('SAME: dilation not counted', convolutions, (s) => {
    if (!isNamed(s)) return s.right();
    return padding(
      s,
      kernelOf(s).map((k) => [Math.floor((k - 1) / 2), k - 1 - Math.floor((k - 1) / 2)]),
    );
  }),
  mutant('SAME: no padding along the first axis', convolutions, (s) => {
    if (!isNamed(s)) return s.right();
    const totals = kernelOf(s).map((k, i) => (i === 0 ? 0 : (k - 1) * s.list('dilation')[i]!));
    return padding(
      s,
      totals.map((t) => [Math.floor(t / 2), t - Math.floor(t / 2)]),
    );
  }),
  mutant("TensorFlow's SAME where padding is half of an odd kernel", convolutions, (s) => {
    const half = kernelOf(s).every((k, i) => k % 2 === 1 && k > 1 && s.list('padding')[i] === (k - 1) / 2);
    if (isNamed(s) || !half || s.list('dilation').some((d) => d > 1)) return s.right();
    const widths = kernelOf(s).map((k, i): [number, number] => {
      const [size, stride] = [s.input.shape[i + 2]!, s.list('stride')[i]!];
      const total = Math.max((Math.ceil(size / stride) - 1) * stride + k - size, 0);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return padding(s, widths);
  }),
  mutant('output size rounded up', convolutions, (s) => {
    const y = s.right();
    const shape = y.shape.map((size, i) => {
      if (i < 2) return size;
      const stride = s.list('stride')[i - 2]!;
      const wide =
        s.input.shape[i]! + 2 * s.list('padding')[i - 2]! - s.list('dilation')[i - 2]! * (kernelOf(s)[i - 2]! - 1) - 1;
      return isNamed(s) ? size : Math.ceil(wide / stride) + 1;
    });
    return resized(y, shape);
  }),
];
