import type { Mismatch } from '../campaign/signature.ts';
import type { Outcome } from '../core/outcome.ts';
import { elementCount, type Tensor } from '../core/tensor.ts';
import type { MismatchKind } from '../core/verdict.ts';
import { type Call, withoutAddedBatch } from '../operators/call.ts';

/** A failure that was just seen, with all that a program needs to show it. */
export interface Finding {
  call: Call;
  /** What has to run first, in the same process. */
  before: readonly Call[];
  /** `builtIn`: its name where it comes with convdiff, else null. */
  backend: { name: string; version: string; builtIn: string | null };
  mismatch: Mismatch;
  /** It fails now and then only. */
  unstable: boolean;
  /** The oracle's outcome and the backend's. */
  want: Outcome;
  got: Outcome;
  /** PyTorch's version. */
  torch: string;
}

/** A program that shows a finding, and by what it is seen to do so. */
export interface Program {
  text: string;
  /** It ends the process or never comes to an end, as the backend did; else it ends with 1 and says what is wrong. */
  ends: 'with 1' | 'with an error' | 'never';
  /** It says so on one of its streams, where it shows the failure. */
  says: string;
}

/** What a program says of a wrong result. */
export const wrongWord = 'WRONG';

/** Tensors with up to so many elements are written into comments. */
const maxInComment = 64;

const kindWords: Record<Exclude<MismatchKind, 'acceptance'>, string> = {
  value: 'a wrong value',
  shape: 'a wrong shape',
  dtype: 'a wrong dtype',
  crash: 'a crash',
  timeout: 'no result in time',
  'side-effect': 'a changed input',
  unstable: 'a result that changes from run to run',
};

/** What it is about, on one line. */
export function titleOf({ call, backend, mismatch }: Finding): string {
  const acceptance = call.refusal === null ? 'refuses a valid call' : 'takes what PyTorch refuses';
  const words = mismatch.kind === 'acceptance' ? acceptance : kindWords[mismatch.kind];
  return `${call.operator.name} on ${backend.name} ${backend.version}: ${words}.`;
}

/** The oracle's result, or null where it refuses. */
export function wantedOf({ want }: Finding): Tensor | null {
  return want.kind === 'ok' ? want.output : null;
}

/** The backend's result, shaped as the case has it, or null where there is none. */
export function gotOf({ call, got }: Finding): Tensor | null {
  return got.kind === 'ok' ? withoutAddedBatch(call, got.output) : null;
}

/** Whether a tensor is short enough to be written into a comment. */
export function isShort(tensor: Tensor | null): tensor is Tensor {
  return tensor !== null && elementCount(tensor.shape) <= maxInComment;
}

/** Words of a list, put into lines of some 100 characters. */
export function wrapped(words: readonly string[], indent: string): string {
  const line = words.join(', ');
  if (line.length + indent.length <= 100) return line;
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + indent.length <= 98)
      lines[lines.length - 1] = `${last} ${word},`;
    else lines.push(`${word},`);
  }
  return `\n${lines.map((text) => `${indent}  ${text}`).join('\n')}\n${indent}`;
}
