import { inputNames } from '../core/case.ts';
import { operandNames } from '../report/words.ts';
import type { Dialect, Range } from './source.ts';

/* Plans as TensorFlow's Python: a function on tensors in PyTorch's layout, which gives what PyTorch gives. */

export function list(values: readonly (number | string)[]): string {
  return `[${values.join(', ')}]`;
}

export function tuple(values: readonly number[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
}

/** A number as Python has it. */
export function number(value: number): string {
  if (Number.isNaN(value)) return "float('nan')";
  if (!Number.isFinite(value)) return value > 0 ? "float('inf')" : "float('-inf')";
  return Object.is(value, -0) ? '-0.0' : String(value);
}

function rangeText(size: number, range: Range | undefined): string {
  if (range === undefined) return ':';
  const { from, to, step } = range;
  return `${from === 0 ? '' : from}:${to === size ? '' : to}${step === 1 ? '' : `:${step}`}`;
}

export const tensorflowPython: Dialect = {
  imports: 'import tensorflow as tf\n\n\n',
  reshape: (x, shape) => `tf.reshape(${x}, ${list(shape)})`,
  transpose: (x, order) => `tf.transpose(${x}, ${list(order)})`,
  reverse: (x, axes) => `tf.reverse(${x}, ${list(axes)})`,
  pad: (x, widths, value) => {
    const rows = `[${widths.map(list).join(', ')}]`;
    // A number −0 is taken for 0; a tensor is not.
    const filling = Object.is(value, -0) ? `tf.constant(-0.0, ${x}.dtype)` : number(value);
    return `tf.pad(${x}, ${rows}${Object.is(value, 0) ? '' : `, constant_values=${filling}`})`;
  },
  slice: (x, shape, ranges) => {
    const last = Math.max(...ranges.map(({ axis }) => axis));
    const parts = shape.slice(0, last + 1).map((size, at) =>
      rangeText(
        size,
        ranges.find(({ axis }) => axis === at),
      ),
    );
    return `${x}[${parts.join(', ')}]`;
  },
  fill: (shape, value, like) => `tf.cast(tf.fill(${list(shape)}, ${number(value)}), ${like}.dtype)`,
  take: (x, axis, runs) => {
    const parts = runs.map(({ first, count, step }) => {
      if (step === 0) return count === 1 ? String(first) : `*[${first}] * ${count}`;
      return `*range(${first}, ${first + count * step}${step === 1 ? '' : `, ${step}`})`;
    });
    return `tf.gather(${x}, [${parts.join(', ')}], axis=${axis})`;
  },
  groupwise: (groups, expression) => {
    if (groups === 1) return expression('x', 'w');
    const [xs, ws] = ['x', 'w'].map((name) => `tf.split(${name}, ${groups}, axis=-1)`);
    return `tf.concat([${expression('xg', 'wg')} for xg, wg in zip(${xs}, ${ws})], axis=-1)`;
  },
  convolve: (x, w, strides, dilations) => {
    const dilated = dilations.some((dilation) => dilation > 1) ? `, dilations=${list(dilations)}` : '';
    return `tf.nn.convolution(${x}, ${w}, strides=${list(strides)}, padding='VALID'${dilated})`;
  },
  convolveTransposed: (x, w, shape, strides) =>
    `tf.nn.conv${strides.length}d_transpose(${x}, ${w}, ${list(shape)}, strides=${strides.length === 1 ? strides[0] : list(strides)}, padding='VALID')`,
  addBias: (x) => `${x} + b`,
  wrap: ({ name, call, shapes, result }, statements) => {
    const parameters = inputNames.filter((input) => shapes[input] !== undefined);
    const sizes = parameters.map((input) => `${operandNames[input]}: ${tuple(shapes[input]!)}`).join(', ');
    const body = statements.flatMap(({ to, be, comment }) => [
      ...(comment === undefined ? [] : [`    # ${comment}`]),
      `    ${to} = ${be}`,
    ]);
    return [
      `def ${name}(${parameters.map((input) => operandNames[input]).join(', ')}):`,
      `    """${call}`,
      '',
      `    ${sizes}, as PyTorch has them. Gives ${tuple(result)}.`,
      '    """',
      ...body,
      '    return x',
      '',
    ].join('\n');
  },
};
