import { inputNames } from '../core/case.ts';
import { operandNames } from '../report/words.ts';
import type { Dialect } from './source.ts';

/* Plans as a function of TensorFlow.js on tensors in PyTorch's layout, which gives what PyTorch gives. */

export function list(values: readonly (number | string)[]): string {
  return `[${values.join(', ')}]`;
}

/** A number as JavaScript has it. */
export function number(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** `conv_transpose1d` as convTranspose1d. */
export function camelCase(name: string): string {
  return name.replace(/_./g, (letter) => letter[1]!.toUpperCase());
}

export const tfjsModule: Dialect = {
  imports: "import * as tf from '@tensorflow/tfjs-core';\n\n",
  reshape: (x, shape) => `tf.reshape(${x}, ${list(shape)})`,
  transpose: (x, order) => `tf.transpose(${x}, ${list(order)})`,
  reverse: (x, axes) => `tf.reverse(${x}, ${list(axes)})`,
  pad: (x, widths, value) => {
    const rows = list(widths.map(list));
    // Not every runtime pads by these: see reports/known-issues. Zeros are sure to come out, and tell where to put the value.
    if (Object.is(value, -0) || Number.isNaN(value) || Math.fround(value) !== value) {
      const inside = `tf.cast(tf.pad(tf.onesLike(${x}), ${rows}), 'bool')`;
      return `tf.where(${inside}, tf.pad(${x}, ${rows}), tf.scalar(${number(value)}, ${x}.dtype))`;
    }
    return `tf.pad(${x}, ${rows}${value === 0 ? '' : `, ${number(value)}`})`;
  },
  slice: (x, shape, ranges) => {
    const of = (pick: (range: (typeof ranges)[number]) => number, otherwise: (size: number) => number) =>
      list(
        shape.map((size, at) => {
          const range = ranges.find(({ axis }) => axis === at);
          return range === undefined ? otherwise(size) : pick(range);
        }),
      );
    const from = of(
      (range) => range.from,
      () => 0,
    );
    if (ranges.every(({ step }) => step === 1)) {
      return `tf.slice(${x}, ${from}, ${of(
        (range) => range.to - range.from,
        (size) => size,
      )})`;
    }
    const to = of(
      (range) => range.to,
      (size) => size,
    );
    const steps = of(
      (range) => range.step,
      () => 1,
    );
    return `tf.stridedSlice(${x}, ${from}, ${to}, ${steps})`;
  },
  fill: (shape, value, like) => `tf.fill(${list(shape)}, ${number(value)}, ${like}.dtype)`,
  take: (x, axis, runs) => {
    const parts = runs.map(({ first, count, step }) => {
      if (count <= 8) return Array.from({ length: count }, (_, i) => first + i * step).join(', ');
      const element = step === 0 ? `() => ${first}` : `(_, i) => ${first} ${step < 0 ? '-' : '+'} i`;
      return `...Array.from({ length: ${count} }, ${element})`;
    });
    return `tf.gather(${x}, tf.tensor1d(${list(parts)}, 'int32'), ${axis})`;
  },
  groupwise: (groups, expression) => {
    if (groups === 1) return expression('x', 'w');
    const each = expression('xg', `tf.split(w, ${groups}, -1)[g]`);
    return `tf.concat(tf.split(x, ${groups}, -1).map((xg, g) => ${each}), -1)`;
  },
  convolve: (x, w, strides, dilations) => {
    switch (strides.length) {
      case 1:
        return `tf.conv1d(${x}, ${w}, ${strides[0]}, 'valid', 'NWC', ${dilations[0]})`;
      case 2:
        return `tf.conv2d(${x}, ${w}, ${list(strides)}, 'valid', 'NHWC', ${list(dilations)})`;
      default:
        return `tf.conv3d(${x}, ${w}, ${list(strides)}, 'valid')`;
    }
  },
  convolveTransposed: (x, w, shape, strides) => {
    if (strides.length === 2) return `tf.conv2dTranspose(${x}, ${w}, ${list(shape)}, ${list(strides)}, 'valid')`;
    // tfjs has none over one axis: a height of 1 makes it one over two.
    const [batch, length, channels] = shape;
    const tall = `tf.conv2dTranspose(tf.expandDims(${x}, 1), tf.expandDims(${w}, 0), ${list([batch!, 1, length!, channels!])}, [1, ${strides[0]}], 'valid')`;
    return `tf.squeeze(${tall}, [1])`;
  },
  addBias: (x) => `tf.add(${x}, b)`,
  wrap: ({ name, call, shapes, result }, statements) => {
    const parameters = inputNames.filter((input) => shapes[input] !== undefined);
    const sizes = parameters.map((input) => `${operandNames[input]}: ${list(shapes[input]!)}`).join(', ');
    const body = statements.flatMap(({ to, be, comment }) => [
      ...(comment === undefined ? [] : [`    // ${comment}`]),
      `    ${to} = ${be};`,
    ]);
    return [
      '/**',
      ` * ${call}`,
      ' *',
      ` * ${sizes}, as PyTorch has them. Gives ${list(result)}.`,
      ' */',
      `export function ${camelCase(name)}(${parameters.map((input) => operandNames[input]).join(', ')}) {`,
      '  return tf.tidy(() => {',
      ...body,
      `    return ${statements.length === 0 ? 'tf.clone(x)' : 'x'};`,
      '  });',
      '}',
      '',
    ].join('\n');
  },
};
