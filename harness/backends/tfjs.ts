import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from '../core/backend.ts';
import { mapInputs } from '../core/case.ts';
import type { DType } from '../core/tensor.ts';
import { execute } from '../lowering/execute.ts';
import { planOf, type Route } from '../lowering/plan.ts';
import { operatorOf } from '../operators/index.ts';
import { checkedSpec } from './reference.ts';

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
    supports: ({ dtypes }) => (dtypes.input === 'float64' ? 'TensorFlow.js has no float64' : true),
    run(call, inputs) {
      const spec = checkedSpec(call, inputs);
      const operator = operatorOf(call.op);
      const plan = planOf(operator.family, call.params, spec.shapes, operator.outputShape(spec), route);
      const { dtype } = inputs.input;
      const operands = mapInputs(inputs, (tensor) => tf.tensor(tensor.data, tensor.shape, tensor.dtype as 'float32'));
      const result = execute(plan, operands);
      const data = result.dataSync() as Float32Array | Int32Array;
      tf.dispose([result, ...Object.values(operands)]);
      return { dtype: dtype as DType, shape: [...plan.outputShape], data };
    },
  };
}
