/** In what way a backend's outcome is not the oracle's. */
export const mismatchKinds = [
  'value',
  'shape',
  'dtype',
  'acceptance',
  'crash',
  'timeout',
  'side-effect',
  'unstable',
] as const;
export type MismatchKind = (typeof mismatchKinds)[number];

/** Whether the process ended, by its own doing, or was killed because it took too long. */
export function isDeath({ kind }: { kind: string }): boolean {
  return kind === 'crash' || kind === 'timeout';
}

/** One end of an axis of more than one element; axes are counted from the last, which is -1. */
export interface End {
  axis: number;
  end: 'first' | 'last';
}

/** The element that is furthest off, relative to what rounding allows. */
export interface Culprit {
  index: number[];
  want: number;
  got: number;
  /** The largest |got − want| that rounding explains. */
  allowed: number;
  /** Where all elements lie that are wrong: an end of an axis, or of several; none where they lie anywhere, or it isn't known where. */
  ends: readonly End[];
  /** The share of all elements that are wrong, or null where it isn't known. */
  share: number | null;
}

/** What the comparison of two outcomes of one case gave. */
export type Verdict =
  | {
      verdict: 'agree';
      /** The output's shape, or null where both sides refuse. */
      shape: number[] | null;
      /** |got − want| and its bound, at the element where the former is largest relative to the latter. */
      worst: number;
      bound: number;
      /** Elements that were compared: 0 where nothing was. */
      compared: number;
      /** Why the agreement says nothing of the backend, or null where it does. */
      vacuous: string | null;
    }
  | { verdict: 'mismatch'; kind: MismatchKind; reason: string; shape: number[] | null; culprit: Culprit | null }
  | { verdict: 'unsupported'; reason: string }
  /** `convicted`: it is not the backend that is wrong, as far as anyone can tell. */
  | { verdict: 'unknown'; reason: string; convicted?: 'oracle' };
