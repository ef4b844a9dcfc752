import { html, type Markup } from './html.ts';
import { lineStyle } from './lines.ts';

/* Lines over one axis that begins at 0: how something grows, or goes from night to night. */

export interface Series {
  name: string;
  points: readonly { x: number; y: number; words: string }[];
}

export interface CurvesOptions {
  /** What it shows, for those who hear it. */
  label: string;
  series: readonly Series[];
  /** The most on either axis; at least what the points need. */
  mostX: number;
  mostY: number;
  /** Whether only whole numbers have words under the axis. */
  isWholeX?: boolean;
  wordsX(x: number): string;
  wordsY(y: number): string;
  /** Under the axis. */
  titleX: string;
}

const size = { width: 720, height: 260, left: 64, right: 40, top: 16, bottom: 46 };
const steps = [0, 0.25, 0.5, 0.75, 1];

export function curves({
  label,
  series,
  mostX,
  mostY,
  isWholeX = false,
  wordsX,
  wordsY,
  titleX,
}: CurvesOptions): Markup {
  const [right, bottom] = [size.width - size.right, size.height - size.bottom];
  const x = (value: number) => size.left + (mostX === 0 ? 0 : value / mostX) * (right - size.left);
  const y = (value: number) => bottom - (mostY === 0 ? 0 : value / mostY) * (bottom - size.top);
  const ticks = steps.map((step) => (isWholeX ? Math.round(step * mostX) : step * mostX));
  const lines = series.map(({ name, points }, i) => {
    const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
    const dots = points.map(
      (point) =>
        html`<circle class="dot" cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="${points.length > 60 ? 1.5 : 3}"><title>${name}: ${point.words}</title></circle>`,
    );
    const { series: style, dash } = lineStyle(i);
    return html`<g class="${style}"><polyline class="line" stroke-dasharray="${dash}" points="${path}"/>${dots}</g>`;
  });
  return html`<svg role="img" aria-label="${label}" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}">
${steps.map((step) => html`<line class="grid" x1="${size.left}" x2="${right}" y1="${y(step * mostY)}" y2="${y(step * mostY)}"/><text class="soft" x="${size.left - 8}" y="${y(step * mostY) + 4}" text-anchor="end">${wordsY(step * mostY)}</text>`)}
${[...new Set(ticks)].map((tick) => html`<text class="soft" x="${x(tick)}" y="${bottom + 18}" text-anchor="middle">${wordsX(tick)}</text>`)}
<text x="${(size.left + right) / 2}" y="${size.height - 6}" text-anchor="middle">${titleX}</text>
${lines}
</svg>`;
}
