import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameworkOracle } from '../campaign/framework.ts';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs, type Params } from '../core/case.ts';
import type { Spec } from '../semantics/semantics.ts';
import { prepare } from './call.ts';
import { lift } from './fixtures/lift.ts';
import type { Operator } from './operator.ts';
import { transposedConvolution } from './transposedConvolution.ts';

const operator = transposedConvolution(1);
const dimensions = [1, 2, 3] as const;

let oracle: FrameworkOracle;
beforeAll(async () => {
  oracle = await FrameworkOracle.pytorch(60_000);
});
afterAll(() => oracle.close());

/** A call with two input and two output channels where nothing else is said. */
function specOf(params: Params = {}, shapes: Partial<Spec['shapes']> = {}): Spec {
  const all: Spec['shapes'] = { input: [1, 2, 5], weight: [2, 2, 3], ...shapes };
  return { params: { ...operator.defaults, ...params }, shapes: all, dtypes: mapInputs(all, () => 'float32') };
}

async function ask({ name }: Operator, spec: Spec) {
  const call = prepare(caseOf(name, { spec, values: 'lattice', seed: 3, twist: null }));
  return { call, outcome: await oracle.run(call) };
}

/** Each rule from just inside its edge, and from just outside. */
const edges: [rule: string, inside: Spec, outside: Spec][] = [
  ['input rank', specOf({}, { input: [2, 5] }), specOf({}, { input: [5] })],
  ['input rank', specOf({}, { input: [1, 2, 5] }), specOf({}, { input: [1, 1, 2, 5] })],
  ['weight rank', specOf({}, { weight: [2, 2, 3] }), specOf({}, { weight: [2, 3] })],
  ['one dtype', specOf(), { ...specOf(), dtypes: { input: 'float32', weight: 'float64' } }],
  ['stride length', specOf({ stride: [2] }), specOf({ stride: [2, 2] })],
  ['padding length', specOf({ padding: [1] }), specOf({ padding: [] })],
  ['output_padding length', specOf({ output_padding: [0] }), specOf({ output_padding: [0, 0] })],
  ['dilation length', specOf({ dilation: [2] }), specOf({ dilation: [2, 2] })],
  ['stride ≥ 1', specOf({ stride: 1 }), specOf({ stride: 0 })],
  ['padding ≥ 0', specOf({ padding: 0 }), specOf({ padding: -1 })],
  ['dilation ≥ 1', specOf({ dilation: 1 }), specOf({ dilation: 0 })],
  ['dilation ≥ 1', specOf({ dilation: 0 }, { input: [0, 2, 5] }), specOf({ dilation: -1 }, { input: [0, 2, 5] })],
  ['output_padding ≥ 0', specOf({ output_padding: 0 }), specOf({ output_padding: -1 })],
  ['groups ≥ 1', specOf({ groups: 1 }), specOf({ groups: 0 })],
  ['weight not empty', specOf({}, { weight: [2, 2, 1] }), specOf({}, { weight: [2, 2, 0] })],
  [
    'weight not empty',
    specOf({}, { input: [1, 1, 5], weight: [1, 2, 3] }),
    specOf({}, { input: [1, 0, 5], weight: [0, 2, 3] }),
  ],
  [
    'groups divide weight',
    specOf({ groups: 2 }, { input: [1, 4, 5], weight: [4, 1, 3] }),
    specOf({ groups: 2 }, { input: [1, 3, 5], weight: [3, 1, 3] }),
  ],
  ['input channels', specOf({}, { input: [1, 2, 5] }), specOf({}, { input: [1, 3, 5] })],
  ['input channels', specOf({}, { input: [1, 2, 5] }), specOf({}, { input: [1, 1, 5] })],
  ['weight has output channels', specOf({}, { weight: [2, 1, 3] }), specOf({}, { weight: [2, 0, 3] })],
  ['bias size', specOf({}, { bias: [2] }), specOf({}, { bias: [1] })],
  ['bias size', specOf({ groups: 2 }, { bias: [4] }), specOf({ groups: 2 }, { bias: [2] })],
  ['bias size', specOf({}, { bias: [2] }), specOf({}, { bias: [2, 1] })],
  [
    'output_padding < stride or dilation',
    specOf({ stride: 3, output_padding: 2 }),
    specOf({ stride: 3, output_padding: 3 }),
  ],
  [
    'output_padding < stride or dilation',
    specOf({ stride: 2, dilation: 4, output_padding: 3 }),
    specOf({ stride: 2, dilation: 4, output_padding: 4 }),
  ],
  [
    'output_padding < stride or dilation',
    specOf({ output_padding: 9 }, { input: [0, 2, 5] }),
    specOf({ output_padding: 9 }),
  ],
  ['output not empty', specOf({ padding: 3 }), specOf({ padding: 4 })],
  [
    'output not empty',
    specOf({ padding: 1, stride: 2, output_padding: 1 }, { input: [1, 2, 1], weight: [2, 2, 2] }),
    specOf({ padding: 1, stride: 2, output_padding: 0 }, { input: [1, 2, 1], weight: [2, 2, 2] }),
  ],
  [
    'output not empty',
    specOf({ padding: 1 }, { input: [0, 2, 1], weight: [2, 2, 2] }),
    specOf({ padding: 1 }, { input: [0, 2, 1], weight: [2, 2, 1] }),
  ],
  ['input not empty', specOf({}, { input: [1, 2, 1] }), specOf({}, { input: [1, 2, 0] })],
];

describe.each(dimensions)('with %d spatial axes, at the edge of', (axes) => {
  const operator = transposedConvolution(axes);

  test.each(edges)('%s', async (rule, inside, outside) => {
    const taken = await ask(operator, lift(inside, axes));
    expect(taken.call.refusal).toBeNull();
    expect(taken.outcome).toMatchObject({ kind: 'ok', output: { shape: operator.outputShape(taken.call.spec) } });
    const refused = await ask(operator, lift(outside, axes));
    expect(refused.call.refusal?.rule).toBe(rule);
    expect(refused.outcome.kind).toBe('rejected');
  });

  test('every rule', () => {
    expect(new Set(edges.map(([rule]) => rule))).toEqual(new Set(operator.rules.map(({ name }) => name)));
  });
});

test.each(dimensions)(
  'with %d spatial axes, the definition gives exactly what PyTorch gives, on integers',
  async (axes) => {
    const operator = transposedConvolution(axes);
    for (const spec of [5, 6, 7].flatMap((seed) => fc.sample(operator.arbitrary, { seed, numRuns: 80 }))) {
      const { call, outcome } = await ask(operator, spec);
      if (outcome.kind !== 'ok') throw new Error(`refused: ${JSON.stringify(spec)}`);
      // 0 and −0 are one here.
      const ours = operator
        .evaluate(
          spec,
          mapInputs(call.tensors, ({ data }) => data),
        )
        .map((value) => value + 0);
      expect({ spec, data: ours }).toEqual({ spec, data: outcome.output.data.map((value: number) => value + 0) });
    }
  },
);

describe('among a thousand draws there are', () => {
  const specs = Array.from({ length: 10 }, (_, seed) => fc.sample(operator.arbitrary, { seed, numRuns: 100 })).flat();

  interface Sizes {
    spec: Spec;
    stride: number;
    dilation: number;
    padding: number;
    outputPadding: number;
    kernel: number;
    length: number;
    channels: number;
    outPerGroup: number;
    groups: number;
  }

  function sizesOf(spec: Spec): Sizes {
    const normal = operator.normalise(spec.params) as Record<string, number[]>;
    const [channels, length] = spec.shapes.input.slice(-2) as [number, number];
    return {
      spec,
      stride: normal.stride![0]!,
      dilation: normal.dilation![0]!,
      padding: normal.padding![0]!,
      outputPadding: normal.output_padding![0]!,
      kernel: spec.shapes.weight![2]!,
      length,
      channels,
      outPerGroup: spec.shapes.weight![1]!,
      groups: spec.params.groups as number,
    };
  }

  const wanted: [string, (sizes: Sizes) => boolean][] = [
    ['stride with dilation', ({ stride, dilation, kernel }) => stride > 1 && dilation > 1 && kernel > 1],
    [
      'padding beyond a kernel of several taps',
      ({ padding, dilation, kernel }) => kernel > 1 && padding > dilation * (kernel - 1) + 1,
    ],
    ['output_padding', ({ outputPadding, stride }) => outputPadding > 0 && outputPadding < stride],
    [
      'output_padding that only dilation allows',
      ({ outputPadding, stride, dilation }) => outputPadding >= stride && outputPadding < dilation,
    ],
    [
      'output_padding together with padding, stride and dilation',
      ({ outputPadding, padding, stride, dilation }) => Math.min(outputPadding, padding, stride - 1, dilation - 1) > 0,
    ],
    [
      'output_padding of a plain window',
      ({ outputPadding, kernel, padding }) => outputPadding > 0 && kernel === 1 && padding === 0,
    ],
    ['a kernel longer than the input', ({ kernel, length }) => kernel > length],
    ['a stride beyond the kernel', ({ stride, kernel, dilation }) => stride > dilation * (kernel - 1) + 1],
    ['depthwise layers', ({ groups, channels, outPerGroup }) => groups > 1 && groups === channels && outPerGroup === 1],
    [
      'depthwise layers with a multiplier',
      ({ groups, channels, outPerGroup }) => groups > 1 && groups === channels && outPerGroup > 1,
    ],
    ['groups of several channels', ({ groups, channels }) => groups > 1 && channels > groups],
    [
      'a length of 1 everywhere',
      ({ spec, length, kernel }) => length * kernel * operator.outputShape(spec).at(-1)! === 1,
    ],
    ['an output of length 1', ({ spec }) => operator.outputShape(spec).at(-1) === 1],
    ['no batch axis', ({ spec }) => spec.shapes.input.length === 2],
    ['a batch', ({ spec }) => spec.shapes.input.length === 3 && spec.shapes.input[0]! > 1],
    ['a bias', ({ spec }) => spec.shapes.bias !== undefined],
    ['no bias', ({ spec }) => spec.shapes.bias === undefined],
    ['ints', ({ spec }) => typeof spec.params.stride === 'number' && typeof spec.params.output_padding === 'number'],
    ['lists', ({ spec }) => Array.isArray(spec.params.stride) && Array.isArray(spec.params.output_padding)],
  ];
  test.each(wanted)('%s', (_, is) => expect(specs.map(sizesOf).filter(is).length).toBeGreaterThan(0));
});

describe('a call without features', () => {
  const featuresOf = (specs: readonly Spec[]) => new Set(specs.map((spec) => operator.features(spec).join()));

  test('keeps an output_padding by what allows it: a stride, or a dilation', () => {
    const spec = specOf({ stride: 3, output_padding: 2, dilation: 2 });
    const specs = operator.without(spec, ['stride', 'stride > 2', 'dilation', 'kernel', 'kernel > 2']);
    expect(
      new Set(specs.map(({ params }) => JSON.stringify([params.stride, params.dilation, params.output_padding]))),
    ).toEqual(new Set(['[3,1,2]', '[1,3,2]']));
  });

  test('keeps the kernel that a dilation shows in', () => {
    const specs = operator.without(specOf({ dilation: 2 }), ['kernel', 'kernel > 2']);
    expect(featuresOf(specs)).toEqual(featuresOf([specOf({ dilation: 2 })]));
    const plain = operator.without(specOf({ dilation: 2 }), ['kernel', 'kernel > 2', 'dilation']);
    expect(plain.every((one) => one.shapes.weight!.at(-1) === 1)).toBe(true);
  });

  test('keeps the kernel of another axis as well: a mistake may put the dilation there', () => {
    const operator = transposedConvolution(2);
    const shapes = { input: [1, 1, 3, 3], weight: [1, 1, 2, 3] };
    const spec: Spec = { ...operator.plainest, params: { ...operator.plainest.params, dilation: [2, 1] }, shapes };
    const kernels = operator.without(spec, ['kernel', 'kernel > 2']).map((one) => one.shapes.weight!.slice(2).join());
    expect(new Set(kernels)).toEqual(new Set(['2,1', '2,3']));
  });

  test('has one group, with as many outputs in all, or with as many as go in where that was so in each', () => {
    const weights = (shape: number[]) =>
      operator
        .without(specOf({ groups: 2 }, { input: [1, 4, 5], weight: shape }), ['groups'])
        .map((one) => one.shapes.weight!);
    expect(new Set(weights([4, 2, 1]).map(String))).toEqual(new Set(['2,4,1', '2,2,1']));
    expect(new Set(weights([4, 3, 1]).map(String))).toEqual(new Set(['2,6,1']));
  });
});

test('without a bias, an output_padding shows through a kernel, where the end of the result is cropped', () => {
  const spec = specOf({ stride: 2, output_padding: 1 }, { weight: [2, 2, 1], bias: [2] });
  const others = operator.otherwise(spec, 'bias').flat();
  expect(others.every((one) => one.shapes.bias === undefined && one.shapes.weight!.at(-1)! > 1)).toBe(true);
  expect(new Set(others.map(({ params }) => params.padding))).toEqual(new Set([0, 1]));
  // With nothing beside the input there is nothing that could show.
  const plain = specOf({}, { bias: [2] });
  expect(
    operator
      .otherwise(plain, 'bias')
      .flat()
      .every((one) => one.shapes.bias !== undefined),
  ).toBe(true);
});

test('may be otherwise than pointwise with a result as large', () => {
  const spec = specOf({}, { weight: [2, 2, 1] });
  expect(operator.features(spec)).toContain('pointwise');
  const others = operator
    .otherwise(spec, 'pointwise')
    .flat()
    .filter(({ params }) => params.padding === 1);
  expect(others.map((one) => operator.outputShape(one))).toContainEqual(operator.outputShape(spec));
});

test('may have an output_padding by dilation on all axes, where it has a stride on all of them', () => {
  const operator = transposedConvolution(2);
  const params = { ...operator.plainest.params, stride: 2, output_padding: [0, 1] };
  const others = operator.otherwise({ ...operator.plainest, params }, 'stride').flat();
  for (const other of others) expect(other.params).toMatchObject({ stride: 1, dilation: 2 });
  // And with all axes alike, where no bug of unlike axes is beside.
  expect(new Set(others.map(({ params }) => String(params.output_padding)))).toEqual(new Set(['0,1', '1']));
});
