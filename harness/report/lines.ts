import { html, type Markup } from './html.ts';

/* How lines of a plot are told apart, by colour and by dashes, and what says which is whose. */

const dashes = ['', '8 4', '2 3', '10 3 2 3', '14 4', '4 2'];

/** The class and the dashes of the i-th line; with more than six they come again. */
export function lineStyle(i: number): { series: string; dash: string } {
  return { series: `series-${i % dashes.length}`, dash: dashes[i % dashes.length]! };
}

/** Which line is whose. */
export function linesLegend(names: readonly string[]): Markup {
  const entries = names.map((name, i) => {
    const { series, dash } = lineStyle(i);
    return html`<li><svg aria-hidden="true" width="44" height="12" viewBox="0 0 44 12"><g class="${series}"><line class="line" stroke-dasharray="${dash}" x1="0" x2="44" y1="6" y2="6"/><circle class="dot" cx="22" cy="6" r="4"/></g></svg> ${name}</li>`;
  });
  return html`<ul style="display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;list-style:none">${entries}</ul>`;
}
