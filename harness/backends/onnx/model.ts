import { bytesOf, type DType, type Tensor } from '../../core/tensor.ts';

/*
 * An ONNX model of one node as bytes: protocol buffers, of which a model needs numbers, texts, bytes and messages. The fields' numbers
 * are those of onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

/** Elements as ONNX stores them; `int64` is for shapes and widths only. */
export type OnnxTensor = Tensor | { dtype: 'int64'; shape: number[]; data: BigInt64Array };

export interface OnnxNode {
  op: string;
  /** Whole numbers, lists of them, and texts. */
  attributes: Readonly<Record<string, number | readonly number[] | string>>;
  /** What the model holds, by the names of the node's inputs after the first, which is given to it when it runs. */
  constants: readonly (readonly [name: string, tensor: OnnxTensor])[];
}

/** IR version 9 is of the same release as operator set 19, the first whose Pad goes round. */
const irVersion = 9;
const opset = 19;

const dataTypes: Record<OnnxTensor['dtype'], number> = { float32: 1, int32: 6, int64: 7, float64: 11 };
const attributeTypes = { int: 2, text: 3, ints: 7 };

/** The bytes of a whole number: seven bits each, the lowest first; negative ones as 64 bits. */
function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(parts));
}

function attribute(name: string, value: number | readonly number[] | string): Buffer[] {
  if (typeof value === 'number') return [text(1, name), number(3, value), number(20, attributeTypes.int)];
  if (typeof value === 'string') return [text(1, name), text(4, value), number(20, attributeTypes.text)];
  return [text(1, name), ...value.map((one) => number(8, one)), number(20, attributeTypes.ints)];
}

function constant(name: string, { dtype, shape, data }: OnnxTensor): Buffer[] {
  const raw =
    data instanceof BigInt64Array ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : bytesOf(data);
  return [...shape.map((size) => number(1, size)), number(2, dataTypes[dtype]), text(8, name), bytes(9, raw)];
}

/** A value's name and type; without a shape where the runtime is to find it out. */
function value(name: string, dtype: DType, shape: readonly number[] | null): Buffer[] {
  const dimensions = shape?.map((size) => message(1, [number(1, size)]));
  const tensorType = [number(1, dataTypes[dtype]), ...(dimensions === undefined ? [] : [message(2, dimensions)])];
  return [text(1, name), message(2, [message(1, tensorType)])];
}

/** The model whose input `x` gives `y`, both of one dtype. */
export function modelOf({ op, attributes, constants }: OnnxNode, dtype: DType, shape: readonly number[]): Uint8Array {
  const names = constants.map(([name]) => name);
  const node = [
    ...['x', ...names].map((name) => text(1, name)),
    text(2, 'y'),
    text(4, op),
    ...Object.entries(attributes).map(([name, given]) => message(5, attribute(name, given))),
  ];
  const graph = [
    message(1, node),
    text(2, op),
    ...constants.map(([name, tensor]) => message(5, constant(name, tensor))),
    message(11, value('x', dtype, shape)),
    message(12, value('y', dtype, null)),
  ];
  return Buffer.concat([number(1, irVersion), message(7, graph), message(8, [number(2, opset)])]);
}
