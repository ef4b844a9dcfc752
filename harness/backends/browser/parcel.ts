import { bytesOf, bytesPerElement, type DType, elementCount, type Tensor, view } from '../../core/tensor.ts';

/*
 * What goes into the page and comes out of it: a note, as JSON, and tensors by their bytes, so that every bit of a NaN or a
 * denormal stays as it is. Both sides run this file.
 *
 *   4 bytes: length of the JSON    JSON, with a list of the tensors    each tensor, from a multiple of 8 on
 */

export interface Parcel<Note> {
  note: Note;
  tensors: Record<string, Tensor>;
}

interface Packed {
  note: unknown;
  tensors: { name: string; dtype: DType; shape: number[] }[];
}

function align(length: number): number {
  return (length + 7) & ~7;
}

/** Throws where the note is nothing that JSON can hold. */
export function pack({ note, tensors }: Parcel<unknown>): Uint8Array<ArrayBuffer> {
  const listed = Object.entries(tensors).map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const json = new TextEncoder().encode(JSON.stringify({ note, tensors: listed } satisfies Packed));
  let at = align(4 + json.length);
  const length = Object.values(tensors).reduce((sum, { data }) => sum + align(data.byteLength), at);
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  for (const { data } of Object.values(tensors)) {
    bytes.set(bytesOf(data), at);
    at += align(data.byteLength);
  }
  return bytes;
}

/** The inverse of `pack`; tensors have memory of their own. */
export function unpack<Note>(bytes: Uint8Array): Parcel<Note> {
  const { buffer, byteOffset } = bytes;
  const length = new DataView(buffer, byteOffset).getUint32(0, true);
  const packed = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Packed;
  const tensors: Record<string, Tensor> = {};
  let at = align(4 + length);
  for (const { name, dtype, shape } of packed.tensors) {
    const count = elementCount(shape);
    const end = at + count * bytesPerElement[dtype];
    // A copy, at an address that suits any dtype: Node's Buffer has a slice of its own, which is none.
    tensors[name] = { dtype, shape, data: view(dtype, new Uint8Array(bytes.subarray(at, end)).buffer, 0, count) };
    at = align(end);
  }
  return { note: packed.note as Note, tensors };
}
