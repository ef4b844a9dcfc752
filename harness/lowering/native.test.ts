import { describe, expect, test } from 'vitest';
import type { OpName, Params } from '../core/case.ts';
import { normalSpec, prepare } from '../operators/call.ts';
import { operatorOf } from '../operators/index.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';
import { type Axis, nativeCallOf, nativeFeatures, widthBeforeSame } from './native.ts';

const none = { before: 0, after: 0 };

function specOf(op: OpName, params: Params, input: number[], weight?: number[]): Spec {
  const operator = operatorOf(op);
  const shapes = { input, ...(weight === undefined ? {} : { weight }) };
  return {
    params: operator.normalise({ ...operator.defaults, ...params })!,
    shapes,
    dtypes: { input: 'float32', ...(weight === undefined ? {} : { weight: 'float32' as const }) },
  };
}

function callOf(op: OpName, params: Params, input: number[], weight?: number[]) {
  const spec = specOf(op, params, input, weight);
  expect(refusalOf(operatorOf(op).rules, spec)).toBeNull();
  return nativeCallOf(operatorOf(op), spec);
}

const rows = (...widths: [number, number][]) => widths;

describe('a convolution', () => {
  test.each<[OpName, Params, number[], number[], object]>([
    ['conv1d', { padding: 'valid' }, [1, 2, 9], [3, 2, 4], { call: 'conv1d', pad: 'valid' }],
    ['conv1d', { padding: 'same', dilation: 2 }, [1, 2, 9], [3, 2, 4], { pad: 'same', dilations: [2], first: [none] }],
    ['conv2d', { padding: 'valid', stride: [1, 2] }, [1, 2, 5, 5], [1, 2, 2, 2], { call: 'conv2d', strides: [1, 2] }],
    ['conv3d', { padding: 'same' }, [1, 1, 4, 4, 4], [1, 1, 2, 2, 2], { call: 'conv3d', pad: 'same' }],
    ['conv3d', {}, [1, 1, 4, 4, 4], [1, 1, 2, 2, 2], { call: 'conv3d', pad: 'valid' }],
    ['conv2d', { groups: 2, padding: 'same' }, [1, 2, 4, 4], [6, 1, 3, 3], { call: 'depthwiseConv2d', pad: 'same' }],
    [
      'conv1d',
      { groups: 2, stride: 3, padding: 'valid' },
      [1, 2, 7],
      [2, 1, 2],
      { call: 'depthwiseConv2d', strides: [1, 3], dilations: [1, 1], first: [none, none], pad: 'valid' },
    ],
  ])('%s %j of %j and %j', (op, params, input, weight, expected) => {
    expect(callOf(op, params, input, weight)).toMatchObject(expected);
  });

  test('says its padding in another form for each number of output channels', () => {
    const pads = (op: OpName, params: Params, input: number[], kernel: number[]) =>
      [1, 2, 3, 4, 5].map((channels) => {
        const native = callOf(op, params, input, [channels, input[1]!, ...kernel]);
        return typeof native === 'object' && 'pad' in native ? native.pad : native;
      });
    const zeros = rows([0, 0], [0, 0], [0, 0], [0, 0]);
    expect(pads('conv2d', {}, [1, 1, 3, 3], [1, 1])).toEqual(['valid', 0, zeros, 'same', 'valid']);
    const ones = rows([0, 0], [1, 1], [1, 1], [0, 0]);
    expect(pads('conv2d', { padding: 1 }, [1, 1, 3, 3], [3, 3])).toEqual([1, ones, 'same', 1, ones]);
    const uneven = rows([0, 0], [2, 2], [1, 1], [0, 0]);
    expect(pads('conv2d', { padding: [2, 1] }, [1, 1, 3, 3], [1, 3])).toEqual([uneven, 'same', uneven, 'same', uneven]);
    const one = rows([0, 0], [0, 0], [2, 2], [0, 0]);
    expect(pads('conv1d', { padding: 2, stride: 2 }, [1, 1, 6], [2])).toEqual([2, one, 'same', 2, one]);
    expect(pads('conv3d', {}, [1, 1, 3, 3, 3], [1, 1, 1])).toEqual(['valid', 'same', 'valid', 'same', 'valid']);
  });

  test.each<[string, OpName, Params, number[], number[]]>([
    ['a stride or a dilation', 'conv2d', { stride: [2, 1], dilation: [1, 2] }, [1, 1, 5, 5], [1, 1, 2, 2]],
    ['one for each channel', 'conv1d', { groups: 2 }, [1, 4, 5], [2, 2, 2]],
    ['over one or two axes', 'conv3d', { groups: 2 }, [1, 2, 3, 3, 3], [2, 1, 2, 2, 2]],
    ["by 'valid' or 'same' only", 'conv3d', { padding: 1, stride: 4 }, [1, 1, 6, 6, 6], [1, 1, 6, 6, 6]],
    ['over no channels', 'conv1d', {}, [1, 0, 3], [2, 0, 1]],
    ['at least 1', 'conv1d', { dilation: 0 }, [0, 1, 3], [1, 1, 1]],
  ])('is unsupported: %s', (reason, op, params, input, weight) => {
    expect(callOf(op, params, input, weight)).toContain(reason);
  });
});

/** One axis padded as `width` says; negative crops. */
function padded(x: readonly number[], { before, after }: { before: number; after: number }): number[] {
  const kept = after < 0 ? x.slice(0, after) : x;
  const zeros = (count: number) => new Array<number>(Math.max(0, count)).fill(0);
  return [...zeros(before), ...kept, ...zeros(after)];
}

/** How many windows TensorFlow's SAME makes of a size, and how far it begins before the input. */
function same(size: number, { kernel, stride, dilation }: Axis): { windows: number; before: number } {
  const windows = Math.ceil(size / stride);
  const total = Math.max((windows - 1) * stride + dilation * (kernel - 1) + 1 - size, 0);
  return { windows, before: Math.floor(total / 2) };
}

/** The terms of each output: which element each tap meets, null where it meets padding. */
function windowsOf(x: readonly number[], axis: Axis, count: number, before: number): number[][] {
  return Array.from({ length: count }, (_, o) =>
    Array.from({ length: axis.kernel }, (_, k) => x[o * axis.stride + k * axis.dilation - before] ?? 0),
  );
}

describe('SAME with a stride, after a pad', () => {
  const axes: Axis[] = [];
  for (let kernel = 1; kernel <= 4; kernel++)
    for (let stride = 1; stride <= 5; stride++)
      for (let dilation = 1; dilation <= 3; dilation++)
        for (let padding = 0; padding <= 4; padding++)
          for (let input = 1; input <= 7; input++) {
            const output = Math.floor((input + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
            if (output >= 1) axes.push({ input, kernel, stride, dilation, padding, output });
          }

  test('has the windows that PyTorch has', () => {
    let direct = 0;
    for (const axis of axes) {
      const width = widthBeforeSame(axis);
      if (width === null) continue;
      const x = Array.from({ length: axis.input }, (_, i) => i + 1);
      const longer = padded(x, width);
      const { windows, before } = same(longer.length, axis);
      const got = windowsOf(longer, axis, windows, before);
      expect({ axis, got }).toEqual({ axis, got: windowsOf(x, axis, axis.output, axis.padding) });
      if (width.before === 0 && width.after === 0) direct += 1;
    }
    expect(direct).toBeGreaterThan(100);
  });

  test('is left out only where no pad leads to them', () => {
    for (const axis of axes) {
      if (widthBeforeSame(axis) !== null) continue;
      const end = (axis.output - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1 - axis.padding;
      const seen = Math.min(axis.input, end);
      if (seen < 1) continue;
      for (let put = 0; put <= axis.padding; put++) {
        for (let size = put + seen; size <= axis.input + 2 * axis.padding + axis.stride; size++) {
          const { windows, before } = same(size, axis);
          expect({ axis, put, size, fits: windows === axis.output && before + put === axis.padding }).toMatchObject({
            fits: false,
          });
        }
      }
    }
  });

  test('crops only an end that no window reaches, and as little of it as may be', () => {
    expect(widthBeforeSame({ input: 7, kernel: 2, stride: 3, dilation: 1, padding: 0, output: 2 })).toEqual({
      before: 0,
      after: -1,
    });
  });
});

describe('a transposed convolution', () => {
  test.each<[OpName, Params, number[], number[], object]>([
    [
      'conv_transpose1d',
      { stride: 2 },
      [2, 3, 4],
      [3, 1, 3],
      { call: 'conv2dTranspose', strides: [1, 2], pad: 'valid', outputShape: [2, 1, 9, 1] },
    ],
    [
      'conv_transpose1d',
      { stride: 2, padding: 1, output_padding: 1 },
      [2, 3, 4],
      [3, 1, 3],
      { pad: rows([0, 0], [0, 0], [1, 1], [0, 0]), outputShape: [2, 1, 8, 1] },
    ],
    [
      'conv_transpose2d',
      { padding: 1 },
      [1, 1, 4, 4],
      [1, 1, 3, 3],
      { call: 'conv2dTranspose', pad: 1, outputShape: [1, 4, 4, 1] },
    ],
    ['conv_transpose2d', { padding: 1 }, [1, 1, 4, 4], [1, 3, 3, 3], { pad: 'same', outputShape: [1, 4, 4, 3] }],
    [
      'conv_transpose3d',
      { padding: 1 },
      [1, 2, 4, 4, 4],
      [2, 1, 3, 3, 3],
      { call: 'conv3dTranspose', pad: 'same', outputShape: [1, 4, 4, 4, 1] },
    ],
  ])('%s %j of %j and %j', (op, params, input, weight, expected) => {
    expect(callOf(op, params, input, weight)).toMatchObject(expected);
  });

  test.each<[string, OpName, Params, number[], number[]]>([
    ['no groups', 'conv_transpose1d', { groups: 2 }, [1, 2, 3], [2, 1, 1]],
    ['no dilation', 'conv_transpose2d', { dilation: [1, 2] }, [1, 1, 3, 3], [1, 1, 2, 2]],
    ['less than the stride', 'conv_transpose1d', { output_padding: 5 }, [0, 1, 3], [1, 1, 1]],
    ["by 'valid' or 'same' only", 'conv_transpose3d', { padding: 1, stride: 2 }, [1, 1, 3, 3, 3], [1, 1, 5, 5, 5]],
  ])('is unsupported: %s', (reason, op, params, input, weight) => {
    expect(callOf(op, params, input, weight)).toContain(reason);
  });

  test("is 'same' where SAME crops as PyTorch does", () => {
    const operator = operatorOf('conv_transpose3d');
    let met = 0;
    for (let kernel = 1; kernel <= 5; kernel++)
      for (let stride = 1; stride <= 4; stride++)
        for (let padding = 0; padding <= 2; padding++)
          for (let output_padding = 0; output_padding < stride; output_padding++)
            for (let input = 1; input <= 4; input++) {
              // Along the depth; one output channel, so that 'same' is not taken where 'valid' is to be had.
              const params = {
                stride: [stride, 1, 1],
                padding: [padding, 0, 0],
                output_padding: [output_padding, 0, 0],
              };
              const spec = specOf('conv_transpose3d', params, [1, 1, input, 1, 1], [1, 2, kernel, 1, 1]);
              if (refusalOf(operator.rules, spec) !== null) continue;
              const output = (input - 1) * stride - 2 * padding + kernel + output_padding;
              const { windows, before } = same(output, { kernel, stride, dilation: 1 } as Axis);
              const fits = windows === input && before === padding;
              const native = nativeCallOf(operator, spec);
              const is = typeof native === 'object' && 'pad' in native && native.pad === 'same';
              expect({ spec, is }).toEqual({ spec, is: fits });
              if (fits) met += 1;
            }
    expect(met).toBeGreaterThan(30);
  });
});

describe('a padding', () => {
  test.each<[Params, number[], object]>([
    [{ pad: [1, 2] }, [2, 3], { call: 'pad', rows: rows([0, 0], [1, 2]), value: 0 }],
    [{ pad: [1, 2, 0, 3], value: -0.5 }, [2, 3], { call: 'pad', rows: rows([0, 3], [1, 2]), value: -0.5 }],
    [{ pad: [1, 2], mode: 'reflect' }, [2, 3], { call: 'mirrorPad', rows: rows([0, 0], [1, 2]) }],
  ])('%j of %j', (params, input, expected) => {
    expect(callOf('pad', params, input)).toEqual(expected);
  });

  test('cuts off what an int32 cannot hold of its value', () => {
    const spec = { ...specOf('pad', { pad: [1, 0], value: -0.5 }, [2]), dtypes: { input: 'int32' as const } };
    expect(nativeCallOf(operatorOf('pad'), spec)).toMatchObject({ value: 0 });
  });

  test.each<[string, Params, number[]]>([
    ['no scalars', { pad: [] }, []],
    ['mode replicate', { pad: [1, 1], mode: 'replicate' }, [1, 2]],
    ['mode circular', { pad: [1, 1], mode: 'circular' }, [1, 2]],
    ['0 or more', { pad: [-1, 1] }, [2]],
    ['0 or more', { pad: [-1, 1], mode: 'reflect' }, [1, 3]],
    ['no empty axis', { pad: [1, 1], mode: 'reflect' }, [0, 2, 3]],
  ])('is unsupported: %s', (reason, params, input) => {
    expect(callOf('pad', params, input)).toContain(reason);
  });
});

describe('the features of a call', () => {
  function featuresOf(op: OpName, params: Params, input: number[], weight: number[]): string[] {
    const tensor = (shape: number[]) => ({
      dtype: 'float32' as const,
      shape,
      data: { kind: 'seeded' as const, values: 'lattice' as const, seed: 1 },
    });
    const inputs = { input: tensor(input), weight: tensor(weight) };
    const call = prepare({ schema: 'convdiff/case@1', op, params, inputs });
    return nativeFeatures(call.operator, normalSpec(call));
  }

  test.each<[string[], OpName, Params, number[], number[]]>([
    [[], 'conv1d', {}, [1, 1, 3], [1, 1, 1]],
    [['as number'], 'conv2d', { padding: 1 }, [1, 1, 3, 3], [1, 1, 2, 2]],
    [['as number', 'uneven axes'], 'conv1d', { padding: 1 }, [1, 1, 3], [1, 1, 2]],
    [['as number', 'uneven axes'], 'conv2d', { stride: [1, 2], padding: 1 }, [1, 3, 3], [1, 1, 2, 2]],
    [['as rows'], 'conv2d', { padding: 1 }, [1, 1, 3, 3], [2, 1, 2, 2]],
    [['as same'], 'conv3d', { padding: 'same' }, [1, 1, 3, 3, 3], [1, 1, 2, 2, 2]],
    [['as same', 'unreached end'], 'conv3d', { stride: 2 }, [1, 1, 2, 2, 2], [2, 1, 1, 1, 1]],
    [['as same'], 'conv3d', { stride: 2 }, [1, 1, 3, 3, 3], [2, 1, 1, 1, 1]],
    [['as same', 'uneven axes', 'unreached end'], 'conv1d', { stride: 3 }, [1, 1, 3], [4, 1, 2]],
    [
      ['as same', 'unreached end'],
      'conv_transpose3d',
      { stride: 2, output_padding: 1 },
      [1, 1, 1, 1, 1],
      [1, 2, 1, 1, 1],
    ],
    [[], 'conv1d', { groups: 0 }, [1, 1, 3], [1, 1, 1]],
    [[], 'conv1d', { groups: 2 }, [1, 4, 3], [4, 2, 1]],
  ])('%j: %s %j of %j and %j', (expected, op, params, input, weight) => {
    expect(featuresOf(op, params, input, weight)).toEqual(expected);
  });
});
