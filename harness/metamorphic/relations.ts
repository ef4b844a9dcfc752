import { type Case, caseSchema, type Inputs, mapInputs, type OpName, type Params } from '../core/case.ts';
import { toJsonNumber } from '../core/json.ts';
import { allocate, elementCount, flatIndex, indexOf, type Tensor } from '../core/tensor.ts';
import { backendTensors, type Call, normalSpec } from '../operators/call.ts';
import { convolutionPadding } from '../semantics/convolution.ts';
import { dimensionsOf, modeOf, type PadAxis, type PadMode, paddingValue, storedValue } from '../semantics/pad.ts';

/*
 * What a result must have to do with the results of other calls, whatever is right: each element is a linear combination of elements of
 * theirs. Known from the definition alone, and shared with no other oracle.
 */

/** An element of a related call's result, and what it is multiplied with. */
export type Link = readonly [related: number, at: number, factor: number];

/** Related calls, and each element of the call's result in terms of theirs. */
export interface Related {
  cases: Case[];
  /** The element at a flat index is `constant` and the sum of these; null where nothing is known of it. */
  links(i: number): readonly Link[] | null;
  constant?(i: number): number;
}

export interface Relation {
  name: string;
  /** Null where it says nothing of such a call. The call is valid, nothing in it has size 0. */
  of(call: Call): Related | null;
}

interface Layer {
  op: OpName;
  params: Params;
  input: Tensor;
  weight: Tensor;
  bias: Tensor | undefined;
  groups: number;
  isTransposed: boolean;
  /** With its batch axis. */
  outputShape: number[];
}

function layerOf(call: Call): Layer | null {
  const { operator, normalised, case: own } = call;
  if (operator.family === 'padding' || operator.gradient !== null) return null;
  const { input, weight, bias } = backendTensors(call);
  return {
    op: own.op,
    params: normalised!,
    input,
    weight: weight!,
    bias,
    groups: normalised!.groups as number,
    isTransposed: operator.family === 'transposed convolution',
    outputShape: operator.outputShape(normalSpec(call)),
  };
}

function caseOf(op: OpName, params: Params, tensors: Partial<Inputs<Tensor>> & { input: Tensor }): Case {
  const inputs = mapInputs(tensors as Inputs<Tensor>, ({ dtype, shape, data }) => ({
    dtype,
    shape,
    data: { kind: 'inline' as const, values: Array.from(data, toJsonNumber) },
  }));
  return { schema: caseSchema, op, params, inputs };
}

function layerCase({ op, params, input, weight, bias }: Layer, changed: Partial<Layer>): Case {
  const tensors = { input, weight, ...(bias === undefined ? {} : { bias }), ...pick(changed) };
  const { bias: given, ...rest } = tensors;
  const all = 'bias' in changed && changed.bias === undefined ? rest : { ...rest, ...(given ? { bias: given } : {}) };
  return caseOf(changed.op ?? op, changed.params ?? params, all);
}

function pick({ input, weight, bias }: Partial<Layer>): Partial<Inputs<Tensor>> {
  return { ...(input ? { input } : {}), ...(weight ? { weight } : {}), ...(bias ? { bias } : {}) };
}

function filled(
  shape: readonly number[],
  dtype: Tensor['dtype'],
  value: (index: number[], i: number) => number,
): Tensor {
  const data = allocate(dtype, elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(indexOf(i, shape), i);
  return { dtype, shape: [...shape], data };
}

/** Every other element, zeros for the rest: the two halves add up to the tensor, and nothing is rounded. */
function half(tensor: Tensor, which: 0 | 1): Tensor {
  return filled(tensor.shape, tensor.dtype, (_, i) => (i % 2 === which ? tensor.data[i]! : 0));
}

function scaled(tensor: Tensor, factor: number): Tensor {
  return filled(tensor.shape, tensor.dtype, (_, i) => factor * tensor.data[i]!);
}

/** The element at an index, 0 outside. */
function elementAt({ data, shape }: Tensor, index: readonly number[]): number {
  const isInside = index.every((at, axis) => at >= 0 && at < shape[axis]!);
  return isInside ? data[flatIndex(index, shape)]! : 0;
}

/** A layer's input in a larger one of zeros, so far from the beginning of each spatial axis. */
function placed(input: Tensor, shape: readonly number[], before: readonly number[]): Tensor {
  return filled(shape, input.dtype, (index) =>
    elementAt(
      input,
      index.map((at, axis) => at - (before[axis - 2] ?? 0)),
    ),
  );
}

function paddingOf({ params, weight, isTransposed }: Layer): { before: number; after: number }[] {
  if (isTransposed) return (params.padding as number[]).map((width) => ({ before: width, after: width }));
  return convolutionPadding(params.padding!, weight.shape.slice(2), params.dilation as number[]);
}

const inputSplit: Relation = {
  name: 'linear in the input',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const [even, odd] = [half(layer.input, 0), half(layer.input, 1)];
    return {
      cases: [layerCase(layer, { input: even }), layerCase(layer, { input: odd, bias: undefined })],
      links: (i) => [
        [0, i, 1],
        [1, i, 1],
      ],
    };
  },
};

const weightSplit: Relation = {
  name: 'linear in the weight',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const [even, odd] = [half(layer.weight, 0), half(layer.weight, 1)];
    return {
      cases: [layerCase(layer, { weight: even }), layerCase(layer, { weight: odd, bias: undefined })],
      links: (i) => [
        [0, i, 1],
        [1, i, 1],
      ],
    };
  },
};

const doubled: Relation = {
  name: 'twice the input and bias, twice the result',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const bias = layer.bias === undefined ? undefined : scaled(layer.bias, 2);
    return { cases: [layerCase(layer, { input: scaled(layer.input, 2), bias })], links: (i) => [[0, i, 0.5]] };
  },
};

/** Zeros in front of every spatial axis, as far as a window moves, move the result by one window. */
const shifted: Relation = {
  name: 'moved by one stride',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const { input, params, isTransposed, outputShape } = layer;
    const strides = params.stride as number[];
    const by = isTransposed ? strides.map(() => 1) : strides;
    const moves = isTransposed ? strides : strides.map(() => 1);
    const longer = (shape: readonly number[], widths: readonly number[]) =>
      shape.map((size, axis) => size + (widths[axis - 2] ?? 0));
    const moved = placed(input, longer(input.shape, by), by);
    const shape = longer(outputShape, moves);
    return {
      cases: [layerCase(layer, { input: moved })],
      links: (i) => [
        [
          0,
          flatIndex(
            indexOf(i, outputShape).map((at, axis) => at + (moves[axis - 2] ?? 0)),
            shape,
          ),
          1,
        ],
      ],
    };
  },
};

/** One output channel of one element of the batch needs its group's input channels, its own kernel and bias, and nothing else. */
function channelAlone(name: string, of: (count: number) => number): Relation {
  return {
    name,
    of(call) {
      const layer = layerOf(call);
      if (layer === null) return null;
      const { input, weight, bias, groups, isTransposed, outputShape } = layer;
      const [n, channel] = [of(input.shape[0]!), of(outputShape[1]!)];
      const perGroup = outputShape[1]! / groups;
      const group = Math.floor(channel / perGroup);
      const inputs = input.shape[1]! / groups;
      const alone = filled([1, inputs, ...input.shape.slice(2)], input.dtype, ([, c, ...at]) =>
        elementAt(input, [n, group * inputs + c!, ...at]),
      );
      const kernel = isTransposed
        ? filled([inputs, 1, ...weight.shape.slice(2)], weight.dtype, ([c, , ...at]) =>
            elementAt(weight, [group * inputs + c!, channel % perGroup, ...at]),
          )
        : filled([1, inputs, ...weight.shape.slice(2)], weight.dtype, ([, c, ...at]) =>
            elementAt(weight, [channel, c!, ...at]),
          );
      const own = bias === undefined ? undefined : filled([1], bias.dtype, () => bias.data[channel]!);
      const spatial = elementCount(outputShape.slice(2));
      return {
        cases: [layerCase(layer, { input: alone, weight: kernel, bias: own, params: { ...layer.params, groups: 1 } })],
        links: (i) => {
          const [b, c] = indexOf(i, outputShape);
          return b === n && c === channel ? [[0, i % spatial, 1]] : null;
        },
      };
    },
  };
}

/** Padding by zeros put there by hand; for a transposed convolution the whole result, cropped by hand. */
const padded: Relation = {
  name: 'padded by hand',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const { input, params, bias, isTransposed, weight, outputShape } = layer;
    const widths = paddingOf(layer);
    const none = widths.map(() => 0);
    if (!isTransposed) {
      const shape = input.shape.map((size, axis) => {
        const { before, after } = widths[axis - 2] ?? { before: 0, after: 0 };
        return size + before + after;
      });
      const wide = placed(
        input,
        shape,
        widths.map(({ before }) => before),
      );
      return {
        cases: [layerCase(layer, { input: wide, params: { ...params, padding: none } })],
        links: (i) => [[0, i, 1]],
      };
    }
    const [strides, dilations] = [params.stride as number[], params.dilation as number[]];
    const whole = outputShape.map((size, axis) =>
      axis < 2
        ? size
        : (input.shape[axis]! - 1) * strides[axis - 2]! + dilations[axis - 2]! * (weight.shape[axis]! - 1) + 1,
    );
    const plain = { ...params, padding: none, output_padding: none };
    return {
      cases: [layerCase(layer, { params: plain })],
      links: (i) => {
        const from = indexOf(i, outputShape).map((at, axis) => at + (widths[axis - 2]?.before ?? 0));
        return from.every((at, axis) => at < whole[axis]!) ? [[0, flatIndex(from, whole), 1]] : [];
      },
      // What output_padding appends is bias alone.
      constant: (i) => {
        const index = indexOf(i, outputShape);
        const isAppended = index.some((at, axis) => at + (widths[axis - 2]?.before ?? 0) >= whole[axis]!);
        return isAppended ? (bias?.data[index[1]!] ?? 0) : 0;
      },
    };
  },
};

/** A tap of zeros at the kernel's end adds nothing, where there is room for it. */
const longerKernel: Relation = {
  name: 'as with one more tap of zeros',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const { input, params, weight, isTransposed, outputShape } = layer;
    const dilations = params.dilation as number[];
    const longer = (shape: readonly number[], by: (axis: number) => number) =>
      shape.map((size, axis) => (axis < 2 ? size : size + by(axis - 2)));
    const kernel = filled(
      longer(weight.shape, () => 1),
      weight.dtype,
      (index) => elementAt(weight, index),
    );
    if (isTransposed) {
      const shape = longer(outputShape, (axis) => dilations[axis]!);
      return {
        cases: [layerCase(layer, { weight: kernel })],
        links: (i) => [[0, flatIndex(indexOf(i, outputShape), shape), 1]],
      };
    }
    const widths = paddingOf(layer);
    const wide = longer(input.shape, (axis) => widths[axis]!.before + widths[axis]!.after + dilations[axis]!);
    const roomy = placed(
      input,
      wide,
      widths.map(({ before }) => before),
    );
    const plain = { ...params, padding: widths.map(() => 0) };
    return { cases: [layerCase(layer, { input: roomy, weight: kernel, params: plain })], links: (i) => [[0, i, 1]] };
  },
};

/** An element of the result is the inner product of the input and what the adjoint operator makes of that element alone. */
const adjoint: Relation = {
  name: 'the adjoint of the other operator',
  of(call) {
    const layer = layerOf(call);
    if (layer === null) return null;
    const { op, input, params, bias, weight, isTransposed, outputShape } = layer;
    const widths = paddingOf(layer);
    if (widths.some(({ before, after }) => before !== after)) return null;
    const [strides, dilations] = [params.stride as number[], params.dilation as number[]];
    const count = elementCount(outputShape);
    const chosen = [...new Set([0, Math.floor(count / 2), count - 1])];
    const perBatch = count / outputShape[0]!;
    const alone = filled([chosen.length, ...outputShape.slice(1)], input.dtype, (_, i) =>
      chosen[Math.floor(i / perBatch)]! % perBatch === i % perBatch ? 1 : 0,
    );
    const { output_padding: _, ...own } = params;
    const rest: Params = { ...own, padding: widths.map(({ before }) => before) };
    const reached = strides.map((stride, axis) => {
      const span = dilations[axis]! * (weight.shape[axis + 2]! - 1) + 1;
      return isTransposed
        ? Math.floor((outputShape[axis + 2]! + 2 * widths[axis]!.before - span) / stride) + 1
        : (outputShape[axis + 2]! - 1) * stride - 2 * widths[axis]!.before + span;
    });
    const missing = reached.map((size, axis) => input.shape[axis + 2]! - size);
    const other = (
      isTransposed ? op.replace('conv_transpose', 'conv') : op.replace('conv', 'conv_transpose')
    ) as OpName;
    const otherParams: Params = isTransposed ? rest : { ...rest, output_padding: missing };
    const sizes = isTransposed ? reached : input.shape.slice(2);
    const shape = [chosen.length, input.shape[1]!, ...sizes];
    const perInput = elementCount(input.shape.slice(1));
    return {
      cases: [layerCase(layer, { op: other, params: otherParams, input: alone, bias: undefined })],
      links: (i) => {
        const which = chosen.indexOf(i);
        if (which < 0) return null;
        const n = Math.floor(i / perBatch);
        return Array.from({ length: perInput }, (_, at): Link => {
          const [, ...index] = indexOf(at, [1, ...input.shape.slice(1)]);
          return [0, flatIndex([which, ...index], shape), input.data[n * perInput + at]!];
        });
      },
      constant: (i) => bias?.data[indexOf(i, outputShape)[1]!] ?? 0,
    };
  },
};

interface Padding {
  op: OpName;
  params: Params;
  input: Tensor;
  /** Of every axis of the input. */
  axes: PadAxis[];
  mode: PadMode;
  outputShape: number[];
}

function paddingOfCall({ operator, case: own, tensors, spec }: Call): Padding | null {
  if (operator.family !== 'padding' || operator.gradient !== null) return null;
  return {
    op: own.op,
    params: own.params,
    input: tensors.input,
    axes: dimensionsOf(spec),
    mode: modeOf(spec),
    outputShape: operator.outputShape(spec),
  };
}

/** The flat index of the element that `turn` takes each coordinate of an index to; null where there is none. */
function turnedIndex(
  index: readonly number[],
  shape: readonly number[],
  turn: (at: number, axis: number) => number,
): number | null {
  const turned = index.map(turn);
  return turned.every((at, axis) => at >= 0 && at < shape[axis]!) ? flatIndex(turned, shape) : null;
}

/** Padding does not care which end is which. */
const reversed: Relation = {
  name: 'the other way round',
  of(call) {
    const padding = paddingOfCall(call);
    if (padding === null) return null;
    const { op, params, input, outputShape } = padding;
    const widths = params.pad as number[];
    const swapped = widths.map((_, i) => widths[i % 2 === 0 ? i + 1 : i - 1]!);
    const first = input.shape.length - widths.length / 2;
    const turned = (index: readonly number[], shape: readonly number[]) =>
      turnedIndex(index, shape, (at, axis) => (axis < first ? at : shape[axis]! - 1 - at))!;
    const around = filled(input.shape, input.dtype, (index) => input.data[turned(index, input.shape)]!);
    return {
      cases: [caseOf(op, { ...params, pad: swapped }, { input: around })],
      links: (i) => [[0, turned(indexOf(i, outputShape), outputShape), 1]],
    };
  },
};

/** One more in front of the last axis moves everything by one. */
const wider: Relation = {
  name: 'as with one more in front',
  of(call) {
    const padding = paddingOfCall(call);
    if (padding === null) return null;
    const { op, params, input, outputShape } = padding;
    const [before, ...rest] = params.pad as number[];
    if (before === undefined || before < 0) return null;
    const last = outputShape.length - 1;
    const shape = outputShape.map((size, axis) => (axis === last ? size + 1 : size));
    return {
      cases: [caseOf(op, { ...params, pad: [before + 1, ...rest] }, { input })],
      links: (i) => [[0, turnedIndex(indexOf(i, outputShape), shape, (at, axis) => (axis === last ? at + 1 : at))!, 1]],
    };
  },
};

/** What a padding adds by a mode is found again in its own result. */
const found: Relation = {
  name: 'as the mode says of the result itself',
  of(call) {
    const padding = paddingOfCall(call);
    if (padding === null || padding.mode === 'constant') return null;
    const { op, params, input, axes, mode, outputShape } = padding;
    const turn = (at: number, axis: number): number => {
      const { size, before, after } = axes[axis]!;
      const source = at - before;
      if (source >= 0 && source < size) return at;
      if (mode === 'replicate') return before + Math.min(Math.max(source, 0), size - 1);
      if (mode === 'reflect') return before + (source < 0 ? -source : 2 * (size - 1) - source);
      return source < 0 ? at + size + Math.min(after, 0) : at - size - Math.min(before, 0);
    };
    return {
      cases: [caseOf(op, params, { input })],
      links: (i) => {
        const at = turnedIndex(indexOf(i, outputShape), outputShape, turn);
        return at === null ? null : [[0, at, 1]];
      },
    };
  },
};

/** What is padded is not changed. */
const kept: Relation = {
  name: 'the input where nothing was added',
  of(call) {
    const padding = paddingOfCall(call);
    if (padding === null) return null;
    const { input, axes, outputShape } = padding;
    const sourceOf = (i: number) =>
      turnedIndex(indexOf(i, outputShape), input.shape, (at, axis) => at - axes[axis]!.before);
    return {
      cases: [],
      links: (i) => (sourceOf(i) === null ? null : []),
      constant: (i) => input.data[sourceOf(i)!]!,
    };
  },
};

/** Padding with a value is padding with 0 and adding the value everywhere. */
const valueAdded: Relation = {
  name: 'the value added to everything',
  of(call) {
    const padding = paddingOfCall(call);
    if (padding === null || padding.mode !== 'constant') return null;
    const { op, params, input } = padding;
    const stored = storedValue(paddingValue(call.spec), input.dtype);
    const value = input.dtype === 'float32' ? Math.fround(stored) : stored;
    const less = filled(input.shape, input.dtype, (_, i) => input.data[i]! - value);
    // Only where nothing is rounded.
    if (!less.data.every((element, i) => element + value === input.data[i])) return null;
    return {
      cases: [caseOf(op, { ...params, value: 0 }, { input: less })],
      links: (i) => [[0, i, 1]],
      constant: () => value,
    };
  },
};

/** All relations that there are, the most telling first. */
export const relations: readonly Relation[] = [
  padded,
  shifted,
  channelAlone('the first channel by itself', () => 0),
  channelAlone('the last channel by itself', (count) => count - 1),
  adjoint,
  inputSplit,
  weightSplit,
  doubled,
  longerKernel,
  kept,
  found,
  wider,
  valueAdded,
  reversed,
];
