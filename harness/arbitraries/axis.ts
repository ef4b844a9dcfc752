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

export const rawAxis: fc.Arbitrary<RawAxis> = fc.record({
  kernel: size(1, 4, 12),
  stride: size(1, 4, 9),
  dilation: size(1, 3, 6),
  padding: size(0, 5, 24),
  outputPadding: size(0, 4, 8),
  extra: size(0, 7, 40),
});

/** An axis on which nearly everything is 1 or 0. */
export const tinyAxis: fc.Arbitrary<RawAxis> = fc.record({
  kernel: size(1, 1, 2),
  stride: size(1, 2, 3),
  dilation: size(1, 2, 3),
  padding: size(0, 1, 2),
  outputPadding: size(0, 1, 2),
  extra: size(0, 0, 1),
});
