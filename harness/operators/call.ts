import { type Case, type Inputs, mapInputs, type Params } from '../core/case.ts';
import { materialise } from '../core/data.ts';
import { UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';
import { operatorOf } from './index.ts';
import type { Operator } from './operator.ts';

/** A step of an implementation may hold so many elements at once; cases that need more are taken for mistakes. */
const maxPeakElements = 2 ** 28;

/** A case made ready to run: everything that follows from it and from nothing else. */
export interface Call {
  case: Case;
  operator: Operator;
  /** As PyTorch gets it: parameters as the case spells them, defaults filled in. */
  spec: Spec;
  tensors: Inputs<Tensor>;
  /** Which of our rules says that PyTorch refuses it. */
  refusal: { rule: string; message: string } | null;
  /** Why PyTorch's own result is not defined, or null where it is. */
  undefinedBecause: string | null;
  /** As backends get it: parameters normalised. Null where a list has the wrong length. */
  normalised: Params | null;
  /** The harness gives backends a batch axis of 1 that the case does not have. */
  addsBatch: boolean;
  /** Invalid, or with a size of 0 that goes in or comes out: for strict backends only. */
  strictOnly: boolean;
}

/** Throws UsageError where the sizes that follow from the case are absurd. */
export function prepare(testCase: Case): Call {
  const operator = operatorOf(testCase.op);
  const spec: Spec = {
    params: { ...operator.defaults, ...testCase.params },
    shapes: mapInputs(testCase.inputs, ({ shape }) => [...shape]),
    dtypes: mapInputs(testCase.inputs, ({ dtype }) => dtype),
  };
  const refusal = refusalOf(operator.rules, spec);
  if (refusal === null && operator.peakElements(spec) > maxPeakElements) {
    throw new UsageError(
      `${testCase.op}: an absurd size: ${JSON.stringify(testCase.params)} with shapes ${JSON.stringify(spec.shapes)} needs ${operator.peakElements(spec)} elements at once, more than ${maxPeakElements}`,
    );
  }
  let tensors: Inputs<Tensor> | null = null;
  return {
    case: testCase,
    operator,
    spec,
    // Not every call that is looked at is run.
    get tensors() {
      tensors ??= mapInputs(testCase.inputs, ({ dtype, shape, data }) => materialise(dtype, shape, data));
      return tensors;
    },
    refusal,
    undefinedBecause: refusal === null ? operator.undefinedBecause(spec) : null,
    normalised: operator.normalise(spec.params),
    addsBatch: spec.shapes.input.length === operator.unbatchedRank,
    strictOnly:
      refusal !== null ||
      [...Object.values(spec.shapes), operator.outputShape(spec)].some((shape) => shape.includes(0)),
  };
}

/** The tensors as backends get them: with a batch axis. */
export function backendTensors(call: Call): Inputs<Tensor> {
  if (!call.addsBatch) return call.tensors;
  const { input, grad_output } = call.tensors;
  const batched = (tensor: Tensor): Tensor => ({ ...tensor, shape: [1, ...tensor.shape] });
  return {
    ...call.tensors,
    input: batched(input),
    ...(grad_output === undefined ? {} : { grad_output: batched(grad_output) }),
  };
}

/** A backend's output as the case has it: without the batch axis that the harness added. */
export function withoutAddedBatch(call: Call, output: Tensor): Tensor {
  const { gradient } = call.operator;
  const isBatched = call.addsBatch && (gradient === null || gradient.by === 'input');
  if (!isBatched || output.shape[0] !== 1) return output;
  return { ...output, shape: output.shape.slice(1) };
}

/** A call that PyTorch takes, as a backend gets it: parameters normalised, with a batch axis. */
export function normalSpec(call: Call): Spec {
  const shapes = mapInputs(backendTensors(call), ({ shape }) => shape);
  return { ...call.spec, params: call.normalised!, shapes };
}
