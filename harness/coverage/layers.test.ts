import { describe, expect, test } from 'vitest';
import type { OpName, Params } from '../core/case.ts';
import { operatorOf } from '../operators/index.ts';
import { refusalOf, type Spec } from '../semantics/semantics.ts';
import { layerModel } from './layers.ts';
import { brokenBy, type Classes, classesOf } from './model.ts';

/** The classes of a valid call, written as the parameters that are not the default, and its shapes. */
function classesFor(op: OpName, params: Params, input: number[], weight: number[], bias?: number[]): Classes {
  const operator = operatorOf(op);
  const spec: Spec = {
    params: { ...operator.defaults, ...params },
    shapes: { input, weight, ...(bias === undefined ? {} : { bias }) },
    dtypes: { input: 'float32', weight: 'float32', ...(bias === undefined ? {} : { bias: 'float32' as const }) },
  };
  expect(refusalOf(operator.rules, spec)).toBeNull();
  const classes = classesOf(layerModel(operator), { spec, values: 'lattice' });
  expect(brokenBy(layerModel(operator).constraints, classes)).toBeNull();
  return classes;
}

test('the plainest convolution has the first class of every dimension', () => {
  for (const op of [
    'conv1d',
    'conv2d',
    'conv3d',
    'conv_transpose1d',
    'conv_transpose2d',
    'conv_transpose3d',
  ] as const) {
    const axes = Number(/\d/.exec(op));
    const plain = classesFor(op, {}, [1, 1, ...new Array<number>(axes).fill(4)], [1, 1, 1, 1, 1].slice(0, axes + 2));
    for (const { name, classes } of layerModel(operatorOf(op)).dimensions) expect(plain[name]).toBe(classes[0]);
  }
});

const window = (params: Params, input: number, kernel: number) =>
  classesFor('conv1d', params, [1, 1, input], [1, 1, kernel]);

describe('one axis', () => {
  test.each([
    [1, 1, '1'],
    [1, 3, '1'],
    [2, 1, '> kernel'],
    [2, 2, '2'],
    [3, 2, '> kernel'],
    [3, 3, '> 2'],
    [5, 9, '> 2'],
    [10, 9, '> kernel'],
  ])('stride %i of a kernel of %i is %s', (stride, kernel, want) => {
    expect(window({ stride }, 9, kernel).stride).toBe(want);
  });

  test.each([
    [0, 1, 1, '0'],
    [0, 3, 2, '0'],
    [1, 1, 5, '> reach'],
    [1, 2, 1, '= reach'],
    [1, 3, 1, '< reach'],
    [3, 3, 2, '< reach'],
    [4, 3, 2, '= reach'],
    [5, 3, 2, '> reach'],
    ['same', 3, 2, 'same'],
    ['valid', 3, 2, 'valid'],
  ])('padding %s of a kernel of %i with dilation %i is %s', (padding, kernel, dilation, want) => {
    expect(window({ padding, dilation }, 9, kernel).padding).toBe(want);
  });

  test.each([
    [1, 7, 0, 'none'],
    [2, 7, 0, 'none'],
    [2, 8, 0, 'some'],
    [3, 8, 0, 'some'],
    [3, 9, 0, 'none'],
    [3, 8, 1, 'some'],
    [3, 7, 1, 'none'],
  ])('stride %i over %i elements with padding %i, kernel 3: remainder %s', (stride, input, padding, want) => {
    expect(window({ stride, padding }, input, 3).remainder).toBe(want);
  });

  test.each([
    [0, 2, 1, '0'],
    [1, 2, 1, '< stride'],
    [1, 1, 2, '≥ stride'],
    [2, 2, 3, '≥ stride'],
    [2, 3, 4, '< stride'],
    [4, 3, 5, '≥ stride'],
  ])('output_padding %i with stride %i and dilation %i is %s', (output_padding, stride, dilation, want) => {
    const found = classesFor('conv_transpose1d', { output_padding, stride, dilation }, [1, 1, 5], [1, 1, 2]);
    expect(found.output_padding).toBe(want);
  });

  test.each([
    [1, '1'],
    [2, 'even'],
    [3, 'odd'],
    [4, 'even'],
    [9, 'odd'],
  ])('a kernel of %i is %s', (kernel, want) => expect(window({}, 9, kernel).kernel).toBe(want));

  test('parameters are spelled as ints, or one of them as a list', () => {
    expect(window({ stride: 2 }, 9, 3).spelled).toBe('ints');
    expect(window({ stride: 2, padding: [1] }, 9, 3).spelled).toBe('lists');
    expect(window({ padding: 'same' }, 9, 3).spelled).toBe('ints');
  });
});

describe('channels and batch', () => {
  test.each([
    [1, 1, 1, 'one', 'in = out'],
    [1, 3, 2, 'one', 'in ≠ out'],
    [2, 4, 4, 'some', 'in = out'],
    [2, 4, 2, 'some', 'in ≠ out'],
    [3, 3, 3, 'depthwise', 'in = out'],
    [3, 3, 6, 'depthwise ×n', 'in ≠ out'],
  ])('%i groups of %i channels to %i', (groups, inChannels, outChannels, wantGroups, wantChannels) => {
    const want = { groups: wantGroups, channels: wantChannels };
    const [input, perGroup] = [[1, inChannels, 4], inChannels / groups];
    expect(classesFor('conv1d', { groups }, input, [outChannels, perGroup, 1])).toMatchObject(want);
    const transposed = classesFor('conv_transpose1d', { groups }, input, [inChannels, outChannels / groups, 1]);
    expect(transposed).toMatchObject(want);
  });

  test('the batch axis may be left out', () => {
    expect(classesFor('conv2d', {}, [1, 4, 4], [1, 1, 1, 1]).batch).toBe('no axis');
    expect(classesFor('conv2d', {}, [1, 1, 4, 4], [1, 1, 1, 1]).batch).toBe('1');
    expect(classesFor('conv2d', {}, [3, 1, 4, 4], [1, 1, 1, 1], [1])).toMatchObject({ batch: '> 1', bias: 'yes' });
  });
});

describe('several axes', () => {
  const plane = (params: Params, input: number[], kernel: number[]) =>
    classesFor('conv2d', params, [1, 1, ...input], [1, 1, ...kernel]);

  test('are alike where parameters, kernel and size are', () => {
    expect(plane({ stride: [2, 2], padding: 1 }, [5, 5], [3, 3]).axes).toBe('alike');
    expect(plane({}, [5, 6], [3, 3]).axes).toBe('unlike');
    expect(plane({}, [5, 5], [3, 1]).axes).toBe('unlike');
    expect(plane({ padding: [0, 1] }, [5, 5], [3, 3]).axes).toBe('unlike');
    expect(plane({ stride: [1, 2], padding: 'valid' }, [5, 5], [3, 3]).axes).toBe('unlike');
    expect(layerModel(operatorOf('conv1d')).dimensions.map(({ name }) => name)).not.toContain('axes');
  });

  test('have the class of the one whose class stands last', () => {
    expect(plane({ stride: [1, 2], dilation: [3, 1] }, [9, 9], [2, 2])).toMatchObject({ stride: '2', dilation: '> 2' });
    expect(plane({ stride: [3, 2] }, [9, 9], [3, 1]).stride).toBe('> kernel');
    expect(plane({ padding: [1, 1] }, [9, 9], [1, 4]).padding).toBe('> reach');
    expect(plane({ padding: [0, 1] }, [9, 9], [1, 4]).padding).toBe('< reach');
    expect(plane({}, [9, 9], [3, 2]).kernel).toBe('even');
    expect(plane({ stride: 2 }, [8, 9], [3, 3]).remainder).toBe('some');
  });

  test('may have an output_padding as large as the stride on one axis, and a large stride on the other', () => {
    const params = { stride: [1, 3], dilation: [2, 1], output_padding: [1, 0] };
    const found = classesFor('conv_transpose2d', params, [1, 1, 3, 3], [1, 1, 3, 3]);
    expect(found).toMatchObject({ stride: '> 2', dilation: '2', output_padding: '≥ stride', axes: 'unlike' });
  });
});
