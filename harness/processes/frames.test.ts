import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { pythonPath, root } from '../../scripts/setup.mjs';
import type { Tensor } from '../core/tensor.ts';
import { encodeFrame, type Frame, FrameError, FrameReader, maxDataBytes, maxJsonBytes } from './frames.ts';

const tensors: Record<string, Tensor> = {
  input: { dtype: 'float32', shape: [1, 3], data: new Float32Array([1.5, -0, Number.NaN]) },
  weight: { dtype: 'float64', shape: [1], data: new Float64Array([2 ** -1074]) },
  empty: { dtype: 'float32', shape: [0, 7], data: new Float32Array(0) },
  counts: { dtype: 'int32', shape: [], data: new Int32Array([-(2 ** 31)]) },
};
const header = { type: 'run', op: 'conv1d', params: { padding: 'same', note: 'héllo · ≥ 𝛼' } };
const whole = encodeFrame(7, header, tensors);

function read(...pieces: Uint8Array[]): Frame[] {
  const reader = new FrameReader();
  return pieces.flatMap((piece) => [...reader.push(Buffer.from(piece))]);
}

/** A frame with these bytes for its JSON and its tensors, and a checksum that is right. */
function forge(json: string, data = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(json);
  const body = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8), data]);
  const head = Buffer.alloc(24);
  head.write('CVDF', 0, 'latin1');
  head.writeUInt32LE(text.length, 12);
  head.writeUInt32LE(data.length, 16);
  head.writeUInt32LE(crc32(body, crc32(head.subarray(8))), 4);
  return Buffer.concat([head, body]);
}

function listing(...listed: unknown[]): string {
  return JSON.stringify({ type: 'run', tensors: listed });
}

function expectWhole(frame: Frame | undefined): void {
  expect(frame!.id).toBe(7);
  expect(frame!.header).toMatchObject(header);
  expect(frame!.tensors).toEqual(tensors);
}

describe('a frame', () => {
  test('comes back as it was sent', () => {
    const frames = read(whole);
    expect(frames.length).toBe(1);
    expectWhole(frames[0]);
  });

  test('holds the id of any request', () => {
    for (const id of [0, 1, 2 ** 31, 2 ** 32 - 1]) expect(read(encodeFrame(id, {}))[0]!.id).toBe(id);
  });

  test('is aligned to 8 bytes, also between tensors', () => {
    expect(whole.length % 8).toBe(0);
    const jsonLength = whole.readUInt32LE(12);
    expect(whole.length).toBe(24 + 8 * Math.ceil(jsonLength / 8) + 16 + 8 + 0 + 8);
  });

  test('carries a part of a larger buffer as that part', () => {
    const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const [frame] = read(encodeFrame(1, {}, { x: { dtype: 'float32', shape: [2], data } }));
    expect(frame!.tensors.x!.data).toEqual(new Float32Array([1, 2]));
  });

  test('is copied out of the stream: what comes later does not change it', () => {
    const bytes = Buffer.from(whole);
    const [frame] = read(bytes);
    bytes.fill(0);
    expectWhole(frame);
  });
});

describe('a stream', () => {
  const stream = Buffer.concat([whole, encodeFrame(8, { type: 'ok' }), whole]);

  test.each([1, 2, 7, 23, 24, 25, 100, 1000, stream.length])('in pieces of %d bytes is the same frames', (size) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size), Buffer.alloc(0));
    const frames = read(...pieces);
    expect(frames.map(({ id }) => id)).toEqual([7, 8, 7]);
    expectWhole(frames[0]);
    expectWhole(frames[2]);
  });

  test('that ends early gives the frames that are whole', () => {
    for (const cut of [1, 20, whole.length - 1])
      expect(read(stream.subarray(0, whole.length + cut)).length).toBe(cut < 40 ? 1 : 2);
  });
});

describe('damage', () => {
  test('to any single byte is noticed, or leaves the reader waiting for more', () => {
    for (let at = 0; at < whole.length; at++) {
      // The four bytes behind the checksum mean nothing.
      if (at >= 20 && at < 24) continue;
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      let frames: Frame[] = [];
      try {
        frames = read(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
      expect({ at, frames }).toEqual({ at, frames: [] });
    }
  });

  const head = (json: number, data: number) => {
    const bytes = Buffer.from(whole.subarray(0, 24));
    bytes.writeUInt32LE(json, 12);
    bytes.writeUInt32LE(data, 16);
    return bytes;
  };
  const one = { name: 'x', dtype: 'float32', shape: [1] };

  test.each<[string, Buffer, RegExp]>([
    ['text where frames are expected', Buffer.from('Warning: this backend prints to its replies'), /magic number/],
    ['too much JSON, before any of it has come', head(maxJsonBytes + 1, 0), /1048577 bytes of JSON/],
    ['too many elements, before any of them has come', head(2, maxDataBytes + 1), /1073741825 bytes of tensors/],
    ['all sizes at their largest', head(2 ** 32 - 1, 2 ** 32 - 1), /bytes of JSON/],
    ['JSON that breaks off', forge('{"type":"ok"'), /JSON cannot be parsed/],
    ['JSON that is no object', forge('7'), /no object/],
    ['JSON that is null', forge('null'), /no object/],
    ['tensors that are no list', forge('{"tensors":{}}'), /not a list/],
    ['a tensor that is no object', forge(listing(3)), /without name, dtype or shape/],
    ['a tensor without a name', forge(listing({ ...one, name: undefined }), Buffer.alloc(8)), /without name/],
    ['a dtype that there is not', forge(listing({ ...one, dtype: 'float16' }), Buffer.alloc(8)), /without name, dtype/],
    ['a negative size', forge(listing({ ...one, shape: [-1, -1] }), Buffer.alloc(8)), /without name, dtype or shape/],
    ['a fractional size', forge(listing({ ...one, shape: [0.5] }), Buffer.alloc(8)), /without name, dtype or shape/],
    [
      'a shape of too many axes',
      forge(listing({ ...one, shape: new Array(17).fill(1) }), Buffer.alloc(8)),
      /without name/,
    ],
    [
      'a tensor longer than its frame',
      forge(listing({ ...one, shape: [3] }), Buffer.alloc(8)),
      /longer than its frame/,
    ],
    ['a tensor of absurd size', forge(listing({ ...one, shape: [2 ** 52, 2 ** 52] })), /longer than its frame/],
    ['bytes that belong to no tensor', forge(listing(one), Buffer.alloc(16)), /do not fill/],
  ])('%s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(FrameError);
    expect(() => read(bytes)).toThrow(message);
  });

  test('is not made here either: too large a frame is refused by who writes it', () => {
    expect(() => encodeFrame(1, { text: 'x'.repeat(maxJsonBytes) })).toThrow(FrameError);
  });

  test('forged frames are well-formed but for what they are to show', () => {
    expect(read(forge(listing(one), Buffer.alloc(8)))[0]!.tensors.x!.data).toEqual(new Float32Array(1));
  });
});

describe('Python', () => {
  /** Runs a program that has the frame's bytes on its standard input and oracles/frames.py at hand. */
  function python(program: string, input: Buffer) {
    const source = `import sys; sys.path.insert(0, sys.argv[1]); import frames\n${program}`;
    return spawnSync(pythonPath(), ['-B', '-c', source, join(root, 'oracles')], { input, maxBuffer: 2 ** 26 });
  }

  test('reads what is written here, and what it writes is read here', () => {
    const { stdout, stderr } = python(
      `frame = frames.decode(bytearray(sys.stdin.buffer.read()))
header = {name: value for name, value in frame.header.items() if name != "tensors"}
sys.stdout.buffer.write(frames.encode(frame.request_id, header, frame.tensors))`,
      whole,
    );
    expect(stderr.toString()).toBe('');
    expectWhole(read(stdout)[0]);
    // The elements are the same bytes; JSON may be spaced and escaped in several ways.
    expect(stdout.subarray(-32)).toEqual(whole.subarray(-32));
  });

  test.each<[string, string, (bytes: Buffer) => unknown, RegExp]>([
    ['another magic number', 'frame_length', (bytes) => bytes.writeUInt8(0, 0), /magic number/],
    ['too much JSON', 'frame_length', (bytes) => bytes.writeUInt32LE(maxJsonBytes + 1, 12), /too large/],
    ['too many elements', 'frame_length', (bytes) => bytes.writeUInt32LE(maxDataBytes + 1, 16), /too large/],
    ['a damaged element', 'decode', (bytes) => bytes.writeUInt8(1, bytes.length - 1), /wrong checksum/],
    ['another request id', 'decode', (bytes) => bytes.writeUInt8(1, 4), /wrong checksum/],
  ])('refuses %s', (_, reader, damage, message) => {
    const bytes = Buffer.from(whole);
    damage(bytes);
    const { status, stderr } = python(`frames.${reader}(bytearray(sys.stdin.buffer.read()))`, bytes);
    expect(status).toBe(1);
    expect(stderr.toString()).toMatch(message);
  });

  test('refuses a tensor that is longer than its frame', () => {
    const bytes = forge(listing({ name: 'x', dtype: 'float32', shape: [3] }), Buffer.alloc(8));
    const { stderr } = python('frames.decode(bytearray(sys.stdin.buffer.read()))', bytes);
    expect(stderr.toString()).toMatch(/FrameError: tensor x is longer than its frame/);
  });
});
