import type { ErrorBand } from '../capability/comparison.ts';
import { html, type Markup } from './html.ts';
import { lineStyle } from './lines.ts';

/* Errors as a share of what rounding explains, by how many products an element sums up. Both axes are logarithmic. */

const size = { width: 720, height: 300, left: 84, right: 16, top: 16, bottom: 46 };
/** Shares below this are drawn as this. */
const least = 1e-5;

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
    const { series: style, dash } = lineStyle(i);
    return html`<g class="${style}"><polyline class="line" stroke-dasharray="${dash}" points="${points.join(' ')}"/>${dots}</g>`;
  });
  const bottom = size.height - size.bottom;
  return html`<svg role="img" aria-label="The largest error of each backend as a share of its bound, by the number of products summed up; the numbers are in the table below" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}">
${shares.map((share) => html`<line class="grid" x1="${size.left}" x2="${size.width - size.right}" y1="${y(share)}" y2="${y(share)}" stroke-width="${share === 1 ? 2 : 1}"/><text class="soft" x="${size.left - 8}" y="${y(share) + 4}" text-anchor="end">${share === 1 ? 'bound' : share === least ? `≤ ${share}` : share}</text>`)}
${powers.map((taps) => html`<text class="soft" x="${x(taps)}" y="${bottom + 18}" text-anchor="middle">${taps}</text>`)}
<text x="${(size.left + size.width) / 2}" y="${size.height - 6}" text-anchor="middle">products that an element sums up</text>
${series}
</svg>`;
}
