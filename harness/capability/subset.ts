/** Some of n things that are counted from 0, a bit for each. */
export class Subset {
  readonly #words: Uint32Array;
  /** How many there are. */
  readonly size: number;

  private constructor(words: Uint32Array) {
    this.#words = words;
    this.size = words.reduce((sum, word) => sum + bitsIn(word), 0);
  }

  static of(n: number, isIn: (i: number) => boolean): Subset {
    const words = new Uint32Array(Math.ceil(n / 32));
    for (let i = 0; i < n; i++) if (isIn(i)) words[i >>> 5]! |= 1 << (i & 31);
    return new Subset(words);
  }

  /** Those that are in both. */
  and(other: Subset): Subset {
    return new Subset(this.#words.map((word, i) => word & other.#words[i]!));
  }

  /** Those that are in this one alone. */
  without(other: Subset): Subset {
    return new Subset(this.#words.map((word, i) => word & ~other.#words[i]!));
  }
}

/** By adding neighbouring bits, then pairs, then fours. */
function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return (((fours + (fours >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
