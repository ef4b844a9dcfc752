import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from '../core/backend.ts';
import { type Inputs, mapInputs } from '../core/case.ts';
import { sameShape, type Tensor } from '../core/tensor.ts';
import { depthwiseKernel, kernelLast, toChannelsFirst, toChannelsLast } from '../lowering/layout.ts';
import { cropped, filled, grownBy, shapeAround, surrounded } from '../lowering/move.ts';
import {
  type NativeCall,
  type NativeConvolution,
  type NativePad,
  type NativeTransposed,
  nativeCallOf,
} from '../lowering/native.ts';
import { none, type Width } from '../lowering/plan.ts';
import { semanticsOf } from '../semantics/index.ts';
import { refusalOf } from '../semantics/semantics.ts';
import { checkedSpec } from './reference.ts';
import { supportedByTfjs, tensorOf, toTfjs } from './tfjs.ts';

/*
 * A tfjs runtime as it comes: its own convolutions with its own padding arguments, and whatever it makes of them.
 */

type Pair = [number, number];
type Triple = [number, number, number];
type Operands = Inputs<tf.Tensor>;

/** The tensor with its spatial axes, from dimension `at` on, made up to so many. */
function withAxes(x: tf.Tensor, axes: number, at: number): tf.Tensor {
  return x.rank - 2 < axes ? tf.expandDims(x, at) : x;
}

/** Zeros around the spatial axes of (N, …, C), or a shorter end where a width is negative. */
function widened(x: tf.Tensor, widths: readonly Width[]): tf.Tensor {
  const all = [none, ...widths, none];
  const inner = cropped(x, all);
  // A batch of none has nothing to put zeros around.
  return inner === null ? filled(shapeAround(x, all), 0, x.dtype) : surrounded(inner, grownBy(all), 0);
}

function convolve(native: NativeConvolution, { input, weight }: Operands): tf.Tensor {
  const axes = native.strides.length;
  const x = widened(withAxes(toChannelsLast(input), axes, 1), native.first);
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
      const filter = depthwiseKernel(withAxes(kernelLast(weight!), axes, 0), input.shape[1]!);
      return tf.depthwiseConv2d(x as tf.Tensor4D, filter, strides as Pair, pad, 'NHWC', dilations as Pair);
    }
  }
}

function convolveTransposed(native: NativeTransposed, { input, weight }: Operands): tf.Tensor {
  const axes = native.strides.length;
  const x = withAxes(toChannelsLast(input), axes, 1);
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
  return toChannelsFirst(biased.rank > input.rank ? tf.squeeze(biased, [1]) : biased);
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
async function compute(native: NativeCall, inputs: Inputs<Tensor>): Promise<Tensor> {
  const operands = mapInputs(inputs, toTfjs);
  try {
    const result = execute(native, operands);
    return await tensorOf(result);
  } finally {
    tf.dispose(Object.values(operands));
  }
}

/** Why tfjs's own functions do not have a call, whatever the runtime. */
export const supportedNatively: NonNullable<Backend['supports']> = (question) => {
  const general = supportedByTfjs(question);
  if (general !== true) return general;
  const { op, ...spec } = question;
  const semantics = semanticsOf(op);
  if (refusalOf(semantics.rules, spec) !== null) return true;
  const native = nativeCallOf(semantics, spec);
  return typeof native === 'string' ? native : true;
};

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
    supports: supportedNatively,
    async run(call, inputs) {
      const semantics = semanticsOf(call.op);
      const spec = checkedSpec(call, inputs);
      const native = nativeCallOf(semantics, spec);
      if (typeof native === 'string') throw new Error(native);
      let failed = true;
      try {
        const output = await compute(native, inputs);
        failed = !sameShape(output.shape, semantics.outputShape(spec));
        return output;
      } finally {
        if (failed) await restart?.();
      }
    },
  };
}
