import type { Classes, Model } from '../coverage/model.ts';

/** A condition on a call that people can read, such as `stride > 1`: in one dimension of its operator's classes, some of them. */
export interface Condition {
  words: string;
  dimension: string;
  classes: readonly string[];
}

export function holds({ dimension, classes }: Condition, of: Classes): boolean {
  return classes.includes(of[dimension]!);
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
  data: {
    'special values': ['special'],
    'values other than small integers': ['normal', 'special'],
    'no special values': ['lattice', 'normal'],
  },
};

/** What can be said of the calls of an operator: of every dimension at least that it has one of its classes and not another. */
export function conditionsOf({ dimensions }: Model): Condition[] {
  return dimensions.flatMap(({ name, classes }) =>
    Object.entries(vocabulary[name] ?? {})
      .map(([words, meant]) => ({ words, dimension: name, classes: meant.filter((one) => classes.includes(one)) }))
      .filter((condition) => condition.classes.length > 0 && condition.classes.length < classes.length),
  );
}
