import { crc32 } from 'node:zlib';
import { allocate, bytesOf, bytesPerElement, type DType, elementCount, type Tensor } from '../core/tensor.ts';

/*
 * The frames of oracles/PROTOCOL.md: a header of 24 bytes, JSON padded to a multiple of 8 bytes, then the tensors' elements,
 * each tensor padded to a multiple of 8 bytes. All integers are little-endian and unsigned.
 *
 *   0  magic "CVDF"    4  request id    8  length of the JSON    12  length of the tensors' bytes    16  CRC-32    20  zero
 *
 * The CRC covers bytes 0–15 and all that follows byte 23.
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
}

/** The bytes are no frame: a bad magic number, size, checksum or JSON. Nothing more can be read from that stream. */
export class FrameError extends Error {
  override name = 'FrameError';
}

function align(length: number): number {
  return (length + 7) & ~7;
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(headerLength), crc32(frame.subarray(0, 16)));
}

/** The bytes of one frame. The JSON is `header` with a list of the tensors added. */
export function encodeFrame(id: number, header: Record<string, unknown>, tensors: Record<string, Tensor> = {}): Buffer {
  const names = Object.keys(tensors);
  const listed = names.map((name) => ({ name, dtype: tensors[name]!.dtype, shape: tensors[name]!.shape }));
  const json = Buffer.from(JSON.stringify(listed.length === 0 ? header : { ...header, tensors: listed }));
  if (json.length > maxJsonBytes) throw new FrameError(`${json.length} bytes of JSON, more than ${maxJsonBytes}`);
  let dataLength = 0;
  for (const name of names) dataLength += align(tensors[name]!.data.byteLength);
  if (dataLength > maxDataBytes) throw new FrameError(`${dataLength} bytes of tensors, more than ${maxDataBytes}`);

  const frame = Buffer.alloc(headerLength + align(json.length) + dataLength);
  frame.writeUInt32LE(magic, 0);
  frame.writeUInt32LE(id >>> 0, 4);
  frame.writeUInt32LE(json.length, 8);
  frame.writeUInt32LE(dataLength, 12);
  json.copy(frame, headerLength);
  let at = headerLength + align(json.length);
  for (const name of names) {
    const { data } = tensors[name]!;
    frame.set(bytesOf(data), at);
    at += align(data.byteLength);
  }
  frame.writeUInt32LE(checksum(frame), 16);
  return frame;
}

/** The length of the frame that begins with these bytes; refuses a length that is too large before anything is allocated. */
function frameLength(header: Buffer): number {
  if (header.readUInt32LE(0) !== magic) throw new FrameError('bytes that do not begin with the magic number');
  const json = header.readUInt32LE(8);
  const data = header.readUInt32LE(12);
  if (json > maxJsonBytes) throw new FrameError(`a frame with ${json} bytes of JSON, more than ${maxJsonBytes}`);
  if (data > maxDataBytes) throw new FrameError(`a frame with ${data} bytes of tensors, more than ${maxDataBytes}`);
  return headerLength + align(json) + data;
}

function isTensorHeader(value: unknown): value is TensorHeader {
  if (typeof value !== 'object' || value === null) return false;
  const { name, dtype, shape } = value as Partial<TensorHeader>;
  if (typeof name !== 'string' || !(String(dtype) in bytesPerElement) || !Array.isArray(shape)) return false;
  return shape.length <= 16 && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function readTensors(listed: unknown, frame: Buffer, from: number): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  if (listed === undefined) return tensors;
  if (!Array.isArray(listed)) throw new FrameError('tensors that are not a list');
  let at = from;
  for (const entry of listed) {
    if (!isTensorHeader(entry)) throw new FrameError(`a tensor without name, dtype or shape: ${JSON.stringify(entry)}`);
    const count = elementCount(entry.shape);
    const length = count * bytesPerElement[entry.dtype];
    if (at + length > frame.length) throw new FrameError(`tensor ${entry.name} is longer than its frame`);
    // A copy: the frame's buffer is not aligned, and must not live as long as the tensor.
    const data = allocate(entry.dtype, count);
    bytesOf(data).set(frame.subarray(at, at + length));
    tensors[entry.name] = { dtype: entry.dtype, shape: entry.shape, data };
    at += align(length);
  }
  if (at !== frame.length) throw new FrameError('tensors that do not fill their frame');
  return tensors;
}

/** Reads one whole frame. Throws FrameError. */
function decodeFrame(frame: Buffer): Frame {
  if (frame.readUInt32LE(16) !== checksum(frame)) throw new FrameError('a frame with a wrong checksum');
  const jsonLength = frame.readUInt32LE(8);
  let header: unknown;
  try {
    header = JSON.parse(frame.toString('utf8', headerLength, headerLength + jsonLength));
  } catch {
    throw new FrameError('a frame whose JSON cannot be parsed');
  }
  if (typeof header !== 'object' || header === null) throw new FrameError('a frame whose JSON is no object');
  const tensors = readTensors((header as { tensors?: unknown }).tensors, frame, headerLength + align(jsonLength));
  return { id: frame.readUInt32LE(4), header: header as Record<string, unknown>, tensors };
}

/** Puts the frames of a stream together again, whatever pieces it comes in. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #length = 0;

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
      yield decodeFrame(all.subarray(0, wanted));
    }
  }

  /** The first piece, made to hold at least `length` bytes. */
  #front(length: number): Buffer {
    if (this.#pieces[0]!.length < length) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }
}
