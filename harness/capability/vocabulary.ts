import { builtIns } from '../backends/index.ts';
import type { Values } from '../core/case.ts';
import { modelOf } from '../coverage/coverage.ts';
import { type Classes, classesOf } from '../coverage/model.ts';
import type { Call } from '../operators/call.ts';
import type { Operator } from '../operators/operator.ts';
import { convolutionPadding } from '../semantics/convolution.ts';
import { axisValues, channelsOf, kernelOf, spatialOf } from '../semantics/window.ts';

/** A condition on a call that people can read, such as `stride > 1`: in one dimension of its operator's classes, some of them. */
export interface Condition {
  words: string;
  dimension: string;
  classes: readonly string[];
  /** It says nothing of where something happens, only of where it can be seen: NaN and infinities hide what is wrong. */
  ofSight: boolean;
}

/** Of values, all but NaN, infinities and their like. */
const plainValues = 'no special values';

export function holds({ dimension, classes }: Condition, of: Classes): boolean {
  return classes.includes(of[dimension] ?? 'no');
}

/** By dimension, what can be said of it. What the harness evens out before a backend sees it (how lists are spelled, a missing batch axis) is left out. */
const vocabulary: Record<string, Record<string, readonly string[]>> = {
  kernel: { 'kernel > 1': ['odd', 'even'], 'an even kernel': ['even'], 'an odd kernel': ['odd'], 'kernel 1': ['1'] },
  stride: { 'stride > 1': ['2', '> 2', '> kernel'], 'stride > kernel': ['> kernel'], 'stride 1': ['1'] },
  dilation: { 'dilation > 1': ['2', '> 2'], 'dilation > 2': ['> 2'], 'dilation 1': ['1'] },
  axes: { 'axes that differ': ['unlike'], 'axes alike': ['alike'] },
  groups: {
    'groups > 1': ['some', 'depthwise', 'depthwise ×n'],
    'a group for each channel': ['depthwise', 'depthwise ×n'],
    'groups of several channels': ['some'],
    'one group': ['one'],
  },
  channels: { 'as many channels out as in': ['in = out'], 'not as many channels out as in': ['in ≠ out'] },
  batch: { 'batch > 1': ['> 1'], 'batch 1': ['1', 'no axis'] },
  bias: { 'a bias': ['yes'], 'no bias': ['no'] },
  padding: {
    'padding > 0': ['< reach', '= reach', '> reach', 'same'],
    'padding ≥ reach': ['= reach', '> reach'],
    'padding > reach': ['> reach'],
    'padding in numbers': ['0', '< reach', '= reach', '> reach'],
    'padding by name': ['same', 'valid'],
    "padding 'same'": ['same'],
    "padding 'valid'": ['valid'],
    'no padding': ['0', 'valid'],
  },
  remainder: { 'an end that no window reaches': ['some'], 'no end that no window reaches': ['none'] },
  output_padding: {
    'output_padding > 0': ['< stride', '≥ stride'],
    'output_padding ≥ stride': ['≥ stride'],
    'no output_padding': ['0'],
  },
  mode: {
    'mode constant': ['constant'],
    'mode reflect': ['reflect'],
    'mode replicate': ['replicate'],
    'mode circular': ['circular'],
    'a mode other than constant': ['reflect', 'replicate', 'circular'],
    'mode reflect or replicate': ['reflect', 'replicate'],
  },
  'padded axes': {
    'several padded axes': ['2', '3', '> 3'],
    'three padded axes or more': ['3', '> 3'],
    'more than three padded axes': ['> 3'],
    'no padded axes': ['0'],
    'padded axes': ['1', '2', '3', '> 3'],
  },
  'unpadded axes': { 'unpadded axes': ['1', '> 1'], 'several unpadded axes': ['> 1'], 'no unpadded axes': ['0'] },
  signs: {
    pads: ['pads', 'both'],
    crops: ['crops', 'both'],
    'pads together with crops': ['both'],
    'no crops': ['none', 'pads'],
    'no pads': ['none', 'crops'],
  },
  ends: { 'unequal ends': ['different'], 'equal ends': ['equal'] },
  width: { 'pads as wide as can be': ['wide'] },
  value: {
    'a value other than 0': ['-0', 'finite', 'NaN', 'infinite'],
    'value −0': ['-0'],
    'a NaN value': ['NaN'],
    'an infinite value': ['infinite'],
    'a value that is not finite': ['NaN', 'infinite'],
  },
  dtype: { int32: ['int32'], float32: ['float32'] },
  'channels in': { 'one input channel': ['one'], 'several input channels': ['several'] },
  'channels out': { 'one output channel': ['one'], 'several output channels': ['several'] },
  'kernel and input': { 'a kernel larger than the input': ['larger'] },
  windows: { 'windows on padding alone': ['some', 'none'], 'no window that meets the input': ['none'] },
  rank: {
    'a scalar': ['0'],
    'an input of one axis': ['1'],
    'an input of two axes': ['2'],
    'an input of three axes': ['3'],
    'an input of four axes': ['4'],
    'an input of more than three axes': ['4', '> 4'],
    'an input of more than four axes': ['> 4'],
  },
  'kernel size': { 'a kernel > 2': ['3', '4'], 'a kernel > 3': ['4'] },
  'number of groups': { 'groups > 2': ['3'] },
  'ends of same': { "padding 'same' with one zero more behind": ['unequal'] },
  'on one axis': { 'stride > 1 and dilation > 1 on one axis': ['stride and dilation'] },
  data: {
    'special values': ['special'],
    'values other than small integers': ['normal', 'special'],
    [plainValues]: ['lattice', 'normal'],
  },
};

/** A key for what only one backend's calls have; its class is then `yes`. */
const featurePrefix = 'feature ';

/** Features of backends that are no words by themselves. */
const featureWords: Readonly<Record<string, string>> = {
  'as number': 'padding passed as a number',
  'as rows': 'padding passed as rows',
  'as same': "padding passed as 'same'",
  'uneven axes': 'axes that differ in stride or span',
  'unreached end': 'an end that SAME does not reach',
  'single column': 'a result of one column',
};

/** Whether all windows meet the input, some, or none. */
function windowsClass({ operator, spec }: Call): string {
  const taps = operator.rounding!.taps(spec);
  if (taps.every((count) => count === 0)) return 'none';
  return taps.some((count) => count === 0) ? 'some' : 'all';
}

/** Whether some axis has both a stride and a dilation. */
function onOneAxis({ params }: Call['spec'], axes: number): string {
  const [strides, dilations] = [axisValues(params, 'stride', axes), axisValues(params, 'dilation', axes)];
  return strides.some((stride, i) => stride > 1 && dilations[i]! > 1) ? 'stride and dilation' : 'no';
}

/** Whether 'same' puts one zero more behind than in front of some axis. */
function endsOfSame({ params, shapes }: Call['spec'], axes: number): string {
  if (params.padding !== 'same') return 'no';
  const ends = convolutionPadding('same', shapes.weight!.slice(2), axisValues(params, 'dilation', axes));
  return ends.some(({ before, after }) => before !== after) ? 'unequal' : 'no';
}

function sizesOf(call: Call): Classes {
  const { operator, spec } = call;
  if (operator.family === 'padding') {
    const rank = spec.shapes.input.length;
    return { rank: rank > 4 ? '> 4' : String(rank) };
  }
  const axes = operator.unbatchedRank! - 1;
  const [input, kernel] = [spatialOf(spec, axes), kernelOf(spec)];
  const count = (channels: number) => (channels === 1 ? 'one' : 'several');
  return {
    windows: windowsClass(call),
    'channels in': count(channelsOf(spec, axes)),
    'channels out': count(operator.outputShape(spec).at(-axes - 1)!),
    'kernel size': String(Math.min(4, Math.max(...kernel))),
    'number of groups': String(Math.min(3, spec.params.groups as number)),
    ...(axes === 1 ? {} : { 'on one axis': onOneAxis(spec, axes) }),
    ...(operator.family === 'convolution' ? { 'ends of same': endsOfSame(spec, axes) } : {}),
    'kernel and input': kernel.some((size, i) => size > input[i]!) ? 'larger' : 'not larger',
  };
}

/** All that rules may say of a valid call to a backend: the classes of the operator's calls, and more. */
export function describe(call: Call, values: Values, backend: string): Classes {
  const own = builtIns.find(({ name }) => name === backend)?.features?.(call) ?? [];
  return {
    ...classesOf(modelOf(call.operator), { spec: call.spec, values }),
    ...sizesOf(call),
    ...Object.fromEntries(own.map((feature) => [featurePrefix + feature, 'yes'])),
  };
}

/** What can be said of calls that were described, in the order in which people say it. */
export function conditionsOf(operator: Operator, described: readonly Classes[]): Condition[] {
  const seen = new Set(described.flatMap((classes) => Object.keys(classes)));
  const { dimensions } = modelOf(operator);
  const known = Object.entries(vocabulary).flatMap(([dimension, sayings]) => {
    if (!seen.has(dimension)) return [];
    const all = dimensions.find(({ name }) => name === dimension)?.classes;
    return Object.entries(sayings)
      .map(([words, meant]) => {
        const classes = meant.filter((one) => all?.includes(one) ?? true);
        return { words, dimension, classes, ofSight: words === plainValues };
      })
      .filter(({ classes }) => classes.length > 0 && classes.length !== all?.length);
  });
  const own = [...seen]
    .filter((key) => key.startsWith(featurePrefix))
    .map((key) => {
      const feature = key.slice(featurePrefix.length);
      return { words: featureWords[feature] ?? feature, dimension: key, classes: ['yes'], ofSight: false };
    });
  return [...known, ...own];
}
