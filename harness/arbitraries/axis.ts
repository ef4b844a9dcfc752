import fc from 'fast-check';
import { seldom, size } from './size.ts';

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
function rawAxis(axes: 1 | 2 | 3): fc.Arbitrary<RawAxis> {
  const { kernel, stride, dilation, padding, outputPadding, extra } = limits[axes];
  const independent = fc.record({
    kernel: size(1, ...kernel),
    stride: size(1, ...stride),
    dilation: size(1, ...dilation),
    padding: size(0, ...padding),
    outputPadding: size(0, ...outputPadding),
    extra: size(0, ...extra),
  });
  // An output_padding may be as large as the stride only where the dilation is larger: rare, if all is drawn by itself.
  return fc
    .tuple(independent, seldom(12))
    .map(([axis, widened]) => (widened ? { ...axis, dilation: axis.stride + 1, outputPadding: axis.stride } : axis));
}

/** How far the padding of a layer's axes goes, given their reach, dilation·(kernel − 1), and what was drawn. */
const paddings: readonly ((reach: number, padding: number) => number)[] = [
  (_, padding) => padding,
  () => 0,
  (reach, padding) => Math.min(padding, Math.max(0, reach - 1)),
  (reach) => Math.floor(reach / 2),
  (reach) => reach,
  (reach, padding) => Math.max(padding, reach + 1),
];

/** What the axes of a layer have in common with its first one: mostly nothing. */
const likenesses: readonly ((first: RawAxis, axis: RawAxis) => RawAxis)[] = [
  (_, axis) => axis,
  (_, axis) => axis,
  (_, axis) => axis,
  (first, { kernel, extra }) => ({ ...first, kernel, extra }),
  (first, { extra }) => ({ ...first, extra }),
  (first) => first,
];

/** Axes as most layers of real models have them: an odd kernel, padding by half of it, all alike. */
function usualAxes(axes: 1 | 2 | 3): fc.Arbitrary<RawAxis[]> {
  const { extra } = limits[axes];
  return fc
    .record({
      half: fc.integer({ min: 1, max: axes === 1 ? 3 : 1 }),
      stride: size(1, 3, 3),
      outputPadding: size(0, 1, 1),
      extras: fc.array(size(0, ...extra), { minLength: axes, maxLength: axes }),
    })
    .map(({ half, stride, outputPadding, extras }) =>
      extras.map((more) => ({ kernel: 2 * half + 1, stride, dilation: 1, padding: half, outputPadding, extra: more })),
    );
}

/** All axes of a layer, one in eight as in real models. */
export function rawAxes(axes: 1 | 2 | 3): fc.Arbitrary<RawAxis[]> {
  return fc.oneof({ arbitrary: anyAxes(axes), weight: 7 }, { arbitrary: usualAxes(axes), weight: 1 });
}

/**
 * All axes of a layer. If each were always drawn by itself, three of them would hardly ever be alike, or have paddings of one
 * sort.
 */
function anyAxes(axes: 1 | 2 | 3): fc.Arbitrary<RawAxis[]> {
  const axis = rawAxis(axes);
  return fc
    .tuple(
      fc.constantFrom(...paddings),
      fc.constantFrom(...likenesses),
      fc.tuple(...new Array<typeof axis>(axes).fill(axis)),
    )
    .map(([paddingOf, like, drawn]) => {
      const padded = drawn.map((one) => ({
        ...one,
        padding: paddingOf(one.dilation * (one.kernel - 1), one.padding),
      }));
      return padded.map((one) => like(padded[0]!, one));
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

/** Any axis at all: it shrinks like this. */
export const anyAxis: fc.Arbitrary<RawAxis> = fc.record({
  kernel: fc.integer({ min: 1 }),
  stride: fc.integer({ min: 1 }),
  dilation: fc.integer({ min: 1 }),
  padding: fc.nat(),
  outputPadding: fc.nat(),
  extra: fc.nat(),
});
