import { describe, expect, test } from 'vitest';
import { allocate, bytesOf, bytesPerElement, dtypeOf, dtypes, elementCount, indexOf, sameShape } from './tensor.ts';

test('a scalar has one element, and a size of 0 leaves none', () => {
  expect([[], [3], [2, 3, 4], [5, 0, 7]].map(elementCount)).toEqual([1, 3, 24, 0]);
});

describe.each(dtypes)('%s', (dtype) => {
  test('storage is zero-filled and knows its dtype and size', () => {
    const data = allocate(dtype, 3);
    expect([...data]).toEqual([0, 0, 0]);
    expect(dtypeOf(data)).toBe(dtype);
    expect(data.BYTES_PER_ELEMENT).toBe(bytesPerElement[dtype]);
  });
});

test.each([[[1, 2]], [new Uint8Array(1)], [new DataView(new ArrayBuffer(4))], [null], [undefined]])(
  '%o is storage of none of our dtypes',
  (data) => expect(dtypeOf(data)).toBeNull(),
);

test('the bytes of a view are its own, and no copy', () => {
  const view = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
  const bytes = bytesOf(view);
  expect(bytes.length).toBe(8);
  view[0] = 7;
  expect(new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true)).toBe(7);
});

test('indexOf counts through a tensor row by row', () => {
  const all = Array.from({ length: 12 }, (_, flat) => indexOf(flat, [2, 3, 2]));
  expect(all[0]).toEqual([0, 0, 0]);
  expect(all[1]).toEqual([0, 0, 1]);
  expect(all[2]).toEqual([0, 1, 0]);
  expect(all[11]).toEqual([1, 2, 1]);
  expect(new Set(all.map(String)).size).toBe(12);
  expect(indexOf(0, [])).toEqual([]);
});

test('shapes are the same where every size is', () => {
  expect(sameShape([2, 3], [2, 3])).toBe(true);
  expect(sameShape([2, 3], [2, 4])).toBe(false);
  expect(sameShape([2, 3], [2, 3, 1])).toBe(false);
  expect(sameShape([], [])).toBe(true);
});
