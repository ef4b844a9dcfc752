import type { ForwardName, Inputs, OperandName, OpName, Params } from './case.ts';
import type { DType, Tensor } from './tensor.ts';

/** What a backend gets of a case, beside the tensors: parameters complete and normalised, one entry a spatial axis. */
export interface Call {
  op: OpName;
  params: Params;
}

/** A call whose gradient by one of its operands is asked for: of Σ grad_output · result. */
export interface GradientCall {
  op: ForwardName;
  params: Params;
  by: OperandName;
}

/** An implementation under test, as a backend module exports it. */
export interface Backend {
  name: string;
  version: string;
  /** It claims to refuse what PyTorch refuses: only then is it given invalid cases, zero-sized ones and oddities. */
  strict?: boolean;
  /** Its arithmetic takes denormal operands and results for 0; the rounding bound then allows for that. */
  flushesDenormals?: boolean;
  /** Operands, products and sums are rounded to this, where it is more than the dtype's own: 2⁻¹¹ for float16, 2⁻⁸ for bfloat16. */
  unitRoundoff?: number;
  /** Its error may be so many times that of a direct sum, as where it transforms first (Winograd, FFT). At least 1. */
  amplification?: number;
  /** True, or the reason why it cannot run such a call, or differentiate it where `by` says by what. */
  supports?(call: Call & { by?: OperandName; shapes: Inputs<number[]>; dtypes: Inputs<DType> }): true | string;
  /** The operator's result. A throw means that it refuses the call. */
  run(call: Call, inputs: Inputs<Tensor>): Tensor | Promise<Tensor>;
  /**
   * The gradients by the operands, of which the one by `call.by` must be there; a bias is there or not, and `gradOutput` has
   * the result's shape. A throw means that it refuses the call. A backend without this has no gradients.
   */
  gradients?(
    call: GradientCall,
    inputs: Inputs<Tensor>,
    gradOutput: Tensor,
  ): Partial<Record<OperandName, Tensor>> | Promise<Partial<Record<OperandName, Tensor>>>;
  dispose?(): void | Promise<void>;
}
