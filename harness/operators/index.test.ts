import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { telling } from '../campaign/signature.ts';
import { refusalOf, type Spec, withoutLacks } from '../semantics/semantics.ts';
import { isOperator, operatorOf, operators } from './index.ts';
import type { Operator } from './operator.ts';

/*
 * The laws that every operator's arbitrary keeps. That what it draws is legal for PyTorch as well: operator.test.ts.
 */

/** What a spec becomes that was written to a file and read again. */
function throughJson(spec: Spec): Spec {
  return JSON.parse(JSON.stringify(spec)) as Spec;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** How many elements longer than it must be the input is, on all spatial axes. */
function slack({ rules }: Operator, spec: Spec, axes: number): number {
  const { input } = spec.shapes;
  return sum(
    input.slice(-axes).map((size, i) => {
      const at = input.length - axes + i;
      const shorter = (by: number) => ({
        ...spec,
        shapes: { ...spec.shapes, input: input.map((old, j) => (j === at ? old - by : old)) },
      });
      let by = 0;
      while (by < size - 1 && refusalOf(rules, shorter(by + 1)) === null) by++;
      return by;
    }),
  );
}

/**
 * The measure that shrinking lowers: the sum of the independent values that a layer is made of. They are not the sizes of the
 * tensors: an input may have to become longer for a stride to become smaller.
 */
function complexity(operator: Operator, spec: Spec): number {
  return operator.family === 'padding' ? paddingComplexity(operator, spec) : layerComplexity(operator, spec);
}

function paddingComplexity(operator: Operator, { params, shapes, dtypes }: Spec): number {
  const pad = params.pad as number[];
  const modes = ['constant', 'reflect', 'replicate', 'circular'];
  const smaller = (spec: Spec, axis: number, by: number): Spec => ({
    ...spec,
    shapes: { input: spec.shapes.input.map((size, i) => (i === axis ? size - by : size)) },
  });
  // Beyond the smallest size at which the call is legal, defined, and has an output.
  const slack = shapes.input.map((size, axis) => {
    const isGood = (spec: Spec) =>
      refusalOf(operator.rules, spec) === null &&
      operator.undefinedBecause(spec) === null &&
      !operator.outputShape(spec).includes(0);
    let by = 0;
    while (by < size - 1 && isGood(smaller({ params, shapes, dtypes }, axis, by + 1))) by++;
    return by;
  });
  return (
    sum(pad.map(Math.abs)) +
    sum(slack) +
    pad.length +
    shapes.input.length +
    modes.indexOf(params.mode as string) +
    (params.value === 0 ? 0 : params.value === 1 ? 1 : 2) +
    (dtypes.input === 'int32' ? 1 : 0)
  );
}

function layerComplexity(operator: Operator, spec: Spec): number {
  const { params, shapes } = spec;
  const [weight, unbatchedRank] = [shapes.weight!, operator.unbatchedRank!];
  const axes = weight.length - 2;
  const { groups, padding, ...windows } = operator.normalise(params)!;
  const unbatched = shapes.input.length === unbatchedRank;
  const channels = sum(weight.slice(0, 2)) - weight[0]! + weight[0]! / (groups as number);
  const lists = Object.values(params).some(
    (value) => Array.isArray(value) && value.every((entry) => entry === value[0]),
  );
  return (
    sum(Object.values(windows as Record<string, number[]>).map(sum)) +
    (typeof padding === 'string' ? 1 : sum(padding as number[])) +
    sum(weight.slice(2)) +
    slack(operator, spec, axes) +
    (groups as number) +
    channels +
    (unbatched ? 2 : shapes.input[0]!) +
    (shapes.bias === undefined ? 0 : 1) +
    (lists ? 1 : 0)
  );
}

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (name, operator) => {
  const { arbitrary } = operator;
  const specs = [1, 2, 3].flatMap((seed) => fc.sample(arbitrary, { seed, numRuns: 100 }));

  test('is found by its name', () => {
    expect(operatorOf(name)).toBe(operator);
    expect(isOperator(name)).toBe(true);
  });

  test('the same seed draws the same calls, another seed others', () => {
    expect(fc.sample(arbitrary, { seed: 1, numRuns: 100 })).toEqual(specs.slice(0, 100));
    expect(fc.sample(arbitrary, { seed: 2, numRuns: 100 })).not.toEqual(specs.slice(0, 100));
  });

  test('parameters are spelled as a case file may spell them', () => {
    for (const { params } of specs)
      expect(operator.params.parse(throughJson({ params } as Spec).params)).toEqual(params);
  });

  test('a call that went through JSON is the start of a shrink, and its shrinks are legal and strictly smaller', () => {
    for (const spec of specs.map(throughJson)) {
      expect(arbitrary.canShrinkWithoutContext(spec)).toBe(true);
      const before = complexity(operator, spec);
      for (const { value } of arbitrary.shrink(spec, undefined)) {
        expect(refusalOf(operator.rules, value)).toBeNull();
        expect({ spec, value, smaller: complexity(operator, value) < before }).toEqual({ spec, value, smaller: true });
      }
    }
  });

  test('shrinking ends, whichever candidates are taken', () => {
    for (const [i, spec] of specs.entries()) {
      let steps = 0;
      let shrinks = [...arbitrary.shrink(spec, undefined)];
      while (shrinks.length > 0) {
        // Now the boldest, now the most timid, now one in between.
        const taken = shrinks[[0, shrinks.length - 1, Math.floor(shrinks.length / 2)][(i + steps) % 3]!]!;
        expect(refusalOf(operator.rules, taken.value)).toBeNull();
        shrinks = [...arbitrary.shrink(taken.value, taken.context)];
        steps++;
      }
      // The most timid candidate is one less: long sums take longer.
      const largest = Math.max(...Object.values(spec.shapes).flat());
      expect(steps).toBeLessThan(300 + (largest > 100 ? largest : 0));
    }
  });

  /** The minimum that fast-check comes to, from a drawn call or from one that was read from a file. */
  function minimum(
    fails: (spec: Spec) => boolean,
    start: { seed: number; path: string } | { examples: [Spec][] },
  ): Spec {
    const property = fc.property(arbitrary, (spec: Spec) => !fails(spec));
    return fc.check<[Spec]>(property, { ...start, numRuns: 1 }).counterexample![0];
  }

  const tellingFeatures = (spec: Spec) => telling(withoutLacks(operator.features(spec)));

  test('the smallest call of all is the plainest, and it has no features', () => {
    const smallest = minimum(() => true, { seed: 1, path: '99' });
    expect([...arbitrary.shrink(smallest, undefined)]).toEqual([]);
    // Padding by mode does not shrink to padding by value.
    expect(tellingFeatures(smallest)).toEqual(operator.family === 'padding' ? ['mode reflect'] : []);
    expect(new Set(Object.values(smallest.shapes).flat())).toEqual(new Set([1]));
  });

  // Defects that need several features at once, as those of real backends do.
  const defects: [string, RegExp[], number][] =
    operator.family === 'padding'
      ? [
          ['circular crop', [/^mode circular$/, /^crop$/, /^unequal ends$/], 3],
          ['padded int32', [/^int32$/, /^pad$/, /^unequal ends$/], 3],
          ['a value on several axes', [/^value$/, /^several axes$/], 2],
        ]
      : [
          ['stride, padding', [/^stride$/, /^padding/], 2],
          ['dilated groups', [/^dilation$/, /^groups$/], 2],
          ['bias without a batch', [/^bias$/, /^unbatched$/], 2],
        ];
  // A padding may need a mode besides, and keeps a last axis that is not padded; of several axes one is enough, which makes them unlike.
  test.each(defects)('a call from a file shrinks to the same minimum as when it was drawn: %s', (_, needed, count) => {
    const fails = (spec: Spec) => needed.every((feature) => operator.features(spec).some((one) => feature.test(one)));
    const failing = [...specs.keys()].filter((i) => fails(specs[i]!));
    expect(failing.length).toBeGreaterThan(0);
    for (const i of failing) {
      const drawn = minimum(fails, { seed: 1 + Math.floor(i / 100), path: String(i % 100) });
      expect(minimum(fails, { examples: [[throughJson(specs[i]!)]] })).toEqual(drawn);
      expect(tellingFeatures(drawn).length).toBeLessThanOrEqual(count + (operator.family === 'padding' ? 3 : 1));
    }
  });
});

test('what is no operator is not taken for one', () => {
  for (const name of ['conv4d', 'CONV1D', '', 'toString', '__proto__']) expect(isOperator(name)).toBe(false);
});

test('operators have names of their own', () => {
  expect(new Set(operators.map(({ name }) => name)).size).toBe(operators.length);
});
