import { elementCount } from '../core/tensor.ts';
import type { Visit } from './semantics.ts';
import { type Window, within } from './window.ts';

/*
 * Every product of a layer's definition, one after the other. A convolution and a transposed one are made of the same products,
 *
 *   small[b, g·S + s, o], large[b, g·L + l, o·stride + k·dilation − before], weight[g·S + s, l, k]
 *
 * over all b, groups g, channels s < S and l < L of a group, positions o and taps k for which the large one's position is
 * inside. The large side is a convolution's input, and a transposed convolution's result.
 */

/** One spatial axis: how many positions the small side has there, and the large one. */
export type ProductAxis = Pick<Window, 'kernel' | 'stride' | 'dilation' | 'before'> & { small: number; large: number };

export interface ProductChannels {
  batch: number;
  groups: number;
  /** Channels of a group. */
  small: number;
  large: number;
}

interface Meeting {
  small: number;
  large: number;
  tap: number;
}

/** Where a tap, a position of the small side and one of the large side meet, over all spatial axes, by their flat indices. */
function meetings(axes: readonly ProductAxis[]): Meeting[] {
  return axes.reduce<Meeting[]>(
    (before, { kernel, stride, dilation, before: padding, small, large }) =>
      before.flatMap((outer) =>
        Array.from({ length: kernel }, (_, k) => {
          const { first, end } = within(small, stride, k * dilation - padding, large);
          return Array.from({ length: Math.max(0, end - first) }, (_, i) => ({
            small: outer.small * small + first + i,
            large: outer.large * large + (first + i) * stride + k * dilation - padding,
            tap: outer.tap * kernel + k,
          }));
        }).flat(),
      ),
    [{ small: 0, large: 0, tap: 0 }],
  );
}

/** Calls `visit` with the flat indices (small, large, weight) of every product. */
export function forEachProduct(axes: readonly ProductAxis[], channels: ProductChannels, visit: Visit): void {
  const all = meetings(axes);
  const [smallSize, largeSize, taps] = (['small', 'large', 'kernel'] as const).map((side) =>
    elementCount(axes.map((axis) => axis[side])),
  ) as [number, number, number];
  for (let b = 0; b < channels.batch; b++) {
    for (let g = 0; g < channels.groups; g++) {
      for (let s = 0; s < channels.small; s++) {
        for (let l = 0; l < channels.large; l++) {
          const row = g * channels.small + s;
          const smallFrom = (b * channels.groups * channels.small + row) * smallSize;
          const largeFrom = ((b * channels.groups + g) * channels.large + l) * largeSize;
          const tapFrom = (row * channels.large + l) * taps;
          for (const { small, large, tap } of all) visit(smallFrom + small, largeFrom + large, tapFrom + tap);
        }
      }
    }
  }
}
