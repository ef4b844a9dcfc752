import { mapInputs } from '../core/case.ts';
import type { Outcome } from '../core/outcome.ts';
import { allocate } from '../core/tensor.ts';
import type { Call } from '../operators/call.ts';

/** What the operator's definition gives, in float64; padding stays in the dtype that it copies. */
export function defined({ refusal, operator, spec, tensors }: Call): Outcome {
  if (refusal !== null) return { kind: 'rejected', reason: refusal.message };
  const result = operator.evaluate(
    spec,
    mapInputs(tensors, ({ data }) => data),
  );
  const dtype = operator.rounding === null ? tensors.input.dtype : 'float64';
  const data = allocate(dtype, result.length);
  data.set(result);
  return { kind: 'ok', output: { dtype, shape: operator.outputShape(spec), data } };
}
