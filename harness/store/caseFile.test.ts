import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { prepare } from '../operators/call.ts';
import { maxElements, parseCase, readJson } from './caseFile.ts';

/** The case file that the documentation shows. */
const example = `
{ "schema": "convdiff/case@1",
  "op": "conv_transpose1d",
  "params": { "stride": 3, "padding": [5], "output_padding": 2, "dilation": 1, "groups": 1 },
  "inputs": {
    "input":  { "dtype": "float32", "shape": [2, 1, 7], "data": { "kind": "seeded", "values": "lattice", "seed": 42 } },
    "weight": { "dtype": "float32", "shape": [1, 2, 3], "data": { "kind": "inline", "values": [1, 0, -1, 2, "NaN", "-0"] } } } }`;

// biome-ignore lint/suspicious/noExplicitAny: it is taken apart to be made wrong
type Json = any;

/** The example with something changed. */
function changed(change: (json: Json) => unknown): Json {
  const json = JSON.parse(example);
  change(json);
  return json;
}

function problem(json: unknown): string {
  try {
    parseCase(json, 'a.json');
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return 'none';
}

describe('a good file', () => {
  test('is read as it is written', () => {
    const parsed = parseCase(JSON.parse(example), 'a.json');
    expect(JSON.parse(JSON.stringify(parsed))).toEqual(JSON.parse(example));
  });

  test('is a call: (2, 1, 7) with stride 3, padding 5 and output_padding 2 gives (2, 2, 13)', () => {
    const call = prepare(parseCase(JSON.parse(example), 'a.json'));
    expect(call.refusal).toBeNull();
    expect(call.operator.outputShape(call.spec)).toEqual([2, 2, 13]);
    expect([...call.tensors.weight!.data]).toEqual([1, 0, -1, 2, Number.NaN, -0]);
  });

  test.each<[string, (json: Json) => unknown]>([
    ['no params', (json) => delete json.params],
    ['no parameter', (json) => (json.params = {})],
    ['a bias', (json) => (json.inputs.bias = { ...json.inputs.input, shape: [2] })],
    ['float64', (json) => Object.values(json.inputs).map((spec: Json) => (spec.dtype = 'float64'))],
    ['a negative seed', (json) => (json.inputs.input.data.seed = -7)],
    ['the largest seed', (json) => (json.inputs.input.data.seed = Number.MAX_SAFE_INTEGER)],
    ['an axis of size 0', (json) => (json.inputs.input.shape = [0, 1, 7])],
  ])('may have %s', (_, change) => expect(problem(changed(change))).toBe('none'));

  // What PyTorch refuses is no bad file: it runs, and both sides are to refuse it.
  test.each<[string, (json: Json) => unknown]>([
    ['groups 0', (json) => (json.params.groups = 0)],
    ['a stride list of the wrong length', (json) => (json.params.stride = [1, 2])],
    ['an empty list', (json) => (json.params.dilation = [])],
    ['a negative padding', (json) => (json.params.padding = -1)],
    ['wrong channels', (json) => (json.inputs.input.shape = [2, 3, 7])],
    ['a wrong rank', (json) => (json.inputs.input.shape = [7])],
    ['too much output_padding', (json) => (json.params.output_padding = 3)],
  ])('may be an invalid case: %s', (_, change) => {
    const json = changed(change);
    expect(problem(json)).toBe('none');
    expect(prepare(parseCase(json, 'a.json')).refusal).not.toBeNull();
  });

  test("may have padding 'same' for conv1d, which no transposed convolution has", () => {
    const conv = {
      schema: 'convdiff/case@1',
      op: 'conv1d',
      params: { padding: 'same' },
      inputs: JSON.parse(example).inputs,
    };
    expect(problem(conv)).toBe('none');
    expect(problem({ ...conv, op: 'conv_transpose1d' })).toMatch(/padding/);
  });
});

describe('a bad file is refused with a message that names what is wrong:', () => {
  const weight = (change: (spec: Json) => unknown) => (json: Json) => change(json.inputs.weight);

  test.each<[string, Json, RegExp]>([
    ['no object', [], /a\.json/],
    ['null', null, /a\.json/],
    ['another schema', changed((json) => (json.schema = 'convdiff/case@2')), /schema.*convdiff\/case@1/],
    ['no schema', changed((json) => delete json.schema), /schema/],
    ['an unknown key', changed((json) => (json.seed = 1)), /seed/],
    ['an unknown operator', changed((json) => (json.op = 'conv4d')), /op: unknown operator "conv4d"; there are conv1d/],
    ['no inputs', changed((json) => delete json.inputs), /inputs/],
    ['no weight', changed((json) => delete json.inputs.weight), /weight is missing/],
    ['no input', changed((json) => delete json.inputs.input), /input is missing/],
    [
      'an unknown input',
      changed((json) => (json.inputs.kernel = json.inputs.input)),
      /takes input, weight, bias, not "kernel"/,
    ],
    ['an unknown parameter', changed((json) => (json.params.strides = 1)), /params.*strides/],
    ['a fractional stride', changed((json) => (json.params.stride = 1.5)), /params.*stride/],
    ['a stride of text', changed((json) => (json.params.stride = '3')), /params.*stride/],
    ['a stride in a list that is no integer', changed((json) => (json.params.stride = [1, 'x'])), /params.*stride/],
    ['an absurd stride', changed((json) => (json.params.stride = 2 ** 31)), /params.*stride/],
    ['groups as a list', changed((json) => (json.params.groups = [1])), /params.*groups/],
    ['an unknown dtype', changed(weight((spec) => (spec.dtype = 'float16'))), /inputs\.weight\.dtype/],
    ['a dtype that the operator lacks', changed(weight((spec) => (spec.dtype = 'int32'))), /weight.dtype.*not int32/],
    ['a negative size', changed(weight((spec) => (spec.shape = [-1, 2, 3]))), /inputs\.weight\.shape\.0/],
    ['a fractional size', changed(weight((spec) => (spec.shape = [1, 2.5, 3]))), /inputs\.weight\.shape\.1/],
    ['no shape', changed(weight((spec) => delete spec.shape)), /inputs\.weight\.shape/],
    ['absurdly many axes', changed(weight((spec) => (spec.shape = new Array(9).fill(1)))), /inputs\.weight\.shape/],
    ['an absurd size', changed((json) => (json.inputs.input.shape = [1, 1, 2 ** 40])), /inputs\.input\.shape\.2/],
    [
      'absurdly many elements',
      changed((json) => (json.inputs.input.shape = [2 ** 20, 1, 2 ** 20])),
      new RegExp(`inputs\\.input\\.shape: .* more than ${maxElements} elements`),
    ],
    ['unknown data', changed(weight((spec) => (spec.data = { kind: 'random' }))), /inputs\.weight\.data/],
    [
      'an unknown distribution',
      changed((json) => (json.inputs.input.data.values = 'uniform')),
      /inputs\.input\.data\.values/,
    ],
    ['a fractional seed', changed((json) => (json.inputs.input.data.seed = 0.5)), /inputs\.input\.data\.seed/],
    ['no seed', changed((json) => delete json.inputs.input.data.seed), /inputs\.input\.data\.seed/],
    ['an unknown key of data', changed((json) => (json.inputs.input.data.scale = 2)), /inputs\.input\.data.*scale/],
    [
      'too few values',
      changed(weight((spec) => spec.data.values.pop())),
      /5 values do not fill the shape \[1,2,3\], which needs 6/,
    ],
    ['too many values', changed(weight((spec) => spec.data.values.push(1))), /7 values do not fill/],
    [
      'a value that is no number',
      changed(weight((spec) => (spec.data.values[2] = 'inf'))),
      /values\.2: must be a number or one of/,
    ],
    [
      'a value of null',
      changed(weight((spec) => (spec.data.values[2] = null))),
      /values\.2: must be a number or one of/,
    ],
    [
      'a value beyond float32',
      changed(weight((spec) => (spec.data.values[3] = 1e39))),
      /values\.3: 1e\+39 is no float32/,
    ],
  ])('%s', (_, json, message) => expect(problem(json)).toMatch(message));
});

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-case-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('that is not there, is a folder, or is no JSON, is said to be so under the name that people gave it', () => {
    writeFileSync(join(folder, 'text.json'), '{ "schema": ');
    expect(() => readJson(join(folder, 'none.json'), 'none.json')).toThrow(
      new UsageError('none.json: there is no such file'),
    );
    expect(() => readJson(folder, 'folder')).toThrow(new UsageError('folder: is a folder: name a file in it'));
    expect(() => readJson(join(folder, 'text.json'), 'text.json')).toThrow(/^text\.json: is not JSON: /);
  });

  test('is read', () => {
    writeFileSync(join(folder, 'case.json'), example);
    expect(readJson(join(folder, 'case.json'), 'case.json')).toEqual(JSON.parse(example));
  });
});
