import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from '../core/backend.ts';
import { mapInputs, type OpName, type Params } from '../core/case.ts';
import type { DType, Tensor } from '../core/tensor.ts';
import { execute } from '../lowering/execute.ts';
import { gradients } from '../lowering/gradient.ts';
import { planOf, type Route } from '../lowering/plan.ts';
import { semanticsOf } from '../semantics/index.ts';
import type { Spec } from '../semantics/semantics.ts';
import { checkedSpec, gradientCall } from './reference.ts';

/**
 * A tfjs runtime under the lowering to explicit padding, transposed convolution by the given route. `tf.setBackend` has chosen
 * the runtime already.
 */
export function tfjsBackend(
  name: string,
  { flushesDenormals = false, route }: { flushesDenormals?: boolean; route?: Route } = {},
): Backend {
  return {
    name,
    version: tf.version_core,
    strict: true,
    flushesDenormals,
    supports: supportedByTfjs,
    async run(call, inputs) {
      const plan = planFor(call.op, call.params, checkedSpec(call, inputs));
      return tidied(() => execute(plan, mapInputs(inputs, toTfjs)), plan.outputShape);
    },
    async gradients(given, inputs, gradOutput) {
      const { call, operands } = gradientCall(given, inputs, gradOutput);
      checkedSpec(call, operands);
      const plan = planFor(given.op, given.params, checkedSpec(given, inputs));
      const by = () => gradients(plan, mapInputs(inputs, toTfjs), toTfjs(gradOutput))[given.by]!;
      return { [given.by]: await tidied(by, inputs[given.by]!.shape) };
    },
  };

  function planFor(op: OpName, params: Params, spec: Spec) {
    const semantics = semanticsOf(op);
    return planOf(semantics.family, params, spec.shapes, semantics.outputShape(spec), route);
  }
}

/** Why tfjs cannot run a call, whatever the runtime. */
export const supportedByTfjs: NonNullable<Backend['supports']> = ({ dtypes }) =>
  dtypes.input === 'float64' ? 'TensorFlow.js has no float64' : true;

export function toTfjs({ data, shape, dtype }: Tensor): tf.Tensor {
  return tf.tensor(data, shape, dtype as 'float32');
}

/** What is computed, of this shape, with nothing left behind. */
async function tidied(compute: () => tf.Tensor, shape: readonly number[]): Promise<Tensor> {
  return { ...(await tensorOf(tf.tidy(compute))), shape: [...shape] };
}

/** What a tensor of tfjs holds; it is disposed of. */
export async function tensorOf(x: tf.Tensor): Promise<Tensor> {
  // WebGPU has no synchronous way back that keeps all bits; on the other runtimes it is the quicker one.
  const data = (tf.getBackend() === 'webgpu' ? await x.data() : x.dataSync()) as Float32Array | Int32Array;
  x.dispose();
  return { dtype: x.dtype as DType, shape: [...x.shape], data };
}
