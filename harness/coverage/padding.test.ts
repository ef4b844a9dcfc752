import { expect, test } from 'vitest';
import type { Params } from '../core/case.ts';
import type { DType } from '../core/tensor.ts';
import { pad as operator } from '../operators/pad.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';
import { brokenBy, type Classes, classesOf } from './model.ts';
import { paddingModel } from './padding.ts';

/** The classes of a valid call. */
function classesFor(pad: number[], input: number[], params: Params = {}, dtype: DType = 'float32'): Classes {
  const spec: Spec = {
    params: { ...operator.defaults, pad, ...params },
    shapes: { input },
    dtypes: { input: dtype },
  };
  expect([refusalOf(operator.rules, spec), operator.undefinedBecause(spec)]).toEqual([null, null]);
  const classes = classesOf(paddingModel, { spec, values: 'normal' });
  expect(brokenBy(paddingModel.constraints, classes)).toBeNull();
  return classes;
}

test('axes are counted', () => {
  expect(classesFor([], [])).toMatchObject({ 'padded axes': '0', 'unpadded axes': '0' });
  expect(classesFor([1, 1], [2, 3])).toMatchObject({ 'padded axes': '1', 'unpadded axes': '1' });
  expect(classesFor([0, 0, 1, 1], [2, 2, 2, 3])).toMatchObject({ 'padded axes': '2', 'unpadded axes': '> 1' });
  expect(classesFor([0, 0, 0, 0, 0, 0, 1, 0], [2, 2, 2, 3])['padded axes']).toBe('> 3');
});

test.each([
  [[], 'none', 'equal'],
  [[0, 0], 'none', 'equal'],
  [[1, 1], 'pads', 'equal'],
  [[0, 2], 'pads', 'different'],
  [[-1, -1], 'crops', 'equal'],
  [[-1, 0], 'crops', 'different'],
  [[1, -1], 'both', 'different'],
  [[1, 1, -1, -1], 'both', 'equal'],
])('%j: signs %s, ends %s', (pad, signs, ends) => {
  expect(classesFor(pad, [5, 5])).toMatchObject({ signs, ends });
});

test.each([
  ['constant', [3, 0], 'narrow'],
  ['constant', [4, 0], 'wide'],
  ['replicate', [0, 3], 'narrow'],
  ['replicate', [0, 4], 'wide'],
  ['reflect', [1, 1], 'narrow'],
  ['reflect', [0, 2], 'wide'],
  ['circular', [2, 2], 'narrow'],
  ['circular', [3, 0], 'wide'],
  // The crop leaves 2 of the 3 elements.
  ['circular', [-1, 2], 'wide'],
  ['circular', [-1, 1], 'narrow'],
  ['reflect', [0, 0], 'narrow'],
])('%s %j of an axis of 3 is %s', (mode, pad, width) => {
  expect(classesFor(pad, [2, 3], { mode }).width).toBe(width);
});

test.each([
  [0, '0'],
  ['-0', '-0'],
  [-2.5, 'finite'],
  ['NaN', 'NaN'],
  ['Infinity', 'infinite'],
  ['-Infinity', 'infinite'],
])('the value %s is %s', (value, want) => expect(classesFor([1, 1], [3], { value }).value).toBe(want));

test('a zero of either sign is no value where the mode takes none', () => {
  expect(classesFor([1, 1], [2, 3], { mode: 'reflect', value: '-0' }).value).toBe('0');
});

test('int32 goes with NaN where nothing is added', () => {
  expect(classesFor([-1, 0], [3], { value: 'NaN' }, 'int32')).toMatchObject({ dtype: 'int32', value: 'NaN' });
});
