import type { InputName } from '../core/case.ts';
import { toJsonNumber } from '../core/json.ts';
import type { Explanation, PadsExplained, Picture } from '../lowering/explain.ts';
import type { Route } from '../lowering/plan.ts';
import { number as pythonNumber } from '../lowering/tensorflowSource.ts';
import { nested, operandNames } from './words.ts';

/** One JSON document; see docs/reference/explanation.md. */
export const explanationSchema = 'convdiff/explanation@1';

export function explanationJson(explanation: Explanation): string {
  return JSON.stringify({ schema: explanationSchema, ...explanation }, spelled);
}

/** Numbers that JSON lacks, as case files spell them. */
function spelled(_: string, value: unknown): unknown {
  return typeof value === 'number' ? toJsonNumber(value) : value;
}

function tuple(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}

const routeTitles: Record<Route, string> = { crop: 'Crop the output', pad: 'Pad the input' };

export function explanationText(explanation: Explanation): string {
  const { call, shapes, result, sizes, says, pads, routes, pictures, values } = explanation;
  const given = Object.entries(shapes).map(([name, shape]) => `${operandNames[name as InputName]} ${tuple(shape)}`);
  const sections = [
    [call, `${given.join(', ')} → ${tuple(result)}`],
    [
      'Sizes',
      ...sizes.flatMap(({ axis, formula, numbers, size }) => [`  ${axis} = ${formula}`, `    = ${numbers} = ${size}`]),
    ],
    ['What the padding does', ...says.map((sentence) => `  ${sentence}`)],
    ['The same pads for F.pad and tf.pad', ...pads.flatMap(padsText)],
    ...pictures.map(pictureText),
    ...(values === null ? [] : [valuesText(explanation, values)]),
    ...routes.map(({ route, steps }) => [
      routes.length > 1 ? routeTitles[route] : 'Step by step',
      ...steps.map((step, i) => `  ${i + 1}. ${step}`),
    ]),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function padsText({ what, torch, tensorflow, mode, value }: PadsExplained): string[] {
  const rows = tensorflow.map(({ order, widths }) => {
    const where = order === 'any' ? '' : `   for ${order}`;
    return `    ${tensorflowPad(widths, mode, value)}${where}`;
  });
  const more = mode === 'constant' ? valueArgument('value', value) : `, mode='${mode}'`;
  return [`  ${what}`, `    F.pad(x, [${torch.join(', ')}]${more})`, ...rows];
}

function valueArgument(name: string, value: number): string {
  return Object.is(value, 0) ? '' : `, ${name}=${pythonNumber(value)}`;
}

/** In Python: a slice where widths are negative, which tf.pad does not take, and tf.pad for the others. */
function tensorflowPad(widths: readonly [number, number][], mode: string, value: number): string {
  // A scalar has no dimensions, and nothing to pad.
  if (widths.length === 0) return 'x';
  const ends = widths.map(([before, after]) => `${before < 0 ? -before : ''}:${after < 0 ? after : ''}`);
  const slice = ends.every((end) => end === ':') ? '' : `[${ends.join(', ')}]`;
  const added = widths.map((width) => width.map((size) => Math.max(0, size)));
  if (slice !== '' && added.flat().every((size) => size === 0)) return `x${slice}`;
  const rows = `[${added.map(([before, after]) => `[${before}, ${after}]`).join(', ')}]`;
  // What is reflected may be what is cropped.
  if (mode === 'reflect') return `tf.pad(x, ${rows}, mode='REFLECT')${slice}`;
  return `tf.pad(x${slice}, ${rows}${valueArgument('constant_values', value)})`;
}

function pictureText({ title, rows, legend }: Picture): string[] {
  const width = Math.max(...rows.map(({ label }) => label.length));
  const lines = rows.map(
    ({ label, cells }) => `  ${label.padEnd(width)}${width > 0 ? '  ' : ''}${[...cells].join(' ')}`,
  );
  return [title, ...lines.map((line) => line.trimEnd()), ...legend.map(({ mark, meaning }) => `  ${mark} ${meaning}`)];
}

function valuesText(
  { shapes, result }: Explanation,
  { input, output }: { input: number[]; output: number[] },
): string[] {
  return [
    'With values',
    `  ${nested(input.map(toJsonNumber), shapes.input!)}`,
    `  → ${nested(output.map(toJsonNumber), result)}`,
  ];
}

const cell = 18;
const line = 24;
/** What the cells are filled with: readable on a light and on a dark page, and apart also without colour, by their marks. */
const fills: Record<string, string> = {
  x: '#9ecae9',
  o: '#9ecae9',
  '·': '#e6e6e6',
  '0': '#f4f4f4',
  v: '#e6e6e6',
  k: '#f2b56b',
  '-': '#ffffff',
  '+': '#b5d99c',
};

/** The pictures of an explanation as an SVG document, or null where there is nothing to draw. */
export function explanationSvg({ call, pictures }: Explanation): string | null {
  if (pictures.length === 0) return null;
  const parts: string[] = [];
  let y = line;
  const words = (x: number, text: string, more = '') =>
    parts.push(`<text x="${x}" y="${y}"${more}>${escaped(text)}</text>`);
  words(8, call, ' font-weight="bold"');
  let width = call.length * 9;
  for (const { title, rows, legend } of pictures) {
    y += line;
    words(8, title);
    const labels = Math.max(...rows.map(({ label }) => label.length)) * 9;
    const left = 16 + labels;
    y += line - cell;
    for (const { label, cells } of rows) {
      y += cell;
      if (label !== '') words(8, label);
      for (const [at, mark] of [...cells].entries()) {
        if (mark === ' ') continue;
        const x = left + at * cell;
        parts.push(
          `<rect x="${x}" y="${y - cell + 4}" width="${cell}" height="${cell}" fill="${fills[mark]}" stroke="#707070"/>`,
          `<text x="${x + cell / 2}" y="${y}" text-anchor="middle" fill="#202020">${escaped(mark)}</text>`,
        );
      }
      width = Math.max(width, left + cells.length * cell + 8, title.length * 9);
    }
    y += line - cell;
    for (const { mark, meaning } of legend) {
      y += cell;
      words(16, `${mark}  ${meaning}`);
    }
  }
  const height = y + cell;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="monospace" font-size="14">`,
    `<title>${escaped(call)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
