/** The element types that a case may have. */
export type DType = 'float32' | 'float64' | 'int32';

export type TensorData = Float32Array | Float64Array | Int32Array;

/** A dense tensor, row-major: `data.length` is the product of `shape` (1 for `[]`). */
export interface Tensor {
  dtype: DType;
  shape: number[];
  data: TensorData;
}

export const dtypes: readonly DType[] = ['float32', 'float64', 'int32'];

/** The largest finite float32. */
export const largestFloat32 = (2 - 2 ** -23) * 2 ** 127;

export const bytesPerElement: Record<DType, number> = { float32: 4, float64: 8, int32: 4 };

/** The number of elements of a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/** Zero-filled storage for `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int32':
      return new Int32Array(length);
  }
}

/** `length` elements of `dtype` that begin at a byte of `buffer`, which must be a multiple of the element's size. */
export function view(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
  }
}

/** The dtype whose storage `data` is, or null where it is none of ours. */
export function dtypeOf(data: unknown): DType | null {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  return null;
}

/** A view of the bytes of `data`, without a copy. */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The index along each axis of the element at `flat` in a row-major tensor of this shape. */
export function indexOf(flat: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    index[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return index;
}

/** The place in row-major order of the element at an index: the inverse of `indexOf`. */
export function flatIndex(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((flat, i, axis) => flat * shape[axis]! + i, 0);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The tensor with dimension `order[i]` as its i-th: a copy. */
export function transposed(tensor: Tensor, order: readonly number[]): Tensor {
  const shape = order.map((dimension) => tensor.shape[dimension]!);
  const data = allocate(tensor.dtype, tensor.data.length);
  const strides = tensor.shape.map((_, dimension) => elementCount(tensor.shape.slice(dimension + 1)));
  for (let at = 0; at < data.length; at++) {
    const index = indexOf(at, shape);
    data[at] = tensor.data[order.reduce((sum, dimension, i) => sum + index[i]! * strides[dimension]!, 0)]!;
  }
  return { dtype: tensor.dtype, shape, data };
}
