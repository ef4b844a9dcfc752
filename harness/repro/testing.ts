import { mapInputs } from '../core/case.ts';
import { indexOf, type Tensor } from '../core/tensor.ts';
import type { Call } from '../operators/call.ts';
import type { Finding } from './finding.ts';

/** For tests: a finding of a valid call that is none, with the definition's own result as if the backend had failed there. */
export function nothingWrong(call: Call, backend: Finding['backend']): Finding {
  const shape = call.operator.outputShape(call.spec);
  const data = call.operator.evaluate(
    call.spec,
    mapInputs(call.tensors, (tensor) => Float64Array.from(tensor.data)),
  );
  const { input } = call.spec.dtypes;
  const output: Tensor = { dtype: input, shape, data: (input === 'int32' ? Int32Array : Float32Array).from(data) };
  const at = data.length - 1;
  const culprit = { index: indexOf(at, shape), want: data[at]!, got: data[at]!, allowed: 0 };
  return {
    call,
    before: [],
    backend,
    mismatch: { verdict: 'mismatch', kind: 'value', reason: '', shape, culprit },
    unstable: false,
    want: { kind: 'ok', output },
    got: { kind: 'ok', output },
    torch: '2.13.0',
  };
}
