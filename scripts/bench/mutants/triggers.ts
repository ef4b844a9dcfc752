import type { OpName } from '../../../harness/core/case.ts';
import type { Tensor } from '../../../harness/core/tensor.ts';
import {
  convolutions,
  groupsOf,
  isLast,
  kernelOf,
  layers,
  type Mistake,
  type Mutant,
  moved,
  mutant,
  onOutput,
  resized,
  type Scene,
  several,
  transposed,
} from './mutant.ts';

/* Mistakes that are nobody's: something goes wrong where one or two conditions hold. */

interface Condition {
  name: string;
  ops: readonly OpName[];
  holds(scene: Scene): boolean;
}

const isSame = ({ params }: Scene) => params.padding === 'same';
const isNumber = ({ params }: Scene) => typeof params.padding !== 'string';
/** The pairs of widths, those of the last axis first. */
const widthsOf = ({ params }: Scene) => {
  const pad = params.pad as readonly number[];
  return Array.from({ length: pad.length / 2 }, (_, i) => [pad[2 * i]!, pad[2 * i + 1]!] as const);
};
const pad: readonly OpName[] = ['pad'];

const conditions: readonly Condition[] = [
  { name: 'there is a batch', ops: layers, holds: (s) => s.input.shape[0]! > 1 },
  { name: 'there are groups', ops: layers, holds: (s) => s.groups > 1 },
  { name: 'it is depthwise', ops: layers, holds: (s) => s.groups > 1 && groupsOf(s).inPer === 1 },
  { name: 'a group has several outputs', ops: layers, holds: (s) => groupsOf(s).outPer > 1 },
  { name: 'there are several input channels', ops: layers, holds: (s) => groupsOf(s).inPer > 1 },
  { name: 'there is a bias', ops: layers, holds: (s) => s.bias !== undefined },
  { name: 'the kernel is a point', ops: layers, holds: (s) => kernelOf(s).every((k) => k === 1) },
  { name: 'the kernel is no point', ops: layers, holds: (s) => kernelOf(s).some((k) => k > 1) },
  { name: 'the kernel is even', ops: layers, holds: (s) => kernelOf(s).some((k) => k % 2 === 0) },
  { name: 'the kernel is odd', ops: layers, holds: (s) => kernelOf(s).every((k) => k % 2 === 1 && k > 1) },
  { name: 'there is a stride', ops: layers, holds: (s) => s.list('stride').some((v) => v > 1) },
  { name: 'there is a stride of 3', ops: layers, holds: (s) => s.list('stride').some((v) => v > 2) },
  { name: 'strides differ', ops: several, holds: (s) => new Set(s.list('stride')).size > 1 },
  { name: 'there is dilation', ops: layers, holds: (s) => s.list('dilation').some((v) => v > 1) },
  { name: 'dilations differ', ops: several, holds: (s) => new Set(s.list('dilation')).size > 1 },
  { name: 'there is padding', ops: layers, holds: (s) => isNumber(s) && s.list('padding').some((v) => v > 0) },
  { name: 'paddings differ', ops: several, holds: (s) => isNumber(s) && new Set(s.list('padding')).size > 1 },
  { name: 'the padding is same', ops: convolutions, holds: isSame },
  { name: 'there is output_padding', ops: transposed, holds: (s) => s.list('output_padding').some((v) => v > 0) },
  { name: 'the mode is constant', ops: pad, holds: (s) => s.params.mode === 'constant' },
  { name: 'the mode is reflect', ops: pad, holds: (s) => s.params.mode === 'reflect' },
  { name: 'the mode is replicate', ops: pad, holds: (s) => s.params.mode === 'replicate' },
  { name: 'the mode is circular', ops: pad, holds: (s) => s.params.mode === 'circular' },
  { name: 'there is a value', ops: pad, holds: (s) => s.params.mode === 'constant' && s.params.value !== 0 },
  {
    name: 'it crops',
    ops: pad,
    holds: (s) =>
      widthsOf(s)
        .flat()
        .some((width) => width < 0),
  },
  { name: 'it pads in front', ops: pad, holds: (s) => widthsOf(s).some(([before]) => before > 0) },
  { name: 'it pads behind', ops: pad, holds: (s) => widthsOf(s).some(([, after]) => after > 0) },
  { name: 'its ends differ', ops: pad, holds: (s) => widthsOf(s).some(([before, after]) => before !== after) },
  {
    name: 'it pads several axes',
    ops: pad,
    holds: (s) => widthsOf(s).filter((width) => width.some((v) => v !== 0)).length > 1,
  },
  { name: 'the input is of integers', ops: pad, holds: (s) => s.input.dtype === 'int32' },
];

const each = (fn: (value: number, index: number[], y: Tensor) => number) => (s: Scene) => onOutput(s, fn);

const effects: Readonly<Record<string, Mistake>> = {
  'the last element is off by one': each((v, i, y) => (isLast(i, y.shape) ? v + 1 : v)),
  'the first element is off by one': each((v, i) => (i.every((at) => at === 0) ? v + 1 : v)),
  'the last column is off by one': each((v, i, y) => (i.at(-1) === y.shape.at(-1)! - 1 ? v + 1 : v)),
  'all is twice as much': each((v) => 2 * v),
  'all is off by one': each((v) => v + 1),
  'all is 0': each(() => 0),
  'rows run the other way': (s) => {
    const y = s.right();
    if (y.shape.length === 0) return y;
    return moved(y, (i) => i.with(-1, y.shape.at(-1)! - 1 - i.at(-1)!));
  },
  'the last column is missing': (s) => {
    const y = s.right();
    if (y.shape.length === 0) return y;
    return resized(y, y.shape.with(-1, Math.max(0, y.shape.at(-1)! - 1)));
  },
  'it refuses': () => {
    throw new Error('not implemented');
  },
};

function all(some: readonly Condition[]): Mutant[] {
  const ops = some.map((one) => one.ops).reduce((one, other) => one.filter((op) => other.includes(op)));
  const where = some.map(({ name }) => name).join(' and ');
  return Object.entries(effects).map(([effect, mistake]) =>
    mutant(`${effect} where ${where}`, ops, (s) => (some.every((one) => one.holds(s)) ? mistake(s) : s.right())),
  );
}

const pairs = conditions.flatMap((one, i) => conditions.slice(i + 1).map((other) => [one, other]));

/** With one condition, and with two. */
export const triggerMutants: readonly Mutant[] = [...conditions.map((one) => [one]), ...pairs]
  .flatMap(all)
  .filter(({ ops }) => ops.length > 0);
