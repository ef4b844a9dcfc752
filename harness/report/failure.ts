import type { Case } from '../core/case.ts';
import { flatIndex, type Tensor } from '../core/tensor.ts';
import { differencePicture } from './difference.ts';
import { code, html, type Markup, nothing } from './html.ts';
import { callWords, caseWords, plural } from './words.ts';

/* What pages show of a failure. */

/** The programs that show a failure without this project, as far as there are any. */
export interface Programs {
  python: string | null;
  typescript: string | null;
}

/** The two results, where there are two. `tolerance`: null where even the sign of a zero counts. */
export interface Difference {
  want: Tensor;
  got: Tensor;
  /** The element that is furthest off; null where it is the shape or the dtype that is wrong. */
  culprit: { index: readonly number[] } | null;
  tolerance: number | null;
}

export function drawing({ want, got, culprit, tolerance }: Difference): Markup {
  if (culprit === null) {
    return html`<p>It gave the shape ${JSON.stringify(got.shape)} of ${got.dtype}; right is ${JSON.stringify(want.shape)} of ${want.dtype}.</p>`;
  }
  return differencePicture(want, got, { at: flatIndex([...culprit.index], want.shape), tolerance });
}

export function programSections({ python, typescript }: Programs): Markup {
  const one = (name: string, text: string | null) =>
    text === null
      ? nothing
      : html`<details><summary>Program in ${name} that shows it</summary><div class="inside">${code(`Program in ${name}`, text)}</div></details>`;
  return html`${one('Python', python)}${one('TypeScript', typescript)}`;
}

/** The case in words, as a call, and what has to run before it. */
export function smallestCase(testCase: Case, elements: number, before: readonly Case[]): Markup {
  const history =
    before.length === 0
      ? nothing
      : html`<p>After ${plural(before.length, 'earlier case')} in the same process: ${before.map(caseWords).join('; ')}.</p>`;
  return html`<p>The smallest case, of ${plural(elements, 'element')}: <code>${callWords(testCase)}</code></p>
${code('The smallest case', caseWords(testCase))}${history}`;
}

/** With a capital letter and a full stop. */
export function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
