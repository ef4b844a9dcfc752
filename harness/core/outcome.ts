import type { Tensor } from './tensor.ts';

/**
 * Whose word says what is right: PyTorch's, TensorFlow's by padding made explicit, our own definition's, or nobody's, and results
 * are only held against each other.
 */
export const oracleNames = ['pytorch', 'tensorflow', 'reference', 'none'] as const;
export type OracleName = (typeof oracleNames)[number];

/** What became of one case in one process: the oracle's or a backend's. */
export type Outcome =
  /** `seconds`: how long the call itself took, where the process says so. */
  | { kind: 'ok'; output: Tensor; seconds?: number }
  /** It changed these inputs; what it returned does not matter then. */
  | { kind: 'side-effect'; changed: string[] }
  /** It returned something that is no tensor, or whose data does not fit its shape. */
  | { kind: 'malformed'; what: 'shape' | 'dtype'; reason: string }
  | { kind: 'rejected'; reason: string }
  | { kind: 'unsupported'; reason: string }
  /** The process died, by its own doing, or was killed because it took too long. */
  | { kind: 'crash' | 'timeout'; detail: string };
