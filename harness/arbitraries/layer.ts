import fc from 'fast-check';
import type { ParamValue } from '../core/case.ts';
import { type RawAxis, rawAxis, tinyAxis } from './axis.ts';
import { seldom, size } from './size.ts';

/** How `padding` is given: explicitly, or by one of PyTorch's names. */
export type PaddingMode = 'explicit' | 'same' | 'valid';

/** A convolution layer as independent values, any combination of which is legal. */
export interface RawLayer {
  axes: RawAxis[];
  paddingMode: PaddingMode;
  batch: number;
  unbatched: boolean;
  groups: number;
  /** Input channels a group. */
  inChannels: number;
  /** Output channels a group. */
  outChannels: number;
  bias: boolean;
  /** Whether parameters are spelled as lists even where a single int would do. */
  lists: boolean;
}

function layerOf(
  axes: 1 | 2 | 3,
  modes: readonly PaddingMode[],
  axis: fc.Arbitrary<RawAxis>,
  count: fc.Arbitrary<number>,
) {
  return fc.record({
    axes: fc.tuple(...new Array<typeof axis>(axes).fill(axis)) as fc.Arbitrary<RawAxis[]>,
    paddingMode: fc.constantFrom(...modes),
    batch: size(1, 2, 4),
    unbatched: seldom(6),
    groups: fc.oneof({ arbitrary: fc.constant(1), weight: 2 }, { arbitrary: size(1, 3, 6), weight: 1 }),
    inChannels: count,
    outChannels: count,
    bias: seldom(3),
    lists: seldom(4),
  });
}

/**
 * Layers with `axes` spatial axes, padded in one of these ways. One in ten is tiny: what happens at size 1 would hardly be met
 * otherwise.
 */
export function rawLayer(axes: 1 | 2 | 3, modes: readonly PaddingMode[]): fc.Arbitrary<RawLayer> {
  return fc.oneof(
    { arbitrary: layerOf(axes, modes, rawAxis(axes), axes === 3 ? size(1, 2, 5) : size(1, 3, 8)), weight: 9 },
    { arbitrary: layerOf(axes, modes, tinyAxis, fc.constant(1)), weight: 1 },
  );
}

/** The layer in which everything is 1 or 0. */
export function plainestLayer(axes: number): RawLayer {
  const axis = { kernel: 1, stride: 1, dilation: 1, padding: 0, outputPadding: 0, extra: 0 };
  return {
    axes: new Array<RawAxis>(axes).fill(axis),
    paddingMode: 'explicit',
    batch: 1,
    unbatched: false,
    groups: 1,
    inChannels: 1,
    outChannels: 1,
    bias: false,
    lists: false,
  };
}

/** A parameter with one entry an axis as a case spells it: a list where the layer asks for it or the axes differ. */
export function spell(values: number[], lists: boolean): ParamValue {
  return lists || values.some((value) => value !== values[0]) ? values : values[0]!;
}

/** Whether one of these parameters is spelled as a list although its axes are alike: the inverse of `spell`. */
export function spelledAsLists(values: readonly ParamValue[]): boolean {
  return values.some((value) => typeof value === 'object' && value.every((entry) => entry === value[0]));
}
