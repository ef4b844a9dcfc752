import { describe, expect, test } from 'vitest';
import type { Params } from '../core/case.ts';
import type { Family } from '../semantics/semantics.ts';
import { planOf } from './plan.ts';

function steps(family: Family, params: Params, bias = false) {
  const shapes = { input: [1, 2, 9], weight: [4, 1, 4], ...(bias ? { bias: [4] } : {}) };
  return planOf(family, { groups: 2, stride: [1], dilation: [1], padding: [0], ...params }, shapes, [1, 4, 7]).steps;
}

describe('convolution', () => {
  const convolve = { do: 'convolve', kernel: 'weight', strides: [1], dilations: [1], groups: 2 };

  test.each([
    ['valid', [1], { before: 0, after: 0 }],
    ['same', [1], { before: 1, after: 2 }],
    ['same', [2], { before: 3, after: 3 }],
    ['same', [3], { before: 4, after: 5 }],
    [[5], [1], { before: 5, after: 5 }],
  ])('padding %j with dilation %j pads its input by %o', (padding, dilation, width) => {
    expect(steps('convolution', { padding, dilation })).toEqual([
      { do: 'pad', widths: [width], value: 0 },
      { ...convolve, dilations: dilation },
    ]);
  });

  test('hands stride and groups on, and adds the bias last', () => {
    expect(steps('convolution', { stride: [3] }, true)).toEqual([
      { do: 'pad', widths: [{ before: 0, after: 0 }], value: 0 },
      { ...convolve, strides: [3] },
      { do: 'add bias' },
    ]);
  });
});

describe('transposed convolution', () => {
  test('is whole first, then cropped by padding and longer by output_padding, and gets its bias at the very end', () => {
    const params = { stride: [3], dilation: [2], padding: [5], output_padding: [2] };
    expect(steps('transposed convolution', params, true)).toEqual([
      { do: 'convolve transposed', strides: [3], dilations: [2], groups: 2 },
      { do: 'pad', widths: [{ before: -5, after: -3 }], value: 0 },
      { do: 'add bias' },
    ]);
  });

  test('appends where output_padding is more than padding', () => {
    const [, pad] = steps('transposed convolution', { stride: [4], padding: [1], output_padding: [3] });
    expect(pad).toEqual({ do: 'pad', widths: [{ before: -1, after: 2 }], value: 0 });
  });
});

test('a plan states the number of axes and the shape of its result', () => {
  const plan = planOf(
    'convolution',
    { stride: [1], dilation: [1], padding: [0], groups: 1 },
    { input: [1, 1, 3], weight: [1, 1, 1] },
    [1, 1, 3],
  );
  expect(plan).toMatchObject({ axes: 1, outputShape: [1, 1, 3] });
});
