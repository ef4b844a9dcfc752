import { modelOf } from '../backends/onnx/model.ts';
import { nodeOf } from '../backends/onnx/node.ts';
import { list, number } from '../lowering/tfjsSource.ts';
import { backendTensors, type Call, normalSpec } from '../operators/call.ts';
import { wrapped } from './finding.ts';

/* Calls of ONNX Runtime as they are written down: the model as its bytes, and what is in it as a comment. */

const lineLength = 100;

/** Statements that leave the result of a valid call in `y`, with the batch axis that the case may lack. */
export function onnxStatements(call: Call): string[] {
  const tensors = backendTensors(call);
  const { dtype, shape, data } = tensors.input;
  const node = nodeOf(call.operator.name, normalSpec(call), tensors);
  const text = Buffer.from(modelOf(node, dtype, shape)).toString('base64');
  const pieces = text.match(new RegExp(`.{1,${lineLength}}`, 'g'))!.map((piece) => `  '${piece}'`);
  const attributes = Object.entries(node.attributes).map(([name, value]) => `${name}=${[value].flat().join(',')}`);
  const constants = node.constants.map(([name, tensor]) => {
    return `${name} (${tensor.shape.join(', ')}) = ${wordsOf(Array.from<number | bigint>(tensor.data))}`;
  });
  const values = `[${wrapped(Array.from(data, number), '')}]`;
  const array = dtype === 'int32' ? 'Int32Array' : 'Float32Array';
  return [
    `// A model of one node: ${node.op} ${attributes.join(' ')}`,
    ...constants.map((words) => `//   ${words}`),
    `const model =\n${pieces.join(' +\n')};`,
    "const session = await InferenceSession.create(Buffer.from(model, 'base64'));",
    `const x = new Tensor('${dtype}', ${array}.from(${values}), ${list(shape)});`,
    'const { y } = await session.run({ x });',
  ];
}

/** The first of some values, on a line. */
function wordsOf(values: readonly (number | bigint)[]): string {
  const shown = values.slice(0, 12).map(String);
  return `${shown.join(', ')}${values.length > shown.length ? ', …' : ''}`;
}
