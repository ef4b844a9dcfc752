import type { Inputs, OpName, Params } from './case.ts';
import type { DType, Tensor } from './tensor.ts';

/** What a backend gets of a case, beside the tensors: parameters complete and normalised, one entry a spatial axis. */
export interface Call {
  op: OpName;
  params: Params;
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
  /** True, or the reason why it cannot run such a call. */
  supports?(call: Call & { shapes: Inputs<number[]>; dtypes: Inputs<DType> }): true | string;
  /** The operator's result. A throw means that it refuses the call. */
  run(call: Call, inputs: Inputs<Tensor>): Tensor | Promise<Tensor>;
  dispose?(): void | Promise<void>;
}
