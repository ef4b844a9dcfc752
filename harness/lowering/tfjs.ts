import * as tf from '@tensorflow/tfjs-core';
import { type Inputs, mapInputs, type Params } from '../core/case.ts';
import type { DType } from '../core/tensor.ts';
import { convolutionPadding, convolutionSemantics } from '../semantics/convolution.ts';
import { dimensionsOf, type PadAxis, type PadMode, padModes, padSemantics } from '../semantics/pad.ts';
import { refusalOf, type Semantics, type Spec } from '../semantics/semantics.ts';
import { transposedConvolutionSemantics } from '../semantics/transposedConvolution.ts';
import { axisValues, perAxis, span } from '../semantics/window.ts';
import { execute } from './execute.ts';
import { gradients } from './gradient.ts';
import { type Layout, layouts } from './layout.ts';
import { type Plan, paddingPlan, planOf, type Route, routes } from './plan.ts';

/*
 * `convdiff/tfjs`: PyTorch's convolutions and paddings as functions on TensorFlow.js tensors, on whichever runtime tfjs runs on.
 * They take PyTorch's parameters, by PyTorch's names and with its defaults, refuse what PyTorch refuses, leave no tensor behind
 * but their result, and have first-order gradients by input, weight and bias.
 *
 * Source of what they mean: https://pytorch.org/docs/stable/nn.functional.html
 */

export type { PadMode } from '../semantics/pad.ts';
export type { Layout } from './layout.ts';
export type { Route } from './plan.ts';

/** One number for every spatial axis, or a list with one entry each. */
export type PerAxis = number | readonly number[];

export interface ConvolutionOptions {
  /** How far the window moves; 1. */
  stride?: PerAxis;
  /** Elements added at both ends of every axis, or `'same'` (stride 1 only) or `'valid'`; 0. */
  padding?: PerAxis | 'same' | 'valid';
  /** How far the taps of the window lie apart; 1. */
  dilation?: PerAxis;
  /** How many groups of channels are convolved by themselves; 1. */
  groups?: number;
  /** What the added elements are, as in `torch.nn.Conv2d`; `'zeros'`. */
  padding_mode?: 'zeros' | Exclude<PadMode, 'constant'>;
  /** The axis order of input, weight and result: PyTorch's `'NCHW'` or TensorFlow's `'NHWC'`, over any number of spatial axes; `'NCHW'`. */
  layout?: Layout;
}

export interface TransposedConvolutionOptions {
  /** How far apart the input's elements come to lie; 1. */
  stride?: PerAxis;
  /** Elements cropped from both ends of every axis; 0. */
  padding?: PerAxis;
  /** Elements appended at the end of every axis; 0. */
  output_padding?: PerAxis;
  /**
   * The result's spatial sizes, or its whole shape, as in the call of `torch.nn.ConvTranspose2d`: says what output_padding has
   * to be.
   */
  output_size?: readonly number[];
  /** How many groups of channels are convolved by themselves; 1. */
  groups?: number;
  /** How far the taps of the kernel lie apart; 1. */
  dilation?: PerAxis;
  /** As for convolutions; `'NCHW'`. */
  layout?: Layout;
  /** How it is computed: crop the whole output, or pad the input and convolve; `'crop'`, which multiplies less. */
  route?: Route;
}

/**
 * `F.conv1d`. Input (N, C, L) or (C, L), weight (out, C / groups, K), bias (out); with `layout: 'NHWC'` input (N, L, C) or
 * (L, C) and weight (K, C / groups, out). Throws Error where PyTorch refuses the call, saying why.
 */
export function conv1d<T extends tf.Tensor>(
  input: T,
  weight: tf.Tensor,
  bias?: tf.Tensor | null,
  options?: ConvolutionOptions,
): T {
  return convolution(convolutions[1], 1, input, weight, bias, options) as T;
}

/**
 * `F.conv2d`. Input (N, C, H, W) or (C, H, W), weight (out, C / groups, KH, KW), bias (out); with `layout: 'NHWC'` input
 * (N, H, W, C) or (H, W, C) and weight (KH, KW, C / groups, out). Throws Error where PyTorch refuses the call, saying why.
 */
export function conv2d<T extends tf.Tensor>(
  input: T,
  weight: tf.Tensor,
  bias?: tf.Tensor | null,
  options?: ConvolutionOptions,
): T {
  return convolution(convolutions[2], 2, input, weight, bias, options) as T;
}

/**
 * `F.conv3d`. Input (N, C, D, H, W) or (C, D, H, W), weight (out, C / groups, KD, KH, KW), bias (out); with `layout: 'NHWC'`
 * input (N, D, H, W, C) or (D, H, W, C) and weight (KD, KH, KW, C / groups, out). Throws Error where PyTorch refuses the call,
 * saying why.
 */
export function conv3d<T extends tf.Tensor>(
  input: T,
  weight: tf.Tensor,
  bias?: tf.Tensor | null,
  options?: ConvolutionOptions,
): T {
  return convolution(convolutions[3], 3, input, weight, bias, options) as T;
}

/**
 * `F.conv_transpose1d`. Input (N, C, L) or (C, L), weight (C, out / groups, K), bias (out); with `layout: 'NHWC'` input
 * (N, L, C) or (L, C) and weight (K, out / groups, C). Throws Error where PyTorch refuses the call, saying why.
 */
export function convTranspose1d<T extends tf.Tensor>(
  input: T,
  weight: tf.Tensor,
  bias?: tf.Tensor | null,
  options?: TransposedConvolutionOptions,
): T {
  return transposedConvolution(transposedConvolutions[1], 1, input, weight, bias, options) as T;
}

/**
 * `F.conv_transpose2d`. Input (N, C, H, W) or (C, H, W), weight (C, out / groups, KH, KW), bias (out); with `layout: 'NHWC'`
 * input (N, H, W, C) or (H, W, C) and weight (KH, KW, out / groups, C). Throws Error where PyTorch refuses the call, saying why.
 */
export function convTranspose2d<T extends tf.Tensor>(
  input: T,
  weight: tf.Tensor,
  bias?: tf.Tensor | null,
  options?: TransposedConvolutionOptions,
): T {
  return transposedConvolution(transposedConvolutions[2], 2, input, weight, bias, options) as T;
}

/**
 * `F.conv_transpose3d`. Input (N, C, D, H, W) or (C, D, H, W), weight (C, out / groups, KD, KH, KW), bias (out); with
 * `layout: 'NHWC'` input (N, D, H, W, C) or (D, H, W, C) and weight (KD, KH, KW, out / groups, C). Throws Error where PyTorch
 * refuses the call, saying why.
 */
export function convTranspose3d<T extends tf.Tensor>(
  input: T,
  weight: tf.Tensor,
  bias?: tf.Tensor | null,
  options?: TransposedConvolutionOptions,
): T {
  return transposedConvolution(transposedConvolutions[3], 3, input, weight, bias, options) as T;
}

/**
 * `F.pad` of a float32 or int32 tensor. `widths` lists (before, after) from the last dimension back; negative ones crop. `value`
 * is for the mode `constant`. Throws Error where PyTorch refuses the call, saying why.
 */
export function pad<T extends tf.Tensor>(
  input: T,
  widths: readonly number[],
  mode: PadMode = 'constant',
  value = 0,
): T {
  tensorsOf('pad', { input });
  wholeNumbers('pad', 'pad', widths);
  oneOf('pad', 'mode', mode, padModes);
  const params = { pad: widths, mode, value };
  const spec: Spec = { params, shapes: { input: input.shape }, dtypes: { input: input.dtype as DType } };
  check(padSemantics, spec);
  return differentiable(paddingPlan(dimensionsOf(spec), mode, value), { input }) as T;
}

type Axes = 1 | 2 | 3;

const convolutions = { 1: convolutionSemantics(1), 2: convolutionSemantics(2), 3: convolutionSemantics(3) };
const transposedConvolutions = {
  1: transposedConvolutionSemantics(1),
  2: transposedConvolutionSemantics(2),
  3: transposedConvolutionSemantics(3),
};

function convolution(
  semantics: Semantics,
  axes: Axes,
  input: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor | null | undefined,
  options: ConvolutionOptions = {},
): tf.Tensor {
  const { name } = semantics;
  known(name, options, ['stride', 'padding', 'dilation', 'groups', 'padding_mode', 'layout']);
  const { padding_mode = 'zeros', layout = 'NCHW', ...given } = options;
  oneOf(name, 'padding_mode', padding_mode, ['zeros', ...padModes.filter((mode) => mode !== 'constant')]);
  oneOf(name, 'layout', layout, layouts);
  const params = paramsOf(semantics, given);
  const operands = { input, weight, ...(bias ? { bias } : {}) };
  const spec = specOf(semantics, axes, params, operands, layout);
  check(semantics, spec);
  if (padding_mode === 'zeros') return layer(semantics, spec, operands, layout);
  return tf.tidy(() => {
    const kernel = spec.shapes.weight!.slice(2);
    const widths = convolutionPadding(params.padding!, kernel, axisValues(params, 'dilation', axes));
    const padded = paddedBy(name, input, widths, padding_mode, layout);
    const unpadded = specOf(semantics, axes, { ...params, padding: 0 }, { ...operands, input: padded }, layout);
    return layer(semantics, unpadded, { ...operands, input: padded }, layout);
  });
}

/** The input of a layer with its spatial axes padded by a mode. */
function paddedBy(
  name: string,
  input: tf.Tensor,
  widths: readonly { before: number; after: number }[],
  mode: PadMode,
  layout: Layout,
): tf.Tensor {
  const first = layout === 'NHWC' ? input.rank - widths.length - 1 : input.rank - widths.length;
  const dimensions = input.shape.map((size, dimension): PadAxis => {
    const { before, after } = widths[dimension - first] ?? { before: 0, after: 0 };
    return { size, before, after };
  });
  // As F.pad is given it: channels first, (before, after) from the last axis back.
  const shape = firstChannels(input.shape, widths.length, layout);
  const list = [...widths].reverse().flatMap(({ before, after }) => [before, after]);
  const dtypes = { input: input.dtype as DType };
  check(padSemantics, { params: { pad: list, mode, value: 0 }, shapes: { input: shape }, dtypes }, name);
  return differentiable(paddingPlan(dimensions, mode, 0), { input });
}

function transposedConvolution(
  semantics: Semantics,
  axes: Axes,
  input: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor | null | undefined,
  options: TransposedConvolutionOptions = {},
): tf.Tensor {
  const { name } = semantics;
  known(name, options, ['stride', 'padding', 'output_padding', 'output_size', 'groups', 'dilation', 'layout', 'route']);
  const { output_size, layout = 'NCHW', route = 'crop', ...given } = options;
  oneOf(name, 'layout', layout, layouts);
  oneOf(name, 'route', route, routes);
  const params = paramsOf(semantics, given);
  const operands = { input, weight, ...(bias ? { bias } : {}) };
  const spec = specOf(semantics, axes, params, operands, layout);
  if (output_size === undefined) {
    check(semantics, spec);
    return layer(semantics, spec, operands, layout, route);
  }
  if (given.output_padding !== undefined) {
    throw new Error(`${name}: give output_size or output_padding, not both`);
  }
  wholeNumbers(name, 'output_size', output_size);
  const sizes = output_size.length === input.rank ? firstChannels(output_size, axes, layout).slice(-axes) : output_size;
  const sized = { ...spec, params: { ...params, output_padding: outputPadding(name, spec, axes, sizes) } };
  check(semantics, sized);
  return layer(semantics, sized, operands, layout, route);
}

/** The output_padding that gives these sizes, as `torch.nn.ConvTranspose*` finds it. */
function outputPadding(name: string, spec: Spec, axes: Axes, sizes: readonly number[]): number[] {
  // The sizes that follow rely on these parameters; what else may be wrong is said later.
  const lists = ['stride', 'padding', 'dilation'].map((param) => perAxis(spec.params[param]!, axes));
  const [strides, paddings, dilations] = lists;
  if (!strides || !paddings || !dilations || spec.shapes.weight!.length !== axes + 2) return [0];
  if (sizes.length !== axes) {
    throw new Error(`${name}: output_size must have ${axes} entries, the spatial sizes: got ${JSON.stringify(sizes)}`);
  }
  const least = spec.shapes.input
    .slice(-axes)
    .map(
      (size, axis) =>
        (size - 1) * strides[axis]! -
        2 * paddings[axis]! +
        span({ kernel: spec.shapes.weight![axis + 2]!, dilation: dilations[axis]! }),
    );
  if (sizes.some((size, axis) => size < least[axis]! || size >= least[axis]! + strides[axis]!)) {
    const most = least.map((size, axis) => size + strides[axis]! - 1);
    throw new Error(
      `${name}: output_size must be from ${JSON.stringify(least)} to ${JSON.stringify(most)} for this input: got ${JSON.stringify(sizes)}`,
    );
  }
  return sizes.map((size, axis) => size - least[axis]!);
}

/** Carries a checked call out, on a batch of one where it has none. */
function layer(
  semantics: Semantics,
  spec: Spec,
  operands: { input: tf.Tensor; weight: tf.Tensor; bias?: tf.Tensor },
  layout: Layout,
  route?: Route,
): tf.Tensor {
  const unbatched = spec.shapes.input.length === semantics.unbatchedRank;
  const shapes = unbatched ? { ...spec.shapes, input: [1, ...spec.shapes.input] } : spec.shapes;
  const normal = { ...spec, shapes, params: semantics.normalise(spec.params)! };
  const plan = planOf(semantics.family, normal.params, shapes, semantics.outputShape(normal), route);
  if (!unbatched) return differentiable(plan, operands, layout);
  return tf.tidy(() => {
    const result = differentiable(plan, { ...operands, input: tf.expandDims(operands.input, 0) }, layout);
    return tf.squeeze(result, [0]);
  });
}

/** The result of a plan, which knows its gradients. */
function differentiable(
  plan: Plan,
  operands: { input: tf.Tensor; weight?: tf.Tensor; bias?: tf.Tensor },
  layout: Layout = 'NCHW',
): tf.Tensor {
  const names = ['input', 'weight', 'bias'] as const;
  const given = names.filter((name) => operands[name] !== undefined);
  const named = (tensors: readonly tf.Tensor[]) =>
    Object.fromEntries(given.map((name, i) => [name, tensors[i]!])) as { input: tf.Tensor };
  const call = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    const tensors = args.slice(0, given.length) as tf.Tensor[];
    save(tensors);
    return {
      value: execute(plan, named(tensors), layout),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const found = gradients(plan, named(saved), dy, layout);
        return given.map((name) => found[name]!);
      },
    };
  });
  return call(...given.map((name) => operands[name]!));
}

/** The call as PyTorch would see it: shapes with channels first. */
function specOf(semantics: Semantics, axes: Axes, params: Params, operands: Inputs<tf.Tensor>, layout: Layout): Spec {
  tensorsOf(semantics.name, operands);
  const { input, weight } = operands;
  const [outer, inner] = weight!.shape.slice(-2).reverse();
  const kernel =
    layout === 'NCHW' || weight!.rank < 2 ? weight!.shape : [outer!, inner!, ...weight!.shape.slice(0, -2)];
  return {
    params,
    shapes: {
      ...mapInputs(operands, ({ shape }) => shape),
      input: firstChannels(input.shape, axes, layout),
      weight: kernel,
    },
    dtypes: mapInputs(operands, ({ dtype }) => dtype as DType),
  };
}

/** A shape in a layout, as PyTorch's: the channels before the spatial axes. */
function firstChannels(shape: readonly number[], axes: number, layout: Layout): number[] {
  if (layout === 'NCHW' || shape.length <= axes) return [...shape];
  const spatial = shape.length - 1 - axes;
  return [...shape.slice(0, spatial), shape.at(-1)!, ...shape.slice(spatial, -1)];
}

function paramsOf({ name, family, defaults }: Semantics, given: object): Params {
  const params: Params = { ...defaults };
  for (const [param, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const named = family === 'transposed convolution' ? [] : ['same', 'valid'];
    if (param === 'padding' && typeof value === 'string') oneOf(name, param, value, named);
    else wholeNumbers(name, param, value, param !== 'groups');
    params[param] = value;
  }
  return params;
}

function check(semantics: Semantics, spec: Spec, name: string = semantics.name): void {
  const dtype = spec.dtypes.input as string;
  if (dtype !== 'float32' && !(dtype === 'int32' && (semantics.dtypes as readonly string[]).includes(dtype))) {
    throw new Error(`${name}: input must be float32${semantics.family === 'padding' ? ' or int32' : ''}: got ${dtype}`);
  }
  const refusal = refusalOf(semantics.rules, spec);
  if (refusal !== null) throw new Error(`${name}: ${refusal.message}`);
}

function tensorsOf(name: string, operands: object): void {
  for (const [operand, value] of Object.entries(operands)) {
    if (!(value instanceof tf.Tensor)) throw new Error(`${name}: ${operand} must be a tensor: got ${String(value)}`);
    if (value.isDisposed) throw new Error(`${name}: ${operand} has been disposed of: keep it until the call`);
  }
}

function known(name: string, given: object, names: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error(`${name}: the options must be an object, or left out: got ${JSON.stringify(given)}`);
  }
  for (const option of Object.keys(given)) {
    if (!names.includes(option)) {
      throw new Error(`${name} has no option ${option}: there are ${names.join(', ')}`);
    }
  }
}

function oneOf(name: string, option: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) {
    const wanted = allowed.length > 0 ? `one of ${allowed.join(', ')}` : 'a whole number or a list of them';
    throw new Error(`${name}: ${option} must be ${wanted}: got ${JSON.stringify(value)}`);
  }
}

function wholeNumbers(name: string, option: string, value: unknown, listed = true): void {
  const entries = Array.isArray(value) && listed ? value : [value];
  if (!entries.every((entry) => Number.isSafeInteger(entry))) {
    const wanted = listed ? 'a whole number or a list of them' : 'a whole number';
    throw new Error(`${name}: ${option} must be ${wanted}: got ${JSON.stringify(value)}`);
  }
}
