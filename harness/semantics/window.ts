import type { Params, ParamValue } from '../core/case.ts';
import { namesOf, type Rule, type Spec } from './semantics.ts';

/*
 * What convolution and transposed convolution share: a window of `kernel` taps, `dilation` apart, that moves by `stride` over a
 * number of spatial axes.
 */

/**
 * One spatial axis of a window, with sizes in elements; `before` is the padding, or the crop, at its beginning, and `outputPadding` what a
 * transposed convolution adds at the end.
 */
export interface Window {
  input: number;
  kernel: number;
  stride: number;
  dilation: number;
  before: number;
  outputPadding?: number;
  output: number;
}

/** `windowsOf`, computed once a spec: rules, shapes and the definition all ask for it, thousands of times a second. */
export function oncePerSpec<T>(windowsOf: (spec: Spec, axes: number) => T): (spec: Spec, axes: number) => T {
  const known = new WeakMap<Spec, T>();
  return (spec, axes) => {
    const before = known.get(spec);
    if (before !== undefined) return before;
    const windows = windowsOf(spec, axes);
    known.set(spec, windows);
    return windows;
  };
}

/** The positions from 0 to `count` that some factor and offset move into [0, limit): position·factor + offset, from `first` to before `end`. */
export function within(count: number, factor: number, offset: number, limit: number): { first: number; end: number } {
  const first = Math.max(0, Math.ceil(-offset / factor));
  return { first, end: Math.min(count, Math.ceil((limit - offset) / factor)) };
}

/** The distance from a window's first tap to its last: dilation·(kernel − 1). */
export function reach(window: Pick<Window, 'kernel' | 'dilation'>): number {
  return window.dilation * (window.kernel - 1);
}

/** How many elements a window reaches over, from its first tap to its last, both counted. */
export function span(window: Pick<Window, 'kernel' | 'dilation'>): number {
  return reach(window) + 1;
}

/** An int or list with one entry an axis, as PyTorch expands it; null where the list has another length. */
export function perAxis(value: ParamValue, axes: number): number[] | null {
  if (typeof value === 'number') return new Array<number>(axes).fill(value);
  if (typeof value === 'string') return null;
  if (value.length === axes) return [...value];
  return value.length === 1 ? new Array<number>(axes).fill(value[0]!) : null;
}

/** As `perAxis`, for a parameter that is known to fit. */
export function axisValues(params: Params, name: string, axes: number): number[] {
  const values = perAxis(params[name]!, axes);
  if (values === null) throw new Error(`${name} has no entry an axis: ${JSON.stringify(params[name])}`);
  return values;
}

/** `groups` and the named parameters, as lists with one entry an axis or as a padding's name; null where one can't be. */
export function normaliseLists(params: Params, names: readonly string[], axes: number): Params | null {
  const normal: Params = { groups: params.groups! };
  for (const name of names) {
    const value = params[name]!;
    const values = typeof value === 'string' ? value : perAxis(value, axes);
    if (values === null) return null;
    normal[name] = values;
  }
  return normal;
}

export function groupsOf(spec: Spec): number {
  return spec.params.groups as number;
}

/** The batch size; 1 where the batch axis is left out. */
export function batchOf(spec: Spec, axes: number): number {
  return isUnbatched(spec, axes) ? 1 : spec.shapes.input[0]!;
}

export function isUnbatched(spec: Spec, axes: number): boolean {
  return spec.shapes.input.length === axes + 1;
}

export function channelsOf(spec: Spec, axes: number): number {
  return spec.shapes.input[spec.shapes.input.length - axes - 1]!;
}

export function lacksChannels(spec: Spec, axes: number): boolean {
  return channelsOf(spec, axes) === 0;
}

/** The input's spatial sizes. */
export function spatialOf(spec: Spec, axes: number): number[] {
  return spec.shapes.input.slice(spec.shapes.input.length - axes);
}

export function kernelOf(spec: Spec): number[] {
  return spec.shapes.weight!.slice(2);
}

export function withParams(spec: Spec, params: Params): Spec {
  return { ...spec, params: { ...spec.params, ...params } };
}

export function withShapes(spec: Spec, shapes: Partial<Spec['shapes']>): Spec {
  const dtypes = { ...spec.dtypes };
  for (const name of ['weight', 'bias'] as const) {
    if (shapes[name] !== undefined) dtypes[name] ??= spec.dtypes.input;
  }
  return { ...spec, dtypes, shapes: { ...spec.shapes, ...shapes } };
}

/** `list` with `value` at `axis`. */
export function replaced(list: readonly number[], axis: number, value: number): number[] {
  return list.map((old, i) => (i === axis ? value : old));
}

/** The input's shape with another number of channels. */
export function withChannels(spec: Spec, axes: number, channels: number): number[] {
  return replaced(spec.shapes.input, spec.shapes.input.length - axes - 1, channels);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

/** Rules on a parameter that takes an int or a list with one entry an axis. */
function lengthRule(name: string, axes: number): Rule {
  return {
    name: `${name} length`,
    about: `an int, or a list of ${axes === 1 ? '1' : `1 or ${axes}`}`,
    holds: (spec) => typeof spec.params[name] === 'string' || perAxis(spec.params[name]!, axes) !== null,
    message: (spec) => `${name} must be an int or a list of ${axes}: got ${show(spec.params[name])}`,
    breaks: (spec) => [
      withParams(spec, { [name]: new Array<number>(axes + 1).fill(1) }),
      withParams(spec, { [name]: [] }),
      withParams(spec, { [name]: new Array<number>(axes + 3).fill(2) }),
    ],
  };
}

/** `name` ≥ `least` on every axis; `exempt` specs may go one lower. */
function leastRule(name: string, axes: number, least: number, exempt: (spec: Spec) => boolean = () => false): Rule {
  const broken = (spec: Spec, value: number, axis: number): Spec => {
    const old = spec.params[name]!;
    if (axes === 1 && typeof old === 'number') return withParams(spec, { [name]: value });
    const values = perAxis(old, axes) ?? new Array<number>(axes).fill(least);
    return withParams(spec, { [name]: replaced(values, axis, value) });
  };
  return {
    name: `${name} ≥ ${least}`,
    about: `on every axis${name === 'dilation' ? '; an idle call may have 0' : ''}`,
    holds: (spec) => {
      const limit = exempt(spec) ? least - 1 : least;
      const value = spec.params[name]!;
      return typeof value === 'string' || perAxis(value, axes)!.every((entry) => entry >= limit);
    },
    message: (spec) => `${name} must be ≥ ${least} on every axis: got ${show(spec.params[name])}`,
    breaks: (spec) => [
      broken(spec, least - 1, axes - 1),
      broken(spec, least - 2, 0),
      broken(spec, least - 7, axes - 1),
      broken(spec, least - 1, 0),
    ],
  };
}

/**
 * The rules that every windowed operator begins with, up to parameters that can be relied on. `idle`: specs with nothing to
 * compute, on which PyTorch skips some of its checks.
 */
export function windowRules(axes: number, lists: readonly string[], idle: (spec: Spec) => boolean): Rule[] {
  return [
    {
      name: 'input rank',
      about: `${axes + 2}, or ${axes + 1} without a batch`,
      holds: (spec) => [axes + 1, axes + 2].includes(spec.shapes.input.length),
      message: (spec) =>
        `input must have ${axes + 2} dimensions, or ${axes + 1} without a batch: got shape ${show(spec.shapes.input)}`,
      breaks: (spec) => [
        withShapes(spec, { input: spec.shapes.input.slice(-axes) }),
        withShapes(spec, {
          input: [1, ...new Array<number>(axes + 2 - spec.shapes.input.length).fill(1), ...spec.shapes.input],
        }),
      ],
    },
    {
      name: 'weight rank',
      about: `${axes + 2}`,
      holds: (spec) => spec.shapes.weight!.length === axes + 2,
      message: (spec) => `weight must have ${axes + 2} dimensions: got shape ${show(spec.shapes.weight)}`,
      breaks: (spec) => [
        withShapes(spec, { weight: spec.shapes.weight!.slice(1) }),
        withShapes(spec, { weight: [...spec.shapes.weight!, 1] }),
      ],
    },
    {
      name: 'one dtype',
      about: 'of input, weight and bias; an idle call may have another weight dtype',
      holds: ({ dtypes, ...spec }) =>
        (dtypes.weight === dtypes.input || idle({ dtypes, ...spec })) &&
        (dtypes.bias === undefined || dtypes.bias === dtypes.input),
      message: (spec) => `input, weight and bias must have one dtype: got ${Object.values(spec.dtypes).join(', ')}`,
      breaks: (spec) => [{ ...spec, dtypes: { ...spec.dtypes, weight: 'float64' } }],
    },
    ...lists.map((name) => lengthRule(name, axes)),
    leastRule('stride', axes, 1),
    leastRule('padding', axes, 0),
    leastRule('dilation', axes, 1, idle),
    ...(lists.includes('output_padding') ? [leastRule('output_padding', axes, 0)] : []),
    {
      name: 'groups ≥ 1',
      about: 'a whole number ≥ 1',
      holds: (spec) => groupsOf(spec) >= 1,
      message: (spec) => `groups must be ≥ 1: got ${groupsOf(spec)}`,
      breaks: (spec) => [0, -1, -6].map((groups) => withParams(spec, { groups })),
    },
    {
      name: 'weight not empty',
      about: 'but its second size may be 0 here, and a kernel size where an idle call has no input channels',
      holds: (spec) =>
        spec.shapes.weight!.every(
          (size, axis) => axis === 1 || size >= 1 || (axis > 1 && lacksChannels(spec, axes) && idle(spec)),
        ),
      message: (spec) => `weight must not be empty: got shape ${show(spec.shapes.weight)}`,
      breaks: (spec) => [
        withShapes(spec, { weight: replaced(spec.shapes.weight!, axes + 1, 0) }),
        withShapes(spec, { weight: replaced(spec.shapes.weight!, 0, 0) }),
      ],
    },
    {
      name: 'groups divide weight',
      about: '`groups` divides its first size',
      holds: (spec) => spec.shapes.weight![0]! % groupsOf(spec) === 0,
      message: (spec) => `groups must divide weight's first size, ${spec.shapes.weight![0]}: got ${groupsOf(spec)}`,
      breaks: (spec) => {
        const first = spec.shapes.weight![0]!;
        return [withParams(spec, { groups: first + 1 }), withParams(spec, { groups: 3 * first + 2 })];
      },
    },
  ];
}

/** The rule on bias, whose size is the number of output channels. */
export function biasRule(outChannels: (spec: Spec) => number): Rule {
  return {
    name: 'bias size',
    about: 'one axis, as many elements as the output has channels',
    holds: (spec) => {
      const { bias } = spec.shapes;
      return bias === undefined || (bias.length === 1 && bias[0] === outChannels(spec));
    },
    message: (spec) => `bias must have shape [${outChannels(spec)}]: got ${show(spec.shapes.bias)}`,
    breaks: (spec) => {
      const size = outChannels(spec);
      return [[size + 1], [size, 1], [], [4 * size + 3]].map((bias) => withShapes(spec, { bias }));
    },
  };
}

/**
 * Input axes of size 0 are taken only where there is nothing to compute anyway. `roomy`: the spec with a window that gives an
 * output for such an input as well, so that no other rule refuses it first.
 */
export function inputSizeRule(axes: number, roomy: (spec: Spec) => Spec): Rule {
  return {
    name: 'input not empty',
    about: 'every spatial axis has size ≥ 1, unless the batch is 0 or there are no input channels',
    holds: (spec) =>
      batchOf(spec, axes) === 0 || channelsOf(spec, axes) === 0 || spatialOf(spec, axes).every((size) => size >= 1),
    message: (spec) => `input must not be empty in a spatial axis: got shape ${show(spec.shapes.input)}`,
    breaks: (spec) =>
      [1, axes].map((fromLast) => {
        const { input } = spec.shapes;
        return withShapes(roomy(spec), { input: replaced(input, input.length - fromLast, 0) });
      }),
  };
}

/**
 * The number of terms of each output element, where `perAxis` counts them along each spatial axis, for every output index, and
 * each of `leading` batches and channels has `channels` input channels.
 */
export function tapsOf(leading: number, channels: number, perAxis: readonly number[][]): Float64Array {
  let taps = Float64Array.of(channels);
  for (const counts of [new Array<number>(leading).fill(1), ...perAxis]) {
    const outer = new Float64Array(taps.length * counts.length);
    let at = 0;
    for (const tap of taps) for (const count of counts) outer[at++] = tap * count;
    taps = outer;
  }
  return taps;
}

/** Whether two axes have the same parameters, whatever their sizes are. */
function areAlike(one: Window, other: Window): boolean {
  return (['kernel', 'stride', 'dilation', 'before', 'outputPadding'] as const).every(
    (name) => one[name] === other[name],
  );
}

/**
 * Features that both families share, with so many output channels in all. One that says how much of another there is comes with that
 * other.
 */
export function windowFeatures(spec: Spec, axes: number, windows: readonly Window[], outputs: number): string[] {
  return namesOf({
    unbatched: isUnbatched(spec, axes),
    'batch 0': batchOf(spec, axes) === 0,
    batch: batchOf(spec, axes) > 1,
    'batch > 2': batchOf(spec, axes) > 2,
    groups: groupsOf(spec) > 1,
    'groups > 2': groupsOf(spec) > 2,
    outputs: outputs > 1,
    'outputs a group': outputs > groupsOf(spec),
    channels: channelsOf(spec, axes) > groupsOf(spec),
    'a single channel': channelsOf(spec, axes) === groupsOf(spec),
    bias: spec.shapes.bias !== undefined,
    pointwise: windows.every((window) => window.kernel === 1),
    kernel: windows.some((window) => window.kernel > 1),
    'even kernel': windows.some((window) => window.kernel % 2 === 0),
    'kernel > 2': windows.some((window) => window.kernel > 2),
    stride: windows.some((window) => window.stride > 1),
    'stride > 2': windows.some((window) => window.stride > 2),
    dilation: windows.some((window) => window.dilation > 1),
    'dilation > 2': windows.some((window) => window.dilation > 2),
    'unlike axes': windows.some((window) => !areAlike(window, windows[0]!)),
  });
}

/** Of padding, or of crops, in numbers: against half of the kernel, the kernel, and how far it reaches, each more than the one before. */
export function paddingFeatures(windows: readonly Window[]): string[] {
  return namesOf({
    padding: windows.some(({ before }) => before > 0),
    'padding > half': windows.some(({ before, kernel }) => 2 * before > kernel),
    'padding ≥ kernel': windows.some(({ before, kernel }) => before > 0 && before >= kernel),
    'padding > reach': windows.some((window) => window.before > reach(window)),
  });
}
