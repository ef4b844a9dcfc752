import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from '../core/backend.ts';
import { type Inputs, mapInputs } from '../core/case.ts';
import { type DType, sameShape, type Tensor } from '../core/tensor.ts';
import {
  type NativeCall,
  type NativeConvolution,
  type NativePad,
  type NativeTransposed,
  nativeCallOf,
} from '../lowering/native.ts';
import type { Width } from '../lowering/plan.ts';
import { operatorOf } from '../operators/index.ts';
import { refusalOf } from '../operators/operator.ts';
import { checkedSpec } from './reference.ts';

/*
 * A tfjs runtime as it comes: its own convolutions with its own padding arguments, and whatever it makes of them.
 */

type Pair = [number, number];
type Triple = [number, number, number];
type Operands = Inputs<tf.Tensor>;

/** `tf.transpose`, which traps on wasm where there are no elements. */
function transposed(x: tf.Tensor, dimensions: readonly number[]): tf.Tensor {
  const order = [...dimensions];
  return x.size > 0 ? tf.transpose(x, order) : tf.zeros(order.map((dimension) => x.shape[dimension]!));
}

function spatialOf(x: tf.Tensor): number[] {
  return Array.from({ length: x.rank - 2 }, (_, i) => i + 2);
}

/** (N, C, …) to (N, …, C). */
function channelsLast(x: tf.Tensor): tf.Tensor {
  return transposed(x, [0, ...spatialOf(x), 1]);
}

/** (N, …, C) to (N, C, …). */
function channelsFirst(x: tf.Tensor): tf.Tensor {
  return transposed(x, [0, x.rank - 1, ...spatialOf(x).map((dimension) => dimension - 1)]);
}

/** A kernel (a, b, …) to (…, b, a). */
function kernelLast(weight: tf.Tensor): tf.Tensor {
  return transposed(weight, [...spatialOf(weight), 1, 0]);
}

/** The tensor with its spatial axes, from dimension `at` on, made up to so many. */
function withAxes(x: tf.Tensor, axes: number, at: number): tf.Tensor {
  return x.rank - 2 < axes ? tf.expandDims(x, at) : x;
}

/**
 * Zeros around the spatial axes of (N, …, C), or a shorter end where a width is negative. Without `tf.pad`: a wasm instance that
 * has once padded with NaN may do so for ever.
 */
function widened(x: tf.Tensor, widths: readonly Width[]): tf.Tensor {
  return widths.reduce((inner, { before, after }, i) => {
    const axis = i + 1;
    const resized = (size: number) => inner.shape.map((old, dimension) => (dimension === axis ? size : old));
    const size = inner.shape[axis]! + Math.min(0, after);
    const kept = after < 0 ? tf.slice(inner, new Array<number>(inner.rank).fill(0), resized(size)) : inner;
    const zeros = (count: number) => (count > 0 ? [tf.zeros(resized(count))] : []);
    const parts = [...zeros(before), kept, ...zeros(after)];
    return parts.length === 1 ? kept : tf.concat(parts, axis);
  }, x);
}

function convolve(native: NativeConvolution, { input, weight }: Operands): tf.Tensor {
  const axes = native.strides.length;
  const x = widened(withAxes(channelsLast(input), axes, 1), native.first);
  const [strides, dilations] = [native.strides as number[], native.dilations as number[]];
  const pad = native.pad as 'valid';
  switch (native.call) {
    case 'conv1d':
      return tf.conv1d(x as tf.Tensor3D, kernelLast(weight!) as tf.Tensor3D, strides[0]!, pad, 'NWC', dilations[0]);
    case 'conv2d':
      return tf.conv2d(
        x as tf.Tensor4D,
        kernelLast(weight!) as tf.Tensor4D,
        strides as Pair,
        pad,
        'NHWC',
        dilations as Pair,
      );
    case 'conv3d':
      return tf.conv3d(
        x as tf.Tensor5D,
        kernelLast(weight!) as tf.Tensor5D,
        strides as Triple,
        pad,
        'NDHWC',
        dilations as Triple,
      );
    case 'depthwiseConv2d': {
      // (in·multiplier, 1, …) is (in, multiplier, …) row by row, and tfjs wants (…, in, multiplier).
      const [outChannels, , ...kernel] = weight!.shape as Triple;
      const channels = input.shape[1]!;
      const split = tf.reshape(weight!, [channels, outChannels / channels, ...kernel]);
      const filter = withAxes(transposed(split, [...spatialOf(split), 0, 1]), axes, 0);
      return tf.depthwiseConv2d(
        x as tf.Tensor4D,
        filter as tf.Tensor4D,
        strides as Pair,
        pad,
        'NHWC',
        dilations as Pair,
      );
    }
  }
}

function convolveTransposed(native: NativeTransposed, { input, weight }: Operands): tf.Tensor {
  const axes = native.strides.length;
  const x = withAxes(channelsLast(input), axes, 1);
  const filter = withAxes(kernelLast(weight!), axes, 0);
  const shape = native.outputShape as number[];
  const pad = native.pad as 'valid';
  return native.call === 'conv2dTranspose'
    ? tf.conv2dTranspose(
        x as tf.Tensor4D,
        filter as tf.Tensor4D,
        shape as [number, number, number, number],
        native.strides as Pair,
        pad,
      )
    : tf.conv3dTranspose(
        x as tf.Tensor5D,
        filter as tf.Tensor5D,
        shape as [number, number, number, number, number],
        native.strides as Triple,
        pad,
      );
}

/** A layer's result in PyTorch's layout: its bias added, its channels second, and without a height that it was lent. */
function finished(y: tf.Tensor, { input, bias }: Operands): tf.Tensor {
  const biased = bias === undefined ? y : tf.add(y, bias);
  return channelsFirst(biased.rank > input.rank ? tf.squeeze(biased, [1]) : biased);
}

function pad(native: NativePad, { input }: Operands): tf.Tensor {
  const rows = [...native.rows];
  return native.call === 'pad' ? tf.pad(input, rows, native.value) : tf.mirrorPad(input, rows, 'reflect');
}

/** The result of a native call, in PyTorch's layout. Leaves no other tensor behind. */
export function execute(native: NativeCall, operands: Operands): tf.Tensor {
  return tf.tidy(() => {
    switch (native.call) {
      case 'pad':
      case 'mirrorPad':
        return pad(native, operands);
      case 'conv2dTranspose':
      case 'conv3dTranspose':
        return finished(convolveTransposed(native, operands), operands);
      default:
        return finished(convolve(native, operands), operands);
    }
  });
}

/** What a native call gives on the runtime, as it comes. Leaves no tensor behind. */
function compute(native: NativeCall, inputs: Inputs<Tensor>): Tensor {
  const operands = mapInputs(inputs, ({ data, shape, dtype }) => tf.tensor(data, shape, dtype as 'float32'));
  try {
    const result = execute(native, operands);
    const data = result.dataSync() as Float32Array | Int32Array;
    tf.dispose(result);
    return { dtype: result.dtype as DType, shape: [...result.shape], data };
  } finally {
    tf.dispose(Object.values(operands));
  }
}

/**
 * A tfjs runtime under its own padding arguments. `tf.setBackend` has chosen the runtime already; `restart` does so anew, for
 * a runtime that is not to be relied on after a failure.
 */
export function nativeBackend(
  name: string,
  { flushesDenormals = false, restart }: { flushesDenormals?: boolean; restart?: () => Promise<void> } = {},
): Backend {
  return {
    name,
    version: tf.version_core,
    strict: true,
    flushesDenormals,
    supports({ op, params, shapes, dtypes }) {
      if (dtypes.input === 'float64') return 'TensorFlow.js has no float64';
      const operator = operatorOf(op);
      const spec = { params, shapes, dtypes };
      if (refusalOf(operator.rules, spec) !== null) return true;
      const native = nativeCallOf(operator, spec);
      return typeof native === 'string' ? native : true;
    },
    async run(call, inputs) {
      const operator = operatorOf(call.op);
      const spec = checkedSpec(call, inputs);
      const native = nativeCallOf(operator, spec);
      if (typeof native === 'string') throw new Error(native);
      let failed = true;
      try {
        const output = compute(native, inputs);
        failed = !sameShape(output.shape, operator.outputShape(spec));
        return output;
      } finally {
        if (failed) await restart?.();
      }
    },
  };
}
