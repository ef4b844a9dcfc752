import { type Inputs, inputNames, mapInputs } from '../../../harness/core/case.ts';
import type { Outcome } from '../../../harness/core/outcome.ts';
import { bytesOf, type Tensor } from '../../../harness/core/tensor.ts';
import { backendTensors, type Call } from '../../../harness/operators/call.ts';
import { type Mistake, sceneOf } from './mutant.ts';

/** What the process of a backend with a mistake would answer. */
export function outcomeOf(call: Call, mistake: Mistake): Outcome {
  if (call.normalised === null) return { kind: 'rejected', reason: 'malformed parameters' };
  const inputs: Inputs<Tensor> = mapInputs(backendTensors(call), (tensor) => ({
    ...tensor,
    data: tensor.data.slice(),
  }));
  const scene = sceneOf({ op: call.case.op, params: call.normalised }, inputs);
  try {
    const output = call.strictOnly ? scene.right() : mistake(scene);
    const changed = inputNames.filter((name) => {
      const [before, after] = [call.tensors[name], inputs[name]];
      return before !== undefined && Buffer.compare(bytesOf(before.data), bytesOf(after!.data)) !== 0;
    });
    return changed.length > 0 ? { kind: 'side-effect', changed } : { kind: 'ok', output };
  } catch (error) {
    return { kind: 'rejected', reason: (error as Error).message };
  }
}
