import { dimensionsOf, modeOf, paddingValue, storedValue } from '../semantics/pad.ts';
import { namesOf, type Semantics, type Spec } from '../semantics/semantics.ts';
import { groupsOf, kernelOf, span } from '../semantics/window.ts';
import { none, type Width } from './plan.ts';

/*
 * PyTorch's calls as calls of tfjs's own convolutions, with tfjs's own padding arguments. Only where tfjs's documentation says
 * that both mean the same, or where they do once the input is padded first; everywhere else the answer is the reason why not.
 * What a runtime then makes of such a call is its own affair: that is what a campaign looks at.
 *
 * One padding can often be said in several forms. The case says which one is taken: form (output channels − 1) mod (number of
 * forms) of those that apply, in the order 'valid', number, rows, 'same'. So each form has its turn, and each case its form.
 */

/** tfjs's padding argument. Rows hold [before, after] for batch, height, width and channels. */
export type NativePadding = 'valid' | 'same' | number | [number, number][];

/** A padding argument, and what is put around the spatial axes (or cropped from their end) before. */
export interface Form {
  pad: NativePadding;
  first: readonly Width[];
}

/** A convolution of tfjs. Its lists have one entry a spatial axis; a height of 1 stands in front where PyTorch has none. */
export interface NativeConvolution extends Form {
  call: 'conv1d' | 'conv2d' | 'conv3d' | 'depthwiseConv2d';
  strides: readonly number[];
  dilations: readonly number[];
}

/** A transposed convolution of tfjs. `outputShape` is (N, …, C). */
export interface NativeTransposed {
  call: 'conv2dTranspose' | 'conv3dTranspose';
  strides: readonly number[];
  pad: NativePadding;
  outputShape: readonly number[];
}

/** A padding of tfjs; `rows` hold [before, after] for every dimension. */
export type NativePad =
  | { call: 'pad'; rows: readonly [number, number][]; value: number }
  | { call: 'mirrorPad'; rows: readonly [number, number][] };

export type NativeCall = NativeConvolution | NativeTransposed | NativePad;

/** One spatial axis of a convolution, with sizes in elements, padded by `padding` at both ends. */
export interface Axis {
  input: number;
  kernel: number;
  stride: number;
  dilation: number;
  padding: number;
  output: number;
}

/** The axis that one spatial axis is given for company where tfjs has a function for two. */
const height: Axis = { input: 1, kernel: 1, stride: 1, dilation: 1, padding: 0, output: 1 };

/** tfjs's call for a valid call of PyTorch with normalised parameters and a batch axis, or the reason why there is none. */
export function nativeCallOf(semantics: Semantics, spec: Spec): NativeCall | string {
  switch (semantics.family) {
    case 'convolution':
      return convolutionCall(semantics, spec);
    case 'transposed convolution':
      return transposedCall(semantics, spec);
    case 'padding':
      return paddingCall(spec);
  }
}

/** The spatial axes. `padding` says how much each is padded; PyTorch's names count as 0 here. */
function axesOfLayer(semantics: Semantics, spec: Spec): Axis[] {
  const { stride, dilation, padding } = spec.params;
  const output = semantics.outputShape(spec).slice(2);
  return kernelOf(spec).map((kernel, i) => ({
    input: spec.shapes.input[i + 2]!,
    kernel,
    stride: (stride as number[])[i]!,
    dilation: (dilation as number[])[i]!,
    padding: typeof padding === 'string' ? 0 : (padding as number[])[i]!,
    output: output[i]!,
  }));
}

/** What all windows of an axis reach over, from the beginning of the first to the end of the last. */
function extent(axis: Omit<Axis, 'input' | 'padding'>): number {
  return (axis.output - 1) * axis.stride + span(axis);
}

function convolutionCall(semantics: Semantics, spec: Spec): NativeConvolution | string {
  const axes = axesOfLayer(semantics, spec);
  const inChannels = spec.shapes.input[1]!;
  const groups = groupsOf(spec);
  if (inChannels === 0) return 'tfjs says nothing of a convolution over no channels';
  if (axes.some(({ dilation }) => dilation < 1)) return 'tfjs wants a dilation of at least 1';
  if (axes.some(({ stride }) => stride > 1) && axes.some(({ dilation }) => dilation > 1)) {
    return 'tfjs takes a stride or a dilation, not both';
  }
  if (groups > 1 && (groups !== inChannels || axes.length === 3)) {
    return 'tfjs has groups only in depthwiseConv2d: one for each channel, over one or two axes';
  }
  const call = groups > 1 ? 'depthwiseConv2d' : (semantics.name as 'conv1d' | 'conv2d' | 'conv3d');
  const all = call === 'depthwiseConv2d' ? withHeight(axes) : axes;
  const form = pick(convolutionForms(spec, all), spec.shapes.weight![0]!);
  if (form === null) return "tf.conv3d pads by 'valid' or 'same' only, and neither means this";
  return { call, strides: all.map(({ stride }) => stride), dilations: all.map(({ dilation }) => dilation), ...form };
}

function withHeight(axes: readonly Axis[]): Axis[] {
  return axes.length === 1 ? [height, ...axes] : [...axes];
}

/** All forms that say a convolution's padding. */
function convolutionForms({ params }: Spec, axes: readonly Axis[]): Form[] {
  const first = axes.map(() => none);
  if (params.padding === 'valid' || params.padding === 'same') return [{ pad: params.padding, first }];
  const explicit = explicitForms(axes).map((pad) => ({ pad, first }));
  const widths = axes.map(widthBeforeSame);
  return widths.some((width) => width === null) ? explicit : [...explicit, { pad: 'same', first: widths as Width[] }];
}

/** The forms that name the padding. A number is the padding of every axis; over three axes tfjs has only 'valid' of these. */
function explicitForms(axes: readonly Axis[]): NativePadding[] {
  const widths = axes.map(({ padding }) => padding);
  const valid: NativePadding[] = widths.every((width) => width === 0) ? ['valid'] : [];
  if (axes.length === 3) return valid;
  const number = widths.every((width) => width === widths[0]) ? [widths[0]!] : [];
  const twoAxes = widths.length === 1 ? [0, ...widths] : widths;
  return [...valid, ...number, [[0, 0], ...twoAxes.map((width): [number, number] => [width, width]), [0, 0]]];
}

function pick<T>(forms: readonly T[], outChannels: number): T | null {
  return forms[(outChannels - 1) % forms.length] ?? null;
}

/**
 * What to put around one axis first, so that TensorFlow's SAME has PyTorch's windows on it; null where nothing does.
 *
 * SAME makes n = ⌈size / stride⌉ windows and puts zeros around them: with a window's span K = dilation·(kernel − 1) + 1, in all
 * max((n − 1)·stride + K − size, 0), the smaller half before. Let t be that total. PyTorch's n windows reach over
 * E = (n − 1)·stride + K elements: `padding` zeros, then `seen` elements of the input, then `behind` zeros. So SAME does where
 * its smaller half is at most `padding` and its larger half at most `behind` (which is at most `padding`, so that is all there
 * is to ask), what they lack is put there first, and the size
 * E − t that comes of it has n windows, K − stride ≤ t < K. The largest such t leaves the most to SAME. With t = 0 the size
 * may be more than E, up to n·stride, and then as little as possible of the input is cropped; no window reaches what is.
 */
export function widthBeforeSame(axis: Axis): Width | null {
  const { input, stride, padding, output } = axis;
  const seen = Math.min(input, extent(axis) - padding);
  const behind = extent(axis) - padding - seen;
  const total = Math.min(span(axis) - 1, 2 * behind);
  if (seen < 1 || total < span(axis) - stride) return null;
  const before = padding - Math.floor(total / 2);
  const size = total > 0 ? extent(axis) - total : Math.min(Math.max(input + before, extent(axis)), output * stride);
  return { before, after: size - before - input };
}

function transposedCall(semantics: Semantics, spec: Spec): NativeTransposed | string {
  const axes = axesOfLayer(semantics, spec);
  if (groupsOf(spec) > 1) return 'tfjs has no groups in transposed convolution';
  if (axes.some(({ dilation }) => dilation !== 1)) return 'tfjs has no dilation in transposed convolution';
  const outputPadding = spec.params.output_padding as number[];
  if (axes.some(({ stride }, i) => outputPadding[i]! >= stride)) {
    return 'tfjs makes the output longer by less than the stride only';
  }
  const [batch, channels] = semantics.outputShape(spec) as [number, number];
  const all = withHeight(axes);
  const forms: NativePadding[] = all.every(isSameTransposed) ? [...explicitForms(all), 'same'] : explicitForms(all);
  const pad = pick(forms, channels);
  if (pad === null) return "tf.conv3dTranspose crops by 'valid' or 'same' only, and neither means this";
  return {
    call: all.length === 3 ? 'conv3dTranspose' : 'conv2dTranspose',
    strides: all.map(({ stride }) => stride),
    pad,
    outputShape: [batch, ...all.map(({ output }) => output), channels],
  };
}

/**
 * Whether TensorFlow's SAME crops an axis of a transposed convolution where PyTorch's padding does: a SAME convolution of the
 * output has to give the input's size, and its zeros before have to be as many as `padding`.
 */
function isSameTransposed({ input, kernel, stride, padding, output }: Axis): boolean {
  const total = Math.max((input - 1) * stride + kernel - output, 0);
  return Math.ceil(output / stride) === input && Math.floor(total / 2) === padding;
}

function paddingCall(spec: Spec): NativePad | string {
  const { input } = spec.shapes;
  if (input.length === 0) return 'tfjs pads no scalars';
  const rows = dimensionsOf(spec).map(({ before, after }): [number, number] => [before, after]);
  const mode = modeOf(spec);
  if (mode !== 'constant' && mode !== 'reflect') return `tfjs has no mode ${mode}`;
  if (rows.flat().some((width) => width < 0)) return 'tfjs pads by 0 or more';
  if (mode === 'reflect') {
    return input.includes(0) ? 'tfjs reflects no empty axis' : { call: 'mirrorPad', rows };
  }
  // What a fraction is as an int32, tfjs does not say.
  return { call: 'pad', rows, value: storedValue(paddingValue(spec), spec.dtypes.input) };
}

/**
 * What sets a valid call with normalised parameters apart for a native backend, beside the operator's features: the form of its
 * padding; axes that differ in stride or span, where tfjs's functions for two axes take one for the other; and an end that
 * SAME's windows do not reach.
 */
export function nativeFeatures(semantics: Semantics, spec: Spec): string[] {
  const native = nativeCallOf(semantics, spec);
  if (typeof native === 'string' || native.call === 'pad' || native.call === 'mirrorPad') return [];
  const axes = withHeight(axesOfLayer(semantics, spec));
  return namesOf({
    'as number': typeof native.pad === 'number',
    'as rows': typeof native.pad === 'object',
    'as same': native.pad === 'same',
    'uneven axes': axes.some((axis) => axis.stride !== axes[0]!.stride || span(axis) !== span(axes[0]!)),
    'unreached end': native.pad === 'same' && hasUnreachedEnd(native, axes),
  });
}

/** Whether the input of a SAME convolution, or the output of a transposed one, is longer than its windows reach. */
function hasUnreachedEnd(native: NativeConvolution | NativeTransposed, axes: readonly Axis[]): boolean {
  if ('outputShape' in native) return axes.some((axis) => axis.output > extent({ ...axis, output: axis.input }));
  const first = native.first.length < axes.length ? [none, ...native.first] : native.first;
  return axes.some((axis, i) => axis.input + first[i]!.before + first[i]!.after > extent(axis));
}
