import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameworkOracle } from '../campaign/framework.ts';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs, type Params } from '../core/case.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';
import { prepare } from './call.ts';
import { convolution } from './convolution.ts';
import { lift } from './fixtures/lift.ts';
import type { Operator } from './operator.ts';

const operator = convolution(1);
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
  ['weight rank', specOf({}, { weight: [2, 2, 3] }), specOf({}, { weight: [2, 2, 3, 1] })],
  ['one dtype', specOf(), { ...specOf(), dtypes: { input: 'float32', weight: 'float64' } }],
  ['stride length', specOf({ stride: [2] }), specOf({ stride: [2, 2] })],
  ['stride length', specOf({ stride: [2] }), specOf({ stride: [] })],
  ['padding length', specOf({ padding: [1] }), specOf({ padding: [1, 1] })],
  ['dilation length', specOf({ dilation: [2] }), specOf({ dilation: [2, 2] })],
  ['stride ≥ 1', specOf({ stride: 1 }), specOf({ stride: 0 })],
  ['stride ≥ 1', specOf({ stride: 1000 }), specOf({ stride: -1 })],
  ['padding ≥ 0', specOf({ padding: 0 }), specOf({ padding: -1 })],
  ['dilation ≥ 1', specOf({ dilation: 1 }), specOf({ dilation: 0 })],
  ['groups ≥ 1', specOf({ groups: 1 }), specOf({ groups: 0 })],
  ['groups ≥ 1', specOf({ groups: 2 }, { weight: [2, 1, 3] }), specOf({ groups: -2 }, { weight: [2, 1, 3] })],
  ['weight not empty', specOf({}, { weight: [2, 2, 1] }), specOf({}, { weight: [2, 2, 0] })],
  ['weight not empty', specOf({}, { weight: [1, 2, 3] }), specOf({}, { weight: [0, 2, 3] })],
  ['groups divide weight', specOf({ groups: 2 }, { weight: [4, 1, 3] }), specOf({ groups: 2 }, { weight: [3, 1, 3] })],
  ['input channels', specOf({}, { input: [1, 2, 5] }), specOf({}, { input: [1, 3, 5] })],
  ['input channels', specOf({}, { input: [1, 2, 5] }), specOf({}, { input: [1, 1, 5] })],
  ['bias size', specOf({}, { bias: [2] }), specOf({}, { bias: [1] })],
  ['bias size', specOf({}, { bias: [2] }), specOf({}, { bias: [3] })],
  ['bias size', specOf({}, { bias: [2] }), specOf({}, { bias: [2, 1] })],
  ['same with stride 1', specOf({ padding: 'same', stride: 1 }), specOf({ padding: 'same', stride: 2 })],
  [
    'same with a kernel',
    specOf({ padding: 'same', dilation: 1 }, { input: [1, 0, 5], weight: [2, 0, 0] }),
    specOf({ padding: 'same', dilation: 2 }, { input: [1, 0, 5], weight: [2, 0, 0] }),
  ],
  ['kernel fits', specOf({}, { weight: [2, 2, 5] }), specOf({}, { weight: [2, 2, 6] })],
  ['kernel fits', specOf({ padding: 1 }, { weight: [2, 2, 7] }), specOf({ padding: 1 }, { weight: [2, 2, 8] })],
  ['kernel fits', specOf({ dilation: 2 }), specOf({ dilation: 3 })],
  ['kernel fits', specOf({ padding: 'same', dilation: 9 }), specOf({ padding: 'valid', dilation: 9 })],
  [
    'input not empty',
    specOf({ padding: 1 }, { input: [1, 2, 1], weight: [2, 2, 1] }),
    specOf({ padding: 1 }, { input: [1, 2, 0], weight: [2, 2, 1] }),
  ],
  [
    'input not empty',
    specOf({ padding: 1 }, { input: [0, 2, 0], weight: [2, 2, 1] }),
    specOf({ padding: 1 }, { input: [2, 0], weight: [2, 2, 1] }),
  ],
];

describe.each(dimensions)('with %d spatial axes, at the edge of', (axes) => {
  const operator = convolution(axes);

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
    const operator = convolution(axes);
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

describe('what is left over beyond the last window', () => {
  const operator = convolution(2);
  const specs = [1, 2, 3].flatMap((seed) => fc.sample(operator.arbitrary, { seed, numRuns: 100 }));
  const hasRemainder = (spec: Spec) => operator.features(spec).includes('remainder');
  const [some, none] = [specs.filter(hasRemainder), specs.filter((spec) => !hasRemainder(spec))];

  test('is a feature where an output size is rounded', () => {
    const layer = (size: number, stride: number): Spec => ({
      params: { ...operator.defaults, stride: [1, stride] },
      shapes: { input: [1, 1, 1, size], weight: [1, 1, 1, 2] },
      dtypes: { input: 'float32', weight: 'float32' },
    });
    expect([layer(4, 2), layer(5, 2), layer(5, 3), layer(6, 1)].map(hasRemainder)).toEqual([false, true, false, false]);
    expect(Math.min(some.length, none.length)).toBeGreaterThan(30);
  });

  test('can be taken away, with all else as it is', () => {
    const rest = (spec: Spec) => operator.features(spec).filter((one) => one !== 'remainder');
    for (const spec of some) {
      for (const other of [...operator.without(spec, ['remainder']), ...operator.otherwise(spec, 'remainder').flat()]) {
        expect({ spec, other, refusal: refusalOf(operator.rules, other) }).toEqual({ spec, other, refusal: null });
        expect({ spec, other, features: operator.features(other) }).toEqual({ spec, other, features: rest(spec) });
      }
    }
  });

  test('stays where something else is taken away, and is not there where it was not', () => {
    for (const spec of some) {
      const others = operator.without(spec, ['bias', 'padding', 'kernel', 'dilation']);
      expect({ spec, some: others.some(hasRemainder) }).toEqual({ spec, some: true });
    }
    for (const spec of none) {
      const [giving, , larger] = operator.without(spec, ['bias', 'padding', 'kernel', 'dilation']);
      expect({ spec, some: [giving, larger].map((one) => hasRemainder(one!)) }).toEqual({ spec, some: [false, false] });
    }
  });
});

describe('among a thousand draws there are', () => {
  const specs = Array.from({ length: 10 }, (_, seed) => fc.sample(operator.arbitrary, { seed, numRuns: 100 })).flat();

  interface Sizes {
    spec: Spec;
    stride: number;
    dilation: number;
    padding: number;
    reach: number;
    kernel: number;
    length: number;
    channels: number;
    outChannels: number;
    groups: number;
  }

  function sizesOf(spec: Spec): Sizes {
    const { stride, dilation, padding } = operator.normalise(spec.params) as Record<string, number[]>;
    const [outChannels, , kernel] = spec.shapes.weight as [number, number, number];
    const [channels, length] = spec.shapes.input.slice(-2) as [number, number];
    return {
      spec,
      stride: stride![0]!,
      dilation: dilation![0]!,
      padding: typeof padding === 'string' ? Number.NaN : padding![0]!,
      reach: dilation![0]! * (kernel - 1),
      kernel,
      length,
      channels,
      outChannels,
      groups: spec.params.groups as number,
    };
  }

  const wanted: [string, (sizes: Sizes) => boolean][] = [
    ['stride with dilation', ({ stride, dilation, kernel }) => stride > 1 && dilation > 1 && kernel > 1],
    ['padding beyond a kernel of several taps', ({ padding, reach }) => reach > 1 && padding > reach],
    [
      'a kernel longer than the input',
      ({ reach, length, padding }) => reach + 1 > length && reach + 1 <= length + 2 * padding && padding > 0,
    ],
    [
      'depthwise layers',
      ({ groups, channels, outChannels }) => groups > 1 && groups === channels && outChannels === groups,
    ],
    [
      'depthwise layers with a multiplier',
      ({ groups, channels, outChannels }) => groups > 1 && groups === channels && outChannels > groups,
    ],
    ['groups of several channels', ({ groups, channels }) => groups > 1 && channels > groups],
    [
      'a length of 1 everywhere',
      ({ spec, length, kernel }) => length * kernel * operator.outputShape(spec).at(-1)! === 1,
    ],
    ['no batch axis', ({ spec }) => spec.shapes.input.length === 2],
    ['a batch', ({ spec }) => spec.shapes.input.length === 3 && spec.shapes.input[0]! > 1],
    ['a bias', ({ spec }) => spec.shapes.bias !== undefined],
    ['no bias', ({ spec }) => spec.shapes.bias === undefined],
    ['ints', ({ spec }) => typeof spec.params.stride === 'number' && typeof spec.params.dilation === 'number'],
    ['lists', ({ spec }) => Array.isArray(spec.params.stride) && Array.isArray(spec.params.dilation)],
    ["padding 'same' of an odd total", ({ spec, reach }) => spec.params.padding === 'same' && reach % 2 === 1],
    [
      "padding 'same' with dilation",
      ({ spec, dilation, kernel }) => spec.params.padding === 'same' && dilation > 1 && kernel > 1,
    ],
    ["padding 'valid' with stride", ({ spec, stride }) => spec.params.padding === 'valid' && stride > 1],
    [
      'ends of the input that no window reaches',
      ({ length, padding, reach, stride }) => (length + 2 * padding - reach - 1) % stride > padding,
    ],
  ];
  test.each(wanted)('%s', (_, is) => expect(specs.map(sizesOf).filter(is).length).toBeGreaterThan(0));
});
