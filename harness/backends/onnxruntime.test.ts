import { expect, test } from 'vitest';
import { modelOf } from './onnx/model.ts';
import { extraPackage } from './onnxruntime.ts';

test('a package that is not installed is named, with the command that installs it', () => {
  expect(() => extraPackage('onnxruntime-none')).toThrow(
    /onnxruntime-none is not installed: run .* setup onnxruntime-none/,
  );
});

test('a model is the bytes that protocol buffers has for it', () => {
  const node = { op: 'P', attributes: { a: -1, b: [300], c: 'd' }, constants: [] };
  const model = modelOf(node, 'float32', [3]);
  const text = Buffer.from(model).toString('hex');
  // ir_version 9
  expect([...model.subarray(0, 2)]).toEqual([0x08, 9]);
  // a: −1, of type INT: 64 bits, seven a byte.
  const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
  expect(text).toContain(Buffer.from([0x2a, 17, 0x0a, 1, 0x61, 0x18, ...minusOne, 0xa0, 1, 2]).toString('hex'));
  // b: ints [300], of type INTS; c: the text d, of type STRING.
  expect(text).toContain(Buffer.from([0x2a, 9, 0x0a, 1, 0x62, 0x40, 0xac, 2, 0xa0, 1, 7]).toString('hex'));
  expect(text).toContain(Buffer.from([0x2a, 9, 0x0a, 1, 0x63, 0x22, 1, 0x64, 0xa0, 1, 3]).toString('hex'));
  // The operator set, 19.
  expect([...model.subarray(-4)]).toEqual([0x42, 2, 0x10, 19]);
});
