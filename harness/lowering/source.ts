import type { Inputs } from '../core/case.ts';
import { elementCount } from '../core/tensor.ts';
import { storedValue } from '../semantics/pad.ts';
import { span } from '../semantics/window.ts';
import {
  type ConvolveStep,
  type LayerStep,
  none,
  type PaddingStep,
  type Plan,
  type Run,
  runsOf,
  type Width,
} from './plan.ts';
import { axisLetters, widthWords } from './words.ts';

/*
 * A plan as the text of a function: which statements in which order, and what is said of them. How a library spells a
 * statement is its dialect's affair. The text is for the sizes of one call, and takes and gives PyTorch's layout.
 *
 * Only what the libraries have in common is used: convolutions without padding over one to three axes with strides or, over
 * one or two, dilations; transposed ones with strides; padding by 0 or more; and ways to move elements about.
 */

/** Elements from `from` to before `to` of an axis, every `step`-th. */
export interface Range {
  axis: number;
  from: number;
  to: number;
  step: number;
}

/** One assignment, with what is said of it. */
export interface Statement {
  to: 'x' | 'w';
  be: string;
  comment?: string;
}

/** What the text says before it begins. */
export interface Heading {
  /** The function's name, in words joined by underscores. */
  name: string;
  /** PyTorch's call, in words. */
  call: string;
  /** The input's. */
  dtype: string;
  /** As the caller gives them. */
  shapes: Inputs<readonly number[]>;
  result: readonly number[];
}

/** How a library spells things. Tensors and results are expressions; shapes are known. */
export interface Dialect {
  reshape(x: string, shape: readonly number[]): string;
  transpose(x: string, order: readonly number[]): string;
  reverse(x: string, axes: readonly number[]): string;
  /** Widths of 0 or more, one pair a dimension. */
  pad(x: string, widths: readonly [number, number][], value: number): string;
  slice(x: string, shape: readonly number[], ranges: readonly Range[]): string;
  fill(shape: readonly number[], value: number, like: string): string;
  take(x: string, axis: number, runs: readonly Run[]): string;
  /** What `expression` makes of each group's channels and kernel. */
  groupwise(groups: number, expression: (x: string, w: string) => string): string;
  convolve(x: string, w: string, strides: readonly number[], dilations: readonly number[]): string;
  /** Whole: `shape` is (N, …, C) of the result. */
  convolveTransposed(x: string, w: string, shape: readonly number[], strides: readonly number[]): string;
  addBias(x: string): string;
  /** What a file of such functions begins with. */
  imports: string;
  /** The text of the function. */
  wrap(heading: Heading, statements: readonly Statement[]): string;
}

/** The text of a function that does what a plan of a non-empty call says. `heading.shapes` may lack the batch axis. */
export function sourceOf(plan: Plan, heading: Heading, dialect: Dialect): string {
  const writer = new Writer(dialect);
  if (plan.over === 'all axes') {
    writer.x = heading.shapes.input;
    for (const step of plan.steps) writer.padding(step, heading.dtype);
  } else {
    writer.layer(plan.steps, plan.axes, heading);
  }
  return dialect.wrap(heading, writer.statements);
}

function sizesWords(sizes: readonly number[]): string {
  return `${sizes.join(', ')} ${sizes.every((size) => size === 1) ? 'element' : 'elements'}`;
}

/** Follows the shapes of what has been computed so far, and collects the statements. */
class Writer {
  readonly statements: Statement[] = [];
  /** The shape of the input, or of what has become of it. */
  x: readonly number[] = [];
  /** The shape of the weight, or of the kernel that it has become. */
  w: readonly number[] = [];
  private readonly dialect: Dialect;

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  private assign(to: 'x' | 'w', be: string, shape: readonly number[], comment?: string): void {
    this.statements.push({ to, be, ...(comment === undefined ? {} : { comment }) });
    this[to] = shape;
  }

  private reshape(to: 'x' | 'w', shape: readonly number[], comment?: string): void {
    this.assign(to, this.dialect.reshape(to, shape), shape, comment);
  }

  private transpose(to: 'x' | 'w', order: readonly number[], comment?: string): void {
    const shape = order.map((axis) => this[to][axis]!);
    this.assign(to, this.dialect.transpose(to, order), shape, comment);
  }

  private slice(to: 'x' | 'w', ranges: readonly Range[], comment?: string): void {
    const shape = this[to].map((size, at) => {
      const range = ranges.find(({ axis }) => axis === at);
      return range === undefined ? size : Math.ceil((range.to - range.from) / range.step);
    });
    this.assign(to, this.dialect.slice(to, this[to], ranges), shape, comment);
  }

  padding(step: PaddingStep, dtype: string): void {
    if (step.do === 'pad') {
      this.pad(step.widths, storedValue(step.value, dtype), 'Positive pads add elements, negative ones crop.');
    } else {
      const shape = this.x.map((size, axis) => (axis === step.axis ? step.indices.length : size));
      const be = this.dialect.take('x', step.axis, runsOf(step.indices));
      this.assign('x', be, shape, `Dimension ${step.axis} is padded with its own elements.`);
    }
  }

  /** Widths with one entry a dimension. */
  private pad(widths: readonly Width[], value: number, comment: string): void {
    const full = widths.map(({ before, after }, axis) => this.x[axis]! + before + after);
    const ranges = widths.flatMap(({ before, after }, axis): Range[] => {
      if (before >= 0 && after >= 0) return [];
      return [{ axis, from: Math.max(0, -before), to: this.x[axis]! + Math.min(0, after), step: 1 }];
    });
    if (ranges.some(({ from, to }) => to <= from)) {
      this.assign('x', this.dialect.fill(full, value, 'x'), full, `${comment} Nothing of the input is left.`);
      return;
    }
    const rows = widths.map(({ before, after }): [number, number] => [Math.max(0, before), Math.max(0, after)]);
    const grows = rows.flat().some((width) => width > 0);
    if (ranges.length > 0) this.slice('x', ranges, comment);
    if (grows) this.assign('x', this.dialect.pad('x', rows, value), full, ranges.length > 0 ? undefined : comment);
  }

  layer(steps: readonly LayerStep[], axes: number, { shapes }: Heading): void {
    const unbatched = shapes.input.length === axes + 1;
    [this.x, this.w] = [shapes.input, shapes.weight!];
    if (unbatched) this.reshape('x', [1, ...this.x], 'A batch of one.');
    const spatial = Array.from({ length: axes }, (_, axis) => axis + 2);
    const letters = axisLetters[axes - 1]!.join(', ');
    this.transpose('x', [0, ...spatial, 1], `(N, C, ${letters}) to (N, ${letters}, C).`);
    const flips = steps.some((step) => step.do === 'convolve' && step.kernel === 'flipped');
    if (!flips) this.transpose('w', [...spatial, 1, 0], 'The axes of the kernel first, then its channels.');
    for (const step of steps) this.step(step);
    const order = [0, axes + 1, ...spatial.map((axis) => axis - 1)];
    this.transpose('x', order, `Back to (N, C, ${letters}).`);
    if (unbatched) this.reshape('x', this.x.slice(1), 'Without the batch of one.');
  }

  private step(step: LayerStep): void {
    switch (step.do) {
      case 'pad':
        this.pad([none, ...step.widths, none], 0, `${widthWords(step.widths)}.`);
        break;
      case 'spread':
        for (const [axis, distance] of step.distances.entries()) {
          this.spread(
            'x',
            axis + 1,
            distance,
            `Zeros between neighbours, which come to lie ${distance} apart: the stride.`,
          );
        }
        break;
      case 'convolve':
        this.convolve(step);
        break;
      case 'convolve transposed':
        this.convolveTransposed(step.strides, step.groups);
        break;
      case 'add bias':
        this.assign('x', this.dialect.addBias('x'), this.x, 'The bias comes last, on what was appended as well.');
        break;
    }
  }

  /** Zeros between the neighbours of an axis. */
  private spread(to: 'x' | 'w', axis: number, distance: number, comment: string): void {
    const size = this[to][axis]!;
    if (distance === 1 || size === 1) return;
    const spread = this[to].map((old, at) => (at === axis ? (size - 1) * distance + 1 : old));
    // As few dimensions as will do: not every runtime pads more than four.
    const [outer, inner] = [elementCount(this[to].slice(0, axis)), elementCount(this[to].slice(axis + 1))];
    const rows: [number, number][] = [
      [0, 0],
      [0, 0],
      [0, distance - 1],
      [0, 0],
    ];
    this.reshape(to, [outer, size, 1, inner], comment);
    this.assign(to, this.dialect.pad(to, rows, 0), [outer, size, distance, inner]);
    this.reshape(to, [outer, size * distance, inner]);
    this.slice(to, [{ axis: 1, from: 0, to: spread[axis]!, step: 1 }]);
    this.reshape(to, spread);
  }

  /** Without dilation. */
  private convolveTransposed(strides: readonly number[], groups: number): void {
    const [batch] = this.x as [number];
    const outChannels = this.w.at(-2)!;
    const sizes = strides.map((stride, axis) => (this.x[axis + 1]! - 1) * stride + this.w[axis]!);
    const shape = [batch, ...sizes, outChannels];
    const be = this.dialect.groupwise(groups, (x, w) => this.dialect.convolveTransposed(x, w, shape, strides));
    const comment = `The whole transposed convolution, nothing cropped: (input - 1) * stride + kernel = ${sizesWords(sizes)}.`;
    this.assign('x', be, [batch, ...sizes, outChannels * groups], comment);
  }

  private convolve(step: ConvolveStep): void {
    if (step.kernel === 'flipped') this.flip(step.groups);
    let { strides, dilations } = step;
    if (strides.length === 3) {
      for (const [axis, dilation] of dilations.entries()) {
        this.spread(
          'w',
          axis,
          dilation,
          'Dilation, by zeros between the taps: not every runtime has it over three axes.',
        );
      }
      dilations = [1, 1, 1];
    }
    const both = strides.some((stride) => stride > 1) && dilations.some((dilation) => dilation > 1);
    if (both) strides = strides.map(() => 1);
    const sizes = strides.map((stride, axis) => {
      const window = { kernel: this.w[axis]!, dilation: dilations[axis]! };
      return Math.floor((this.x[axis + 1]! - span(window)) / stride) + 1;
    });
    const be = this.dialect.groupwise(step.groups, (x, w) => this.dialect.convolve(x, w, strides, dilations));
    const shape = [this.x[0]!, ...sizes, this.w.at(-1)!];
    this.assign('x', be, shape, `The convolution, without padding of its own: ${sizesWords(sizes)}.`);
    if (!both) return;
    const ranges = step.strides.map((stride, i) => ({ axis: i + 1, from: 0, to: sizes[i]!, step: stride }));
    this.slice(
      'x',
      ranges,
      'Stride and dilation do not go together: all windows are computed, each stride-th is kept.',
    );
  }

  /** A transposed convolution's weight (in, out / groups, …) becomes the kernel of a convolution (…, in / groups, out). */
  private flip(groups: number): void {
    const [inputs, outputs, ...kernel] = this.w as [number, number, ...number[]];
    const spatial = kernel.map((_, axis) => axis);
    const comment = 'The kernel flipped, and its channels exchanged.';
    if (groups === 1) {
      this.transpose('w', [...spatial.map((axis) => axis + 2), 0, 1], comment);
    } else {
      this.reshape('w', [groups, inputs / groups, outputs, ...kernel], comment);
      this.transpose('w', [...spatial.map((axis) => axis + 3), 1, 0, 2]);
      this.reshape('w', [...kernel, inputs / groups, outputs * groups]);
    }
    this.assign('w', this.dialect.reverse('w', spatial), this.w);
  }
}
