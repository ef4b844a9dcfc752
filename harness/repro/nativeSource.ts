import { type Tensor, transposed } from '../core/tensor.ts';
import type { NativeCall, NativeConvolution, NativePadding, NativeTransposed } from '../lowering/native.ts';
import type { Width } from '../lowering/plan.ts';
import { list, number } from '../lowering/tfjsSource.ts';
import { backendTensors, type Call } from '../operators/call.ts';
import { operatorOf } from '../operators/index.ts';

/** A call of a library as it is written down: what goes in, what is called, and in which order the result comes. */
export interface Written {
  operands: { name: 'x' | 'w' | 'b'; tensor: Tensor; axes: string }[];
  expression: string;
  /** PyTorch's result, with its axes in the order in which the expression has them. */
  arranged(result: Tensor): Tensor;
}

const letters = [['L'], ['H', 'W'], ['D', 'H', 'W']];

/** Axes as TensorFlow has them, with a height of 1 in front of `L` where a call has one more axis than PyTorch. */
function axesNames(own: number, all: number, first: readonly string[], last: readonly string[]): string {
  const spatial = all > own ? ['1', ...letters[own - 1]!] : letters[own - 1]!;
  return [...first, ...spatial, ...last].join(', ');
}

function inserted(tensor: Tensor, at: number): Tensor {
  return { ...tensor, shape: [...tensor.shape.slice(0, at), 1, ...tensor.shape.slice(at)] };
}

/** (N, C, …) to (N, …, C), over so many spatial axes. */
function channelsLast(tensor: Tensor, axes: number): Tensor {
  const spatial = tensor.shape.slice(2).map((_, i) => i + 2);
  const last = transposed(tensor, [0, ...spatial, 1]);
  return spatial.length < axes ? inserted(last, 1) : last;
}

/** (a, b, …) to (…, b, a), over so many spatial axes. */
function kernelLast(tensor: Tensor, axes: number): Tensor {
  const spatial = tensor.shape.slice(2).map((_, i) => i + 2);
  const last = transposed(tensor, [...spatial, 1, 0]);
  return spatial.length < axes ? inserted(last, 0) : last;
}

/** Zeros around the spatial axes of (N, C, …), or a shorter end. */
function widened(tensor: Tensor, widths: readonly Width[]): Tensor {
  const pad = operatorOf('pad');
  const params = { ...pad.defaults, pad: [...widths].reverse().flatMap(({ before, after }) => [before, after]) };
  const spec = { params, shapes: { input: tensor.shape }, dtypes: { input: tensor.dtype } };
  const data = Float32Array.from(pad.evaluate(spec, { input: Float64Array.from(tensor.data) }));
  return { dtype: tensor.dtype, shape: [...pad.outputShape(spec)], data };
}

function paddingText(pad: NativePadding): string {
  if (typeof pad === 'string') return `'${pad}'`;
  return typeof pad === 'number' ? number(pad) : list(pad.map(list));
}

/** tfjs's own call, written down on tensors in its own layout. */
export function writtenNative(native: NativeCall, call: Call): Written {
  const tensors = backendTensors(call);
  if (native.call === 'pad' || native.call === 'mirrorPad') {
    const last = native.call === 'mirrorPad' ? "'reflect'" : number(native.value);
    return {
      operands: [{ name: 'x', tensor: tensors.input, axes: '' }],
      expression: `tf.${native.call}(x, ${list(native.rows.map((row) => list(row)))}, ${last})`,
      arranged: (result) => result,
    };
  }
  const own = tensors.input.shape.length - 2;
  const axes = native.strides.length;
  const inner = 'outputShape' in native ? transposedText(native) : convolutionText(native);
  const first = 'first' in native && native.first.some(({ before, after }) => before !== 0 || after !== 0);
  // A height that the call has and PyTorch does not is not padded.
  const widths = first ? (native as NativeConvolution).first.slice(-own) : [];
  const x = first ? widened(tensors.input, widths) : tensors.input;
  const depthwise = native.call === 'depthwiseConv2d';
  const kernel = kernelLast(tensors.weight!, axes);
  const channels = tensors.input.shape[1]!;
  const w = depthwise
    ? { ...kernel, shape: [...kernel.shape.slice(0, axes), channels, kernel.shape.at(-1)! / channels] }
    : kernel;
  const channelNames = depthwise ? ['C', 'multiplier'] : 'outputShape' in native ? ['out', 'in'] : ['in', 'out'];
  const padded = first ? ` padded by ${list(widths.map(({ before, after }) => list([before, after])))} first` : '';
  const { bias } = tensors;
  return {
    operands: [
      { name: 'x', tensor: channelsLast(x, axes), axes: `(${axesNames(own, axes, ['N'], ['C'])})${padded}` },
      { name: 'w', tensor: w, axes: `(${axesNames(own, axes, [], channelNames)})` },
      ...(bias === undefined ? [] : [{ name: 'b' as const, tensor: bias, axes: '' }]),
    ],
    expression: bias === undefined ? inner : `tf.add(${inner}, b)`,
    arranged: (result) => channelsLast(call.addsBatch ? inserted(result, 0) : result, axes),
  };
}

function convolutionText({ call, strides, dilations, pad }: NativeConvolution): string {
  const layout = { conv1d: 'NWC', conv2d: 'NHWC', conv3d: 'NDHWC', depthwiseConv2d: 'NHWC' }[call];
  const of = (values: readonly number[]) => (call === 'conv1d' ? number(values[0]!) : list(values));
  const dilated = dilations.some((dilation) => dilation > 1) ? `, '${layout}', ${of(dilations)}` : '';
  return `tf.${call}(x, w, ${of(strides)}, ${paddingText(pad)}${dilated})`;
}

function transposedText({ call, strides, pad, outputShape }: NativeTransposed): string {
  return `tf.${call}(x, w, ${list(outputShape)}, ${list(strides)}, ${paddingText(pad)})`;
}
