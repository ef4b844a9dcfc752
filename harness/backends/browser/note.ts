import type { GradientCall } from '../../core/backend.ts';
import type { OpName, Params } from '../../core/case.ts';

/** A runtime of tfjs that a page may have. */
export type RuntimeName = 'webgl' | 'webgpu';

/** What a page is opened with: its runtime, and whether it calls tfjs's own functions with their own padding arguments. */
export interface PageOptions {
  runtime: RuntimeName;
  isNative: boolean;
}

/** What the page is asked: the operator's result or, where `by` says by what, a gradient. Its parameters are as JSON has them. */
export interface Question {
  op: OpName;
  params: Params;
  by: GradientCall['by'] | null;
}

/** `lost`: nothing that comes from this page can be believed any more. */
export type Answer = { type: 'ok' } | { type: 'rejected' | 'lost'; reason: string };

/** What the page says of itself once it can run calls. */
export interface Ready {
  /** tfjs's version. */
  version: string;
  adapter: string;
}

/** What the page has for the process that opened it, as properties of its global object. */
export interface Page {
  convdiffReady: Promise<Ready>;
  /** A question and its tensors, packed and in base64, to an answer likewise. */
  convdiffAnswer(question: string): Promise<string>;
}
