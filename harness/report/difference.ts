import { toJsonNumber } from '../core/json.ts';
import { elementCount, indexOf, type Tensor } from '../core/tensor.ts';
import { html, type Markup } from './html.ts';
import { plural } from './words.ts';

/* Where two results of one shape differ, as a picture: rows of the last axis, one under the other. */

/** Results with up to so many elements have their numbers written in. */
const mostNumbers = 96;
const mostRows = 48;
const mostColumns = 96;
const wide = { width: 92, height: 38 };
const narrow = { width: 10, height: 10 };
const labelWidth = 110;

/** The element that is furthest off, and the difference that counts as none; null where even the sign of a zero counts. */
export interface Focus {
  at: number;
  tolerance: number | null;
}

function isSame(want: number, got: number, { tolerance }: Focus): boolean {
  return Object.is(want, got) || (tolerance !== null && (want === got || Math.abs(want - got) <= tolerance));
}

/** Short enough for a cell. */
function short(value: number): string {
  const text = String(toJsonNumber(value));
  return text.length <= 9 ? text : value.toExponential(2);
}

/**
 * A picture of `got`, with the elements that are not as in `want` marked: in colour, with a cross, and with both numbers where there
 * is room. Of a large result the part around the element that is furthest off is shown.
 */
export function differencePicture(want: Tensor, got: Tensor, focus: Focus): Markup {
  const { at } = focus;
  const columns = want.shape.at(-1) ?? 1;
  const rows = elementCount(want.shape) / columns;
  const isNumbered = rows * columns <= mostNumbers;
  const cell = isNumbered ? wide : narrow;
  const window = (size: number, most: number, centre: number) => {
    const from = Math.max(0, Math.min(size - most, centre - Math.floor(most / 2)));
    return { from, to: Math.min(size, from + most) };
  };
  const [shownRows, shownColumns] = [
    window(rows, mostRows, Math.floor(at / columns)),
    window(columns, mostColumns, at % columns),
  ];
  const differing = [...want.data].filter((value, i) => !isSame(value, got.data[i]!, focus)).length;
  const cells: Markup[] = [];
  for (let row = shownRows.from; row < shownRows.to; row++) {
    const y = (row - shownRows.from) * cell.height;
    if (isNumbered || row === shownRows.from)
      cells.push(html`<text class="soft" x="0" y="${y + 16}">${rowLabel(want.shape, row)}</text>`);
    for (let column = shownColumns.from; column < shownColumns.to; column++) {
      const x = labelWidth + (column - shownColumns.from) * cell.width;
      const i = row * columns + column;
      cells.push(
        cellOf(x, y, cell, want.data[i]!, got.data[i]!, isSame(want.data[i]!, got.data[i]!, focus), isNumbered),
      );
    }
  }
  const width = labelWidth + (shownColumns.to - shownColumns.from) * cell.width + 2;
  const height = (shownRows.to - shownRows.from) * cell.height + 2;
  const words = `${differing} of ${plural(want.data.length, 'element')} ${differing === 1 ? 'differs' : 'differ'}`;
  const isPart = shownRows.to - shownRows.from < rows || shownColumns.to - shownColumns.from < columns;
  return html`<figure><svg role="img" aria-label="${words}" viewBox="-1 -1 ${width} ${height}" width="${width}" height="${height}">${cells}</svg>
<figcaption class="soft">${words}${isPart ? ', of which a part is shown' : ''}: shape ${JSON.stringify(want.shape)}, a column for each place of the last axis${isNumbered ? '; in each cell what was given and, where that is wrong, what is right' : ''}.</figcaption></figure>`;
}

function rowLabel(shape: readonly number[], row: number): string {
  const leading = shape.slice(0, -1);
  return leading.length === 0 ? '' : `[${indexOf(row, leading).join(', ')}, :]`;
}

function cellOf(
  x: number,
  y: number,
  { width, height }: typeof wide,
  want: number,
  got: number,
  isRight: boolean,
  isNumbered: boolean,
): Markup {
  const isOff = !isRight;
  const box = html`<rect class="cell${isOff ? ' off' : ''}" x="${x}" y="${y}" width="${width}" height="${height}"/>`;
  if (!isNumbered) {
    if (!isOff) return box;
    return html`${box}<path class="cross" d="M${x + 2} ${y + 2}l${width - 4} ${height - 4}m0 ${4 - height}l${4 - width} ${height - 4}"/>`;
  }
  const middle = x + width / 2;
  if (!isOff) return html`${box}<text x="${middle}" y="${y + 23}" text-anchor="middle">${short(got)}</text>`;
  return html`${box}<text class="off" x="${middle}" y="${y + 16}" text-anchor="middle">✗ ${short(got)}</text><text class="off" x="${middle}" y="${y + 32}" text-anchor="middle">not ${short(want)}</text>`;
}
