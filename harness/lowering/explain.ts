import { elementCount } from '../core/tensor.ts';
import { type Call, normalSpec } from '../operators/call.ts';
import { callWords, plural } from '../report/words.ts';
import { axesOf, dimensionsOf, modeOf, type PadAxis, type PadMode, paddingValue } from '../semantics/pad.ts';
import { reach, span } from '../semantics/window.ts';
import { planOf, type Route, routes, type Width } from './plan.ts';
import { axisLetters, stepWords } from './words.ts';

/*
 * What a call's padding means, as data: sizes with their formulas, the pads in PyTorch's and TensorFlow's order, the ways to
 * compute it, and a picture. report/explanation.ts makes text of it, report/picture.ts a drawing.
 */

/** One output size: its formula, the formula with this call's numbers, and its value. */
export interface SizeExplained {
  axis: string;
  formula: string;
  numbers: string;
  size: number;
}

/** The same padding as the two libraries list it. */
export interface PadsExplained {
  what: string;
  mode: PadMode;
  /** Of mode `constant`. */
  value: number;
  /** For `F.pad`: (before, after) from the last axis back. */
  torch: number[];
  /** For `tf.pad`: [before, after] of every dimension, by the tensor's axis order. */
  tensorflow: { order: string; widths: [number, number][] }[];
}

export interface Picture {
  title: string;
  rows: { label: string; cells: string }[];
  /** What the marks in `cells` mean. */
  legend: { mark: string; meaning: string }[];
}

export interface Explanation {
  call: string;
  shapes: { [input: string]: number[] };
  result: number[];
  sizes: SizeExplained[];
  /** What the parameters do, in sentences. */
  says: string[];
  pads: PadsExplained[];
  routes: { route: Route; steps: string[] }[];
  pictures: Picture[];
  /** Of a small padding: what goes in and what comes out, row-major. */
  values: { input: number[]; output: number[] } | null;
}

/** Lengths and numbers of rows up to which something is drawn. */
const widest = 72;
const tallest = 24;
/** How many windows, or copies of the kernel, are drawn one by one. */
const mostWindows = 8;
/** Paddings of up to so many elements are shown with their values. */
const mostValues = 100;

/** The explanation of a valid call. */
export function explanationOf(call: Call): Explanation {
  const { operator, spec } = call;
  const plain = {
    call: callWords(call.case),
    shapes: { ...spec.shapes },
    result: operator.outputShape(spec),
  };
  switch (operator.family) {
    case 'convolution':
      return { ...plain, ...ofConvolution(call) };
    case 'transposed convolution':
      return { ...plain, ...ofTransposed(call) };
    case 'padding':
      return { ...plain, ...ofPadding(call) };
  }
}

type Parts = Omit<Explanation, 'call' | 'shapes' | 'result'>;

/** One spatial axis of a layer, with all that its arithmetic needs. */
interface Axis {
  name: string;
  input: number;
  kernel: number;
  stride: number;
  dilation: number;
  width: Width;
  outputPadding: number;
  output: number;
}

function planned(call: Call, route: Route = 'crop') {
  const spec = normalSpec(call);
  return planOf(call.operator.family, spec.params, spec.shapes, call.operator.outputShape(spec), route);
}

function axesOfCall(call: Call, widths: readonly Width[]): Axis[] {
  const { operator, spec } = call;
  const params = call.normalised as { stride: number[]; dilation: number[]; output_padding?: number[] };
  const count = widths.length;
  const output = operator.outputShape(spec).slice(-count);
  return widths.map((width, i) => ({
    name: axisLetters[count - 1]![i]!,
    input: spec.shapes.input.slice(-count)[i]!,
    kernel: spec.shapes.weight![i + 2]!,
    stride: params.stride[i]!,
    dilation: params.dilation[i]!,
    width,
    outputPadding: params.output_padding?.[i] ?? 0,
    output: output[i]!,
  }));
}

/** Zeros around the spatial axes of a layer's input, which may lack its batch axis. */
function padsOf(what: string, call: Call, names: readonly string[], widths: readonly Width[]): PadsExplained {
  const spatial = widths.map(({ before, after }): [number, number] => [before, after]);
  const none: [number, number] = [0, 0];
  const [batch, letter]: [[number, number][], string] = call.addsBatch ? [[], ''] : [[none], 'N, '];
  return {
    what,
    mode: 'constant',
    value: 0,
    torch: [...spatial].reverse().flat(),
    tensorflow: [
      { order: `(${letter}C, ${names.join(', ')})`, widths: [...batch, none, ...spatial] },
      { order: `(${letter}${names.join(', ')}, C)`, widths: [...batch, ...spatial, none] },
    ],
  };
}

function ofConvolution(call: Call): Parts {
  const plan = planned(call);
  const widths = plan.steps.find((step) => step.do === 'pad')!.widths;
  const axes = axesOfCall(call, widths);
  const { padding } = call.spec.params;
  const sizes = axes.map(({ name, input, kernel, stride, dilation, width, output }) => ({
    axis: name,
    formula: '⌊(input + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1',
    numbers: `⌊(${input} + ${width.before} + ${width.after} − ${dilation}·(${kernel} − 1) − 1) / ${stride}⌋ + 1`,
    size: output,
  }));
  const says = axes.map((axis) => {
    const { name, width, kernel, dilation } = axis;
    if (padding === 'same') {
      return `${name}: padding='same' adds dilation·(kernel − 1) = ${dilation}·(${kernel} − 1) = ${plural(reach(axis), 'zero')}, ${width.before} before and ${width.after} after: an odd one comes after.`;
    }
    return `${name}: ${plural(width.before, 'zero')} before and ${width.after} after${padding === 'valid' ? ", for padding='valid'" : ''}.`;
  });
  for (const axis of axes) {
    const left = axis.input + axis.width.before + axis.width.after - (axis.output - 1) * axis.stride - span(axis);
    if (left > 0)
      says.push(`${axis.name}: the windows end ${left} before the padded input does; that end is not read.`);
  }
  if (axes.some(({ stride }) => stride > 1) && axes.some(differsFromSame)) {
    says.push(
      "TensorFlow's SAME is something else: it aims at ⌈input / stride⌉ elements and pads unevenly. Pad first, then convolve with VALID.",
    );
  }
  return {
    sizes,
    says,
    pads: [
      padsOf(
        'around the input',
        call,
        axes.map(({ name }) => name),
        widths,
      ),
    ],
    routes: [{ route: 'crop', steps: plan.over === 'all axes' ? [] : plan.steps.map(stepWords) }],
    pictures: picturesOfConvolution(axes),
    values: null,
  };
}

/** Whether TensorFlow's SAME would pad an axis otherwise. */
function differsFromSame(axis: Axis): boolean {
  const total = Math.max((Math.ceil(axis.input / axis.stride) - 1) * axis.stride + span(axis) - axis.input, 0);
  const before = Math.floor(total / 2);
  return axis.width.before !== before || axis.width.after !== total - before;
}

function picturesOfConvolution(axes: readonly Axis[]): Picture[] {
  const padded = ({ input, width }: Axis) => '·'.repeat(width.before) + 'x'.repeat(input) + '·'.repeat(width.after);
  const legend = [
    { mark: 'x', meaning: 'the input' },
    { mark: '·', meaning: 'zeros of the padding' },
  ];
  if (axes.length === 1) {
    const [axis] = axes as [Axis];
    const windows = Array.from({ length: Math.min(axis.output, mostWindows) }, (_, o) => ({
      label: `y[${o}]`,
      cells: ' '.repeat(o * axis.stride) + tapsText(axis),
    }));
    return drawn({
      title: 'The padded input, and where the taps of each window lie',
      rows: [{ label: 'input', cells: padded(axis) }, ...windows, ...cutAfter(axis.output)],
      legend: [...legend, { mark: 'k', meaning: 'a tap of the kernel' }],
    });
  }
  if (axes.length === 3) return [];
  const [tall, wide] = axes as [Axis, Axis];
  const rows = [...padded(tall)].map((mark, i) => {
    const cells = mark === '·' ? '·'.repeat(padded(wide).length) : padded(wide);
    const isTapped = i < span(tall) && i % tall.dilation === 0;
    return { label: '', cells: isTapped ? over(cells, tapsText(wide)) : cells };
  });
  return drawn({
    title: 'The padded input, and the taps of the first window',
    rows,
    legend: [...legend, { mark: 'k', meaning: 'a tap of the kernel' }],
  });
}

/** A row for those windows, or copies, that are not drawn. */
function cutAfter(count: number): Picture['rows'] {
  return count > mostWindows ? [{ label: '…', cells: '' }] : [];
}

/** `k` at each tap of one axis. */
function tapsText({ kernel, dilation }: Axis): string {
  return Array.from({ length: kernel }, () => 'k').join(' '.repeat(dilation - 1));
}

/** `below` with the marks of `above` on it, where those are no blanks. */
function over(below: string, above: string): string {
  return [...below].map((mark, i) => ((above[i] ?? ' ') === ' ' ? mark : above[i]!)).join('');
}

function ofTransposed(call: Call): Parts {
  const byRoute = routes.map((route) => ({ route, plan: planned(call, route) }));
  const crops = byRoute[0]!.plan.steps.find((step) => step.do === 'pad')!.widths;
  const inner = byRoute[1]!.plan.steps.find((step) => step.do === 'pad')!.widths;
  const axes = axesOfCall(call, crops);
  const names = axes.map(({ name }) => name);
  const sizes = axes.map(({ name, input, kernel, stride, dilation, width, outputPadding, output }) => ({
    axis: name,
    formula: '(input − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1',
    numbers: `(${input} − 1)·${stride} − 2·${0 - width.before} + ${dilation}·(${kernel} − 1) + ${outputPadding} + 1`,
    size: output,
  }));
  const says = axes.flatMap((axis) => {
    const { name, width, outputPadding } = axis;
    const padding = 0 - width.before;
    const whole = wholeOf(axis);
    const sentences = [
      `${name}: the whole output has (${axis.input} − 1)·${axis.stride} + ${axis.dilation}·(${axis.kernel} − 1) + 1 = ${whole} elements. padding=${padding} does not add: it crops ${padding} of them at each end.`,
    ];
    if (outputPadding > 0) {
      sentences.push(
        width.after <= 0
          ? `${name}: output_padding=${outputPadding} is at the end only: of the ${padding} that padding crops there it keeps ${outputPadding}.`
          : `${name}: output_padding=${outputPadding} is at the end only: it keeps the ${padding} that padding crops there, and appends ${plural(width.after, 'zero')}.`,
      );
    }
    return sentences;
  });
  says.push('A bias is added at the very end, also to what output_padding has appended.');
  return {
    sizes,
    says,
    pads: [
      padsOf('around the whole output, negative numbers crop', call, names, crops),
      padsOf('or around the input, once it has stride − 1 zeros between its elements', call, names, inner),
    ],
    routes: byRoute.map(({ route, plan }) => ({
      route,
      steps: plan.over === 'all axes' ? [] : plan.steps.map(stepWords),
    })),
    pictures: [...picturesOfTransposed(axes), ...picturesOfPaddedInput(axes, inner)],
    values: null,
  };
}

/** The size of the whole output: nothing cropped, nothing appended. */
function wholeOf(axis: Axis): number {
  return (axis.input - 1) * axis.stride + span(axis);
}

function picturesOfTransposed(axes: readonly Axis[]): Picture[] {
  /** What becomes of each element of the whole output, and what is appended. */
  const kept = (axis: Axis) => {
    const [before, after] = [0 - axis.width.before, Math.max(0, 0 - axis.width.after)];
    const whole = wholeOf(axis);
    const marks = Array.from({ length: whole }, (_, i) => (i < before || i >= whole - after ? '-' : 'o')).join('');
    return marks + '+'.repeat(Math.max(0, axis.width.after));
  };
  const legend = [
    { mark: 'o', meaning: 'the result' },
    { mark: '-', meaning: 'cropped' },
    { mark: '+', meaning: 'appended zeros, part of the result' },
  ];
  if (axes.length === 1) {
    const [axis] = axes as [Axis];
    const copies = Array.from({ length: Math.min(axis.input, mostWindows) }, (_, i) => ({
      label: `x[${i}]·w`,
      cells: ' '.repeat(i * axis.stride) + tapsText(axis),
    }));
    return drawn({
      title: 'Where the copies of the kernel are added up, and what is kept of that',
      rows: [...copies, ...cutAfter(axis.input), { label: 'output', cells: kept(axis) }],
      legend: [{ mark: 'k', meaning: 'a tap of the kernel, times the element' }, ...legend],
    });
  }
  if (axes.length === 3) return [];
  const [tall, wide] = axes.map(kept) as [string, string];
  const rows = [...tall].map((mark) => ({
    label: '',
    cells: mark === 'o' ? wide : [...wide].map((other) => (mark === '-' || other === '-' ? '-' : '+')).join(''),
  }));
  return drawn({ title: 'The whole output, and what is kept of it', rows, legend });
}

function ofPadding(call: Call): Parts {
  const { spec } = call;
  const normal = { ...spec, params: call.normalised! };
  const mode = modeOf(normal);
  const dimensions = dimensionsOf(normal);
  const padded = axesOf(normal).length;
  const sizes = dimensions.slice(dimensions.length - padded).map(({ size, before, after }, i) => ({
    axis: `dimension ${dimensions.length - padded + i}`,
    formula: 'input + before + after',
    numbers: `${size} + ${signed(before)} + ${signed(after)}`,
    size: size + before + after,
  }));
  const widths = dimensions.map(({ before, after }): [number, number] => [before, after]);
  const says = [
    'F.pad lists (before, after) from the last dimension back; tf.pad lists [before, after] from the first on.',
  ];
  if (widths.flat().some((width) => width < 0)) {
    const when = mode === 'constant' ? 'slice first' : 'slice when all is padded, for what is cropped is reflected too';
    says.push(
      mode === 'constant' || mode === 'reflect'
        ? `Negative pads crop. tf.pad takes none: ${when}.`
        : 'Negative pads crop.',
    );
  }
  if (mode === 'replicate' || mode === 'circular')
    says.push(`tf.pad has no mode ${mode}: gather the elements, axis by axis; --code tensorflow shows how.`);
  return {
    sizes,
    says,
    pads: [
      {
        what: 'around the input',
        mode,
        value: paddingValue(normal),
        torch: [...(normal.params.pad as number[])],
        // It has no other modes.
        tensorflow: mode === 'constant' || mode === 'reflect' ? [{ order: 'any', widths }] : [],
      },
    ],
    routes: [],
    pictures: picturesOfPadding(dimensions.slice(-2), mode === 'constant'),
    values: valuesOf(call, normal),
  };
}

function signed(value: number): string {
  return value < 0 ? `(${value})`.replace('-', '−') : String(value);
}

/** The other route over one axis: the input with its inserted zeros and `inner` around it, and the first and last window on it. */
function picturesOfPaddedInput(axes: readonly Axis[], inner: readonly Width[]): Picture[] {
  const [axis, width] = [axes[0]!, inner[0]!];
  if (axes.length > 1) return [];
  const spread = Array.from({ length: axis.input }, () => 'x').join('0'.repeat(axis.stride - 1));
  const cropped = [...spread].map((mark, i) => (i < -width.before || i >= spread.length + width.after ? '-' : mark));
  const first = Math.max(0, -width.before);
  const windows = [0, axis.output - 1].filter((o, i) => i === 0 || o > 0);
  return drawn({
    title: 'The padded input of the other route, and the first and last window of the flipped kernel on it',
    rows: [
      {
        label: 'input',
        cells: '·'.repeat(Math.max(0, width.before)) + cropped.join('') + '·'.repeat(Math.max(0, width.after)),
      },
      ...windows.map((o) => ({ label: `y[${o}]`, cells: ' '.repeat(first + o) + tapsText(axis) })),
    ],
    legend: [
      { mark: 'x', meaning: 'the input' },
      { mark: '0', meaning: 'zeros between its elements: stride − 1' },
      { mark: '·', meaning: 'zeros of the padding' },
      { mark: '-', meaning: 'cropped' },
      { mark: 'k', meaning: 'a tap of the kernel' },
    ],
  });
}

/** The last one or two dimensions. */
function picturesOfPadding(dimensions: readonly PadAxis[], isConstant: boolean): Picture[] {
  const added = isConstant ? 'v' : '·';
  const marks = (axis: PadAxis) =>
    Array.from({ length: axis.size + Math.max(0, axis.before) + Math.max(0, axis.after) }, (_, at) => {
      const i = at - Math.max(0, axis.before);
      if (i < 0 || i >= axis.size) return added;
      return i < -axis.before || i >= axis.size + axis.after ? '-' : 'x';
    }).join('');
  if (dimensions.length === 0) return [];
  const wide = marks(dimensions.at(-1)!);
  const tall = dimensions.length > 1 ? marks(dimensions[0]!) : 'x';
  const rows = [...tall].map((mark) => ({
    label: '',
    cells: mark === 'x' ? wide : [...wide].map((other) => (mark === '-' || other === '-' ? '-' : added)).join(''),
  }));
  return drawn({
    title: dimensions.length > 1 ? 'The last two dimensions' : 'The last dimension',
    rows,
    legend: [
      { mark: 'x', meaning: 'the input' },
      { mark: added, meaning: isConstant ? 'the value' : "the input's own elements" },
      { mark: '-', meaning: 'cropped' },
    ],
  });
}

/** The picture with the legend of the marks that it has, or none where it is too large. */
function drawn(picture: Picture): Picture[] {
  if (picture.rows.length > tallest || picture.rows.some(({ cells }) => cells.length > widest)) return [];
  const legend = picture.legend.filter(({ mark }) => picture.rows.some(({ cells }) => cells.includes(mark)));
  return [{ ...picture, legend }];
}

/** What a small padding makes of the case's own data, where it is inline, or of ones, or 1, 2, 3 … where elements are repeated. */
function valuesOf(call: Call, normal: Call['spec']): Explanation['values'] {
  const { operator, tensors, case: given } = call;
  const size = elementCount(operator.outputShape(normal));
  if (size > mostValues || tensors.input.data.length > mostValues) return null;
  const isOwn = given.inputs.input.data.kind === 'inline';
  const isConstant = modeOf(normal) === 'constant';
  const input = Float64Array.from(tensors.input.data, (value, i) => (isOwn ? Number(value) : isConstant ? 1 : i + 1));
  return { input: [...input], output: [...operator.evaluate(normal, { input })] };
}
