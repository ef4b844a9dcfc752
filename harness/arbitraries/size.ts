import fc from 'fast-check';

/**
 * An integer from `min`: mostly up to `usual`, now and then up to `rare`. Shrinks towards `min`; a value that did not come
 * from here shrinks as well, where it is within the limits.
 */
export function size(min: number, usual: number, rare: number): fc.Arbitrary<number> {
  return fc.oneof(
    { arbitrary: fc.integer({ min, max: usual }), weight: 9 },
    { arbitrary: fc.integer({ min, max: rare }), weight: 1 },
  );
}

/** True one time in `n`; shrinks to false. */
export function seldom(n: number): fc.Arbitrary<boolean> {
  return fc.constantFrom(...new Array<boolean>(n - 1).fill(false), true);
}
