import fc from 'fast-check';

class ShrinksLike<T> extends fc.Arbitrary<T> {
  readonly #drawn: fc.Arbitrary<T>;
  readonly #like: fc.Arbitrary<T>;

  constructor(drawn: fc.Arbitrary<T>, like: fc.Arbitrary<T>) {
    super();
    this.#drawn = drawn;
    this.#like = like;
  }

  override generate(random: fc.Random, biasFactor: number | undefined): fc.Value<T> {
    // Without the context, which says how `drawn` would shrink it.
    return new fc.Value(this.#drawn.generate(random, biasFactor).value, undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is T {
    return this.#like.canShrinkWithoutContext(value);
  }

  override shrink(value: T, context: unknown): fc.Stream<fc.Value<T>> {
    return this.#like.shrink(value, context);
  }
}

/**
 * Draws what `drawn` draws and shrinks it as `like` does, which must take every such value. So what is drawn often can be
 * chosen freely: it has no say in how a value shrinks, and one that was read from a file shrinks as when it was drawn.
 */
export function shrinksLike<T>(drawn: fc.Arbitrary<T>, like: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return new ShrinksLike(drawn, like);
}
