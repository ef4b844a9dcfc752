import fc from 'fast-check';
import { size } from './size.ts';

/**
 * One spatial axis as independent integers, from which a family makes a valid window: `padding` and `output_padding` are
 * taken as far as the family allows, and `extra` is the length of the input beyond the shortest legal one.
 */
export interface RawAxis {
  kernel: number;
  stride: number;
  dilation: number;
  padding: number;
  outputPadding: number;
  extra: number;
}

/** Two numbers for each value of an axis: what it usually goes up to, and what it goes up to now and then. */
type Limits = Record<keyof RawAxis, readonly [usual: number, rare: number]>;

/** By the number of axes: the work of a layer is the product over them. */
const limits: Record<1 | 2 | 3, Limits> = {
  1: { kernel: [4, 12], stride: [4, 9], dilation: [3, 6], padding: [5, 24], outputPadding: [4, 8], extra: [7, 40] },
  2: { kernel: [3, 6], stride: [3, 6], dilation: [3, 5], padding: [4, 10], outputPadding: [3, 5], extra: [4, 12] },
  3: { kernel: [3, 4], stride: [3, 4], dilation: [2, 3], padding: [3, 6], outputPadding: [2, 3], extra: [2, 5] },
};

/** An axis of a layer with so many. */
export function rawAxis(axes: 1 | 2 | 3): fc.Arbitrary<RawAxis> {
  const { kernel, stride, dilation, padding, outputPadding, extra } = limits[axes];
  return fc.record({
    kernel: size(1, ...kernel),
    stride: size(1, ...stride),
    dilation: size(1, ...dilation),
    padding: size(0, ...padding),
    outputPadding: size(0, ...outputPadding),
    extra: size(0, ...extra),
  });
}

/** An axis on which nearly everything is 1 or 0. */
export const tinyAxis: fc.Arbitrary<RawAxis> = fc.record({
  kernel: size(1, 1, 2),
  stride: size(1, 2, 3),
  dilation: size(1, 2, 3),
  padding: size(0, 1, 2),
  outputPadding: size(0, 1, 2),
  extra: size(0, 0, 1),
});
