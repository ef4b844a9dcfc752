import type { Backend, Call, GradientCall } from '../core/backend.ts';
import { type Inputs, mapInputs } from '../core/case.ts';
import { allocate, type Tensor } from '../core/tensor.ts';
import { semanticsOf } from '../semantics/index.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';

/** The call as the operators' pure functions take it. Throws where PyTorch refuses it. */
export function checkedSpec(call: Call, inputs: Inputs<Tensor>): Spec {
  const spec: Spec = {
    params: call.params,
    shapes: mapInputs(inputs, ({ shape }) => shape),
    dtypes: mapInputs(inputs, ({ dtype }) => dtype),
  };
  const refusal = refusalOf(semanticsOf(call.op).rules, spec);
  if (refusal !== null) throw new Error(refusal.message);
  return spec;
}

/** The gradient of a call as an operator of its own, and its operands. */
export function gradientCall(
  { op, params, by }: GradientCall,
  inputs: Inputs<Tensor>,
  gradOutput: Tensor,
): { call: Call; operands: Inputs<Tensor> } {
  return { call: { op: `${op}_grad_${by}`, params }, operands: { ...inputs, grad_output: gradOutput } };
}

/** What an operator's definition gives, computed in float64 and rounded once. */
function evaluated(call: Call, inputs: Inputs<Tensor>): Tensor {
  const semantics = semanticsOf(call.op);
  const spec = checkedSpec(call, inputs);
  const exact = semantics.evaluate(
    spec,
    mapInputs(inputs, ({ data }) => data),
  );
  const { dtype } = inputs.input;
  const data = allocate(dtype, exact.length);
  data.set(exact);
  return { dtype, shape: semantics.outputShape(spec), data };
}

/** The operators' definitions, and their gradients by their own adjoints. */
const reference: Backend = {
  name: 'reference',
  version: '1',
  strict: true,
  run: evaluated,
  gradients(given, inputs, gradOutput) {
    const { call, operands } = gradientCall(given, inputs, gradOutput);
    return { [given.by]: evaluated(call, operands) };
  },
};

export default reference;
