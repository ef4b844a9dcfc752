import type { ErrorBand } from '../capability/comparison.ts';
import { html, type Markup } from './html.ts';

/* Errors as a share of what rounding explains, by how many products an element sums up. Both axes are logarithmic. */

const size = { width: 720, height: 300, left: 84, right: 16, top: 16, bottom: 46 };
/** Shares below this are drawn as this. */
const least = 1e-5;
const dashes = ['', '8 4', '2 3', '10 3 2 3', '14 4', '4 2'];

export function errorPlot(bands: readonly ErrorBand[], backends: readonly string[]): Markup {
  const most = Math.max(2, ...bands.map(({ taps }) => taps));
  const x = (taps: number) => size.left + (Math.log2(taps) / Math.log2(most)) * (size.width - size.left - size.right);
  const y = (share: number) => {
    const [from, to] = [Math.log10(least), 0.3];
    const at = (Math.log10(Math.max(share, least)) - from) / (to - from);
    return size.height - size.bottom - at * (size.height - size.top - size.bottom);
  };
  const powers = Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i).filter(
    (_, i) => i % 2 === 0,
  );
  const shares = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1];
  const series = backends.map((backend, i) => {
    const own = bands.filter((band) => band.backend === backend);
    const points = own.map(({ taps, worst }) => `${x(taps).toFixed(1)},${y(worst).toFixed(1)}`);
    const dots = own.map(
      ({ taps, worst, cases }) =>
        html`<circle class="dot" cx="${x(taps).toFixed(1)}" cy="${y(worst).toFixed(1)}" r="4"><title>${backend}: from ${taps} products, ${cases} cases, at most ${worst.toPrecision(2)} of the bound</title></circle>`,
    );
    return html`<g class="series-${i % 6}"><polyline class="line" stroke-dasharray="${dashes[i % 6]!}" points="${points.join(' ')}"/>${dots}</g>`;
  });
  const bottom = size.height - size.bottom;
  return html`<svg role="img" aria-label="The largest error of each backend as a share of its bound, by the number of products summed up; the numbers are in the table below" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}">
${shares.map((share) => html`<line class="grid" x1="${size.left}" x2="${size.width - size.right}" y1="${y(share)}" y2="${y(share)}" stroke-width="${share === 1 ? 2 : 1}"/><text class="soft" x="${size.left - 8}" y="${y(share) + 4}" text-anchor="end">${share === 1 ? 'bound' : share === least ? `≤ ${share}` : share}</text>`)}
${powers.map((taps) => html`<text class="soft" x="${x(taps)}" y="${bottom + 18}" text-anchor="middle">${taps}</text>`)}
<text x="${(size.left + size.width) / 2}" y="${size.height - 6}" text-anchor="middle">products that an element sums up</text>
${series}
</svg>`;
}

/** Which line is whose. */
export function errorLegend(backends: readonly string[]): Markup {
  const entries = backends.map(
    (backend, i) =>
      html`<li><svg aria-hidden="true" width="44" height="12" viewBox="0 0 44 12"><g class="series-${i % 6}"><line class="line" stroke-dasharray="${dashes[i % 6]!}" x1="0" x2="44" y1="6" y2="6"/><circle class="dot" cx="22" cy="6" r="4"/></g></svg> ${backend}</li>`,
  );
  return html`<ul style="display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;list-style:none">${entries}</ul>`;
}
