import { crc32 } from 'node:zlib';
import {
  allocate,
  bytesOf,
  bytesPerElement,
  type DType,
  elementCount,
  type Tensor,
  type TensorData,
  view,
} from '../core/tensor.ts';

/*
 * The frames of oracles/PROTOCOL.md: a header of 24 bytes, JSON padded to a multiple of 8 bytes, then the tensors' elements,
 * each tensor padded to a multiple of 8 bytes. All integers are little-endian and unsigned.
 *
 *   0  magic "CVDF"    4  CRC-32    8  request id    12  length of the JSON    16  length of the tensors' bytes    20  zero
 *
 * The CRC covers all that follows it.
 */

const magic = 0x46445643;
const headerLength = 24;
export const maxJsonBytes = 2 ** 20;
export const maxDataBytes = 2 ** 30;

export interface TensorHeader {
  name: string;
  dtype: DType;
  shape: number[];
}

/** A message: what the JSON says, and the tensors that it lists under `tensors`. */
export interface Frame<Header = Record<string, unknown>> {
  id: number;
  header: Header;
  tensors: Record<string, Tensor>;
  /** The bytes that the tensors came as, in the order in which the JSON lists them. */
  origins: Buffer[];
}

/** The bytes are no frame: a bad magic number, size, checksum or JSON. Nothing more can be read from that stream. */
export class FrameError extends Error {
  override name = 'FrameError';
}

function align(length: number): number {
  return (length + 7) & ~7;
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(8));
}

/** Zeros from `at` up to the next multiple of 8, and where that is. */
function fillGap(frame: Buffer, at: number): number {
  const end = align(at);
  for (let gap = at; gap < end; gap++) frame[gap] = 0;
  return end;
}

/** The bytes of one frame. The JSON is `header` with a list of the tensors added. */
export function encodeFrame(id: number, header: Record<string, unknown>, tensors: Record<string, Tensor> = {}): Buffer {
  const names = Object.keys(tensors);
  const listed = names.map((name) => ({ name, dtype: tensors[name]!.dtype, shape: tensors[name]!.shape }));
  const json = JSON.stringify(listed.length === 0 ? header : { ...header, tensors: listed });
  const jsonLength = Buffer.byteLength(json);
  if (jsonLength > maxJsonBytes) throw new FrameError(`${jsonLength} bytes of JSON, more than ${maxJsonBytes}`);
  let dataLength = 0;
  for (const name of names) dataLength += align(tensors[name]!.data.byteLength);
  if (dataLength > maxDataBytes) throw new FrameError(`${dataLength} bytes of tensors, more than ${maxDataBytes}`);

  // From the pool, and only the gaps zeroed: thousands of small frames a second are made here.
  const frame = Buffer.allocUnsafe(headerLength + align(jsonLength) + dataLength);
  frame.write(json, headerLength);
  let at = fillGap(frame, headerLength + jsonLength);
  for (const name of names) {
    const bytes = bytesOf(tensors[name]!.data);
    frame.set(bytes, at);
    at = fillGap(frame, at + bytes.length);
  }
  frame.writeUInt32LE(magic, 0);
  frame.writeUInt32LE(id >>> 0, 8);
  frame.writeUInt32LE(jsonLength, 12);
  frame.writeUInt32LE(dataLength, 16);
  frame.writeUInt32LE(0, 20);
  frame.writeUInt32LE(checksum(frame), 4);
  return frame;
}

/** The length of the frame that begins with these bytes; refuses a length that is too large before anything is allocated. */
function frameLength(header: Buffer): number {
  if (header.readUInt32LE(0) !== magic) throw new FrameError('bytes that do not begin with the magic number');
  const json = header.readUInt32LE(12);
  const data = header.readUInt32LE(16);
  if (json > maxJsonBytes) throw new FrameError(`a frame with ${json} bytes of JSON, more than ${maxJsonBytes}`);
  if (data > maxDataBytes) throw new FrameError(`a frame with ${data} bytes of tensors, more than ${maxDataBytes}`);
  return headerLength + align(json) + data;
}

function isTensorHeader(value: unknown): value is TensorHeader {
  if (typeof value !== 'object' || value === null) return false;
  const { name, dtype, shape } = value as Partial<TensorHeader>;
  if (typeof name !== 'string' || !Object.hasOwn(bytesPerElement, String(dtype)) || !Array.isArray(shape)) return false;
  return shape.length <= 16 && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** The elements at `at`: a view where their bytes happen to be aligned and the reader may have one, otherwise a copy. */
function elements(frame: Buffer, at: number, dtype: DType, count: number, views: boolean): TensorData {
  const start = frame.byteOffset + at;
  if (views && start % bytesPerElement[dtype] === 0) return view(dtype, frame.buffer, start, count);
  const data = allocate(dtype, count);
  bytesOf(data).set(frame.subarray(at, at + data.byteLength));
  return data;
}

function readTensors(listed: unknown, frame: Buffer, from: number, views: boolean): Pick<Frame, 'tensors' | 'origins'> {
  const tensors: Record<string, Tensor> = {};
  const origins: Buffer[] = [];
  if (listed === undefined) return { tensors, origins };
  if (!Array.isArray(listed)) throw new FrameError('tensors that are not a list');
  let at = from;
  for (const entry of listed) {
    if (!isTensorHeader(entry) || Object.hasOwn(tensors, entry.name)) {
      throw new FrameError(`a tensor without name, dtype or shape, or a name twice: ${JSON.stringify(entry)}`);
    }
    const count = elementCount(entry.shape);
    const length = count * bytesPerElement[entry.dtype];
    if (at + length > frame.length) throw new FrameError(`tensor ${entry.name} is longer than its frame`);
    const data = elements(frame, at, entry.dtype, count, views);
    // The shape is the tensor's own: who gets it may change it, and the JSON's stays.
    tensors[entry.name] = { dtype: entry.dtype, shape: [...entry.shape], data };
    origins.push(frame.subarray(at, at + length));
    at += align(length);
  }
  if (at !== frame.length) throw new FrameError('tensors that do not fill their frame');
  return { tensors, origins };
}

/** Reads one whole frame. Throws FrameError. */
function decodeFrame(frame: Buffer, views: boolean): Frame {
  if (frame.readUInt32LE(4) !== checksum(frame)) throw new FrameError('a frame with a wrong checksum');
  const jsonLength = frame.readUInt32LE(12);
  let header: unknown;
  try {
    header = JSON.parse(frame.toString('utf8', headerLength, headerLength + jsonLength));
  } catch {
    throw new FrameError('a frame whose JSON cannot be parsed');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new FrameError('a frame whose JSON is no object');
  const fields = header as Record<string, unknown>;
  const tensors = readTensors(fields.tensors, frame, headerLength + align(jsonLength), views);
  return { id: frame.readUInt32LE(8), header: fields, ...tensors };
}

/** Puts the frames of a stream together again, whatever pieces it comes in. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #length = 0;
  readonly #views: boolean;

  /** `views`: tensors may share the stream's memory. Fine for who only reads them, and spares the garbage collector. */
  constructor({ views = false } = {}) {
    this.#views = views;
  }

  /** The frames that `piece` completes. Throws FrameError where the stream is no stream of frames. */
  *push(piece: Buffer): Generator<Frame> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    while (this.#length >= headerLength) {
      const wanted = frameLength(this.#front(headerLength));
      if (this.#length < wanted) return;
      const all = this.#front(wanted);
      this.#pieces[0] = all.subarray(wanted);
      this.#length -= wanted;
      yield decodeFrame(all.subarray(0, wanted), this.#views);
    }
  }

  /** The first piece, made to hold at least `length` bytes. */
  #front(length: number): Buffer {
    if (this.#pieces[0]!.length < length) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }
}
