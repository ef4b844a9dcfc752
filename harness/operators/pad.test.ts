import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameworkOracle } from '../campaign/framework.ts';
import { caseOf } from '../campaign/plan.ts';
import { type Case, caseSchema, mapInputs, type Params, type Values } from '../core/case.ts';
import type { DType } from '../core/tensor.ts';
import type { Spec } from '../semantics/semantics.ts';
import { prepare } from './call.ts';
import { pad as operator } from './pad.ts';

let oracle: FrameworkOracle;
beforeAll(async () => {
  oracle = await FrameworkOracle.pytorch(60_000);
});
afterAll(() => oracle.close());

function specOf(params: Params, input: number[] = [2, 3], dtype: DType = 'float32'): Spec {
  return { params: { ...operator.defaults, ...params }, shapes: { input }, dtypes: { input: dtype } };
}

async function ask(spec: Spec, values: Values = 'lattice') {
  const call = prepare(caseOf('pad', { spec, values, seed: 3, twist: null }));
  return { call, outcome: await oracle.run(call) };
}

const reflect = { mode: 'reflect' };
const replicate = { mode: 'replicate' };
const circular = { mode: 'circular' };

/** Each rule from just inside its edge, and from just outside. */
const edges: [rule: string, inside: Spec, outside: Spec][] = [
  ['pad in pairs', specOf({ pad: [1, 1] }), specOf({ pad: [1] })],
  ['pad in pairs', specOf({ pad: [1, 1] }), specOf({ pad: [1, 1, 1] })],
  ['pad fits rank', specOf({ pad: [1, 1, 1, 1] }), specOf({ pad: [0, 0, 0, 0, 0, 0] })],
  ['pad fits rank', specOf({ pad: [] }, []), specOf({ pad: [1, 1] }, [])],
  ...[reflect, replicate, circular].flatMap((mode): typeof edges => [
    ['mode takes rank', specOf({ ...mode, pad: [1, 1] }, [2, 3]), specOf({ ...mode, pad: [1, 1] }, [3])],
    ['mode takes rank', specOf({ ...mode, pad: [1, 1] }, [1, 2, 3]), specOf({ ...mode, pad: [1, 1] }, [1, 1, 2, 3])],
    ['mode takes rank', specOf({ ...mode, pad: [0, 0] }), specOf({ ...mode, pad: [] })],
    [
      'mode takes rank',
      specOf({ ...mode, pad: [1, 1, 1, 1] }, [1, 3, 3]),
      specOf({ ...mode, pad: [1, 1, 1, 1] }, [3, 3]),
    ],
    [
      'mode takes rank',
      specOf({ ...mode, pad: [1, 1, 1, 1, 1, 1] }, [1, 1, 3, 3, 3]),
      specOf({ ...mode, pad: [1, 1, 1, 1, 1, 1] }, [1, 1, 1, 3, 3, 3]),
    ],
    [
      'mode takes rank',
      specOf({ pad: [1, 1, 1, 1, 1, 1, 1, 1] }, [1, 1, 3, 3, 3]),
      specOf({ ...mode, pad: [1, 1, 1, 1, 1, 1, 1, 1] }, [1, 1, 3, 3, 3]),
    ],
    [
      'value with constant only',
      specOf({ ...mode, pad: [1, 1], value: '-0' }),
      specOf({ ...mode, pad: [1, 1], value: 1e-9 }),
    ],
  ]),
  [
    'value fits dtype',
    specOf({ pad: [1, 0], value: 2 ** 31 - 1 }, [2], 'int32'),
    specOf({ pad: [1, 0], value: 2 ** 31 }, [2], 'int32'),
  ],
  [
    'value fits dtype',
    specOf({ pad: [1, 0], value: -(2 ** 31) }, [2], 'int32'),
    specOf({ pad: [1, 0], value: -(2 ** 31) - 0.5 }, [2], 'int32'),
  ],
  [
    'value fits dtype',
    specOf({ pad: [-1, 0], value: 'NaN' }, [2], 'int32'),
    specOf({ pad: [-1, 1], value: 'NaN' }, [2], 'int32'),
  ],
  [
    'value fits dtype',
    specOf({ pad: [1, 0], value: 3.4028234663852886e38 }),
    specOf({ pad: [1, 0], value: 3.4028235e38 }),
  ],
  ['value fits dtype', specOf({ pad: [1, 0], value: '-Infinity' }), specOf({ pad: [1, 0], value: -1e39 })],
  ['crops fit', specOf({ pad: [-3, 0] }), specOf({ pad: [-4, 0] })],
  ['crops fit', specOf({ pad: [-2, -1] }), specOf({ pad: [-2, -2] })],
  ['crops fit', specOf({ pad: [3, -3] }), specOf({ pad: [3, -4] })],
  ['crops fit', specOf({ pad: [0, 1] }, [0]), specOf({ pad: [-1, 1] }, [0])],
  ['input not empty', specOf({ ...reflect, pad: [0, 0] }, [0, 1, 1]), specOf({ ...reflect, pad: [0, 0] }, [0, 1])],
  [
    'input not empty',
    specOf({ ...replicate, pad: [0, 0] }, [1, 1, 1]),
    specOf({ ...replicate, pad: [0, 0] }, [1, 0, 1]),
  ],
  ['input not empty', specOf({ ...circular, pad: [0, 0] }, [1, 0]), specOf({ ...replicate, pad: [1, 0] }, [1, 0])],
  ['reflect pad < size', specOf({ ...reflect, pad: [2, 2] }), specOf({ ...reflect, pad: [3, 2] })],
  ['reflect pad < size', specOf({ ...reflect, pad: [2, 2] }), specOf({ ...reflect, pad: [-1, 3] })],
  ['circular pad ≤ size', specOf({ ...circular, pad: [3, 3] }), specOf({ ...circular, pad: [4, 3] })],
  ['circular pad ≤ size', specOf({ ...circular, pad: [3, 3] }), specOf({ ...circular, pad: [0, 4] })],
  ['output not empty', specOf({ ...replicate, pad: [-2, 0] }), specOf({ ...replicate, pad: [-3, 0] })],
  ['output not empty', specOf({ ...reflect, pad: [-4, 2] }), specOf({ ...reflect, pad: [-5, 2] })],
  ['output not empty', specOf({ ...circular, pad: [-3, 0] }), specOf({ ...circular, pad: [-4, 0] })],
  [
    'output not empty',
    specOf({ ...reflect, pad: [-3, 0, 1, 0] }, [1, 2, 3]),
    specOf({ ...reflect, pad: [-3, 0, -2, 0] }, [1, 2, 3]),
  ],
  [
    'output not empty',
    specOf({ ...replicate, pad: [-3, 0, 1, 0] }, [1, 2, 3]),
    specOf({ ...replicate, pad: [-4, 0, 1, 0] }, [1, 2, 3]),
  ],
];

describe('at the edge of', () => {
  test.each(edges)('%s', async (rule, inside, outside) => {
    const taken = await ask(inside);
    expect(taken.call.refusal).toBeNull();
    expect(taken.outcome).toMatchObject({ kind: 'ok', output: { shape: operator.outputShape(inside) } });
    const refused = await ask(outside);
    expect(refused.call.refusal?.rule).toBe(rule);
    expect(refused.outcome.kind).toBe('rejected');
  });

  test('every rule', () => {
    expect(new Set(edges.map(([rule]) => rule))).toEqual(new Set(operator.rules.map(({ name }) => name)));
  });
});

/** What the definition gives, in the dtype of the output. */
function defined({ spec, tensors }: ReturnType<typeof prepare>): unknown[] {
  const exact = operator.evaluate(
    spec,
    mapInputs(tensors, ({ data }) => data),
  );
  return [...(spec.dtypes.input === 'int32' ? Int32Array.from(exact) : Float32Array.from(exact))];
}

test.each<Values>(['lattice', 'normal', 'special'])(
  'the definition gives exactly what PyTorch gives, with the same signs of zero: %s',
  async (values) => {
    for (const spec of [5, 6, 7].flatMap((seed) => fc.sample(operator.arbitrary, { seed, numRuns: 80 }))) {
      const { call, outcome } = await ask(spec, values);
      if (outcome.kind !== 'ok') throw new Error(`refused: ${JSON.stringify(spec)}`);
      expect({ spec, data: defined(call) }).toStrictEqual({ spec, data: [...outcome.output.data] });
    }
  },
);

test('any small call that PyTorch takes, and no other, is taken, and comes out the same', async () => {
  const width = fc.integer({ min: -5, max: 5 });
  const anything = fc.record({
    mode: fc.constantFrom('constant', 'reflect', 'replicate', 'circular'),
    pad: fc.array(width, { maxLength: 7 }),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }),
  });
  let taken = 0;
  for (const { mode, pad, shape } of fc.sample(anything, { seed: 1, numRuns: 10_000 })) {
    const spec = specOf({ mode, pad, value: mode === 'constant' ? 7 : 0 }, shape);
    const { call, outcome } = await ask(spec);
    if (call.undefinedBecause !== null) continue;
    expect({ spec, taken: outcome.kind === 'ok' }).toEqual({ spec, taken: call.refusal === null });
    if (outcome.kind !== 'ok') continue;
    taken += 1;
    expect({ spec, shape: operator.outputShape(spec) }).toEqual({ spec, shape: outcome.output.shape });
    expect({ spec, data: defined(call) }).toEqual({ spec, data: [...outcome.output.data] });
  }
  expect(taken).toBeGreaterThan(300);
});

test.each<[string, Params, number[], string]>([
  ['circular, wider than the crop leaves', { ...circular, pad: [3, -1] }, [1, 3], 'memory'],
  ['reflect over batch 0 with a negative size', { ...reflect, pad: [-4, 0, 1, 0] }, [0, 1, 2, 3], 'batch 0'],
])('what PyTorch leaves undefined is known: %s', async (_, params, shape, why) => {
  expect((await ask(specOf(params, shape))).call.undefinedBecause).toContain(why);
});

test('what PyTorch leaves undefined is not drawn', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    for (const spec of fc.sample(operator.arbitrary, { seed, numRuns: 200 })) {
      expect(operator.undefinedBecause(spec)).toBeNull();
      for (const twist of operator.twists.values()) {
        const { undefinedBecause } = prepare(
          caseOf('pad', { spec: twist(spec), values: 'lattice', seed: 1, twist: null }),
        );
        expect(undefinedBecause).toBeNull();
      }
    }
  }
});

test('a value may be any that JSON lacks', async () => {
  for (const value of ['NaN', 'Infinity', '-Infinity', '-0']) {
    const testCase: Case = {
      schema: caseSchema,
      op: 'pad',
      params: operator.params.parse({ pad: [1, 0], value }),
      inputs: { input: { dtype: 'float32', shape: [1], data: { kind: 'inline', values: [5] } } },
    };
    const outcome = await oracle.run(prepare(testCase));
    if (outcome.kind !== 'ok') throw new Error(`refused ${value}`);
    expect([...outcome.output.data]).toStrictEqual([Number(value), 5]);
  }
});

test.each<[unknown, string[]]>([
  [0, []],
  [1, ['value']],
  ['NaN', ['value', 'value NaN']],
  ['-0', ['value', 'value −0']],
  [0.5, ['value', 'value fraction']],
  [256, ['value', 'value large']],
  ['-Infinity', ['value', 'value large', 'value infinite']],
])('a value of %s has the features %j, and can be had without each but the first', (value, features) => {
  const spec = specOf({ pad: [1, 1], value } as Params, [2]);
  const isOfValue = (one: string) => one.startsWith('value');
  const its = (one: Spec) => operator.features(one).filter(isOfValue);
  expect(its(spec)).toEqual(features);
  for (const feature of features.slice(1)) {
    const others = [...operator.without(spec, [feature]), ...operator.otherwise(spec, feature).flat()];
    expect(others.every((other) => its(other).includes('value') && !its(other).includes(feature))).toBe(true);
  }
});

test('without any of its features a call has no value', () => {
  for (const value of [1, 'NaN', '-0', 0.5, 300.5, 256, 'Infinity']) {
    const spec = specOf({ pad: [0, 1], value } as Params, [2]);
    const left = operator.without(spec, operator.features(spec)).map((one) => [one.params.mode, one.params.value]);
    expect(new Set(left.map(String))).toEqual(new Set(['constant,0', 'replicate,0']));
  }
});

test.each<[number, string, number]>([
  [300.5, 'value fraction', 300],
  [300.5, 'value large', 0.5],
  [0.75, 'value fraction', 1],
  [-300, 'value large', -1],
])('a value of %d without what makes it a %s is %d', (value, feature, expected) => {
  const others = operator.otherwise(specOf({ pad: [1, 1], value }, [2]), feature).flat();
  expect(new Set(others.map(({ params }) => params.value))).toEqual(new Set([expected]));
});

test('a call can do without its value where it can in each of the other modes', () => {
  const lists = operator.otherwise(specOf({ pad: [1, 1], value: 1 }, [2]), 'value');
  expect(lists.map((specs) => [...new Set(specs.map(({ params }) => params.mode))])).toEqual([
    ['reflect', 'constant'],
    ['replicate', 'constant'],
    ['circular', 'constant'],
  ]);
});

test('a crop is a pad elsewhere with a value that shows', () => {
  const others = operator.otherwise(specOf({ pad: [-1, 0], value: 0 }, [3]), 'crop in front').flat();
  const showing = others.filter(({ params }) => String(params.pad) === '0,1').map(({ params }) => params.value);
  expect(new Set(showing)).toEqual(new Set([1]));
  // Zeros that are added elsewhere are zeros still.
  const pads = operator.otherwise(specOf({ pad: [1, 0], value: 0 }, [3]), 'pad in front').flat();
  expect(new Set(pads.map(({ params }) => params.value))).toEqual(new Set([0]));
});

test('without pads and crops, a call keeps those that it has: it needs one of them', () => {
  const spec: Spec = {
    params: { pad: [0, 0, -1, 2], mode: 'constant', value: 1 },
    shapes: { input: [3, 3] },
    dtypes: { input: 'float32' },
  };
  const pads = (features: readonly string[]) =>
    operator.without(spec, features).map(({ params }) => String(params.pad));
  expect(new Set(pads(['pad', 'crop']))).toEqual(new Set(['0,0,-1,2']));
  expect(new Set(pads(['pad']))).toEqual(new Set(['0,0,-1,0']));
  expect(new Set(pads(['crop']))).toEqual(new Set(['0,0,0,2']));
});
