import { inputNames } from '../core/case.ts';
import type { Tensor } from '../core/tensor.ts';
import { type NativeCall, type NativeConvolution, nativeCallOf } from '../lowering/native.ts';
import { number, tuple } from '../lowering/tensorflowSource.ts';
import { type Call, normalSpec } from '../operators/call.ts';
import { callText, operandNames } from '../report/words.ts';
import { type Finding, gotOf, isShort, type Program, titleOf, wantedOf, wrapped, wrongWord } from './finding.ts';

/*
 * Findings as Python: PyTorch is run, and beside it TensorFlow where its kernel is at fault; else what the backend gave is written
 * in as a NumPy array.
 */

function valuesText({ data }: Tensor): string {
  return `[${wrapped(Array.from(data, number), '')}]`;
}

function arrayText(tensor: Tensor): string {
  const { shape, dtype, data } = tensor;
  if (data.length > 8 && data.every((value) => Object.is(value, data[0]))) {
    return `np.full(${tuple(shape)}, ${number(data[0]!)}, np.${dtype})`;
  }
  const reshape = shape.length === 1 ? '' : `.reshape(${tuple(shape)})`;
  return `np.array(${valuesText(tensor)}, np.${dtype})${reshape}`;
}

/** The call of PyTorch as the oracle makes it: floating tensors in float64, where they all have one dtype. */
function torchCall({ call }: Finding): string {
  const dtypes = new Set(Object.values(call.spec.dtypes));
  const asGiven = call.operator.family === 'padding' || dtypes.size > 1;
  const operand = (name: string) => `torch.from_numpy(${name})${asGiven ? '' : '.double()'}`;
  const { gradient } = call.operator;
  if (gradient === null) return callText(call.case, operand, pythonValue);
  const by = operandNames[gradient.by];
  const differentiated = callText(call.case, (name) => (name === by ? 't' : operand(name)), pythonValue);
  return `torch.autograd.functional.vjp(lambda t: ${differentiated}, ${operand(by)}, ${operand(operandNames.grad_output)})[1]`;
}

function pythonValue(value: number | string | readonly number[], name: string): string {
  if (typeof value === 'string') return name === 'value' ? `float('${value}')` : `'${value}'`;
  return typeof value === 'number' ? number(value) : `[${value.map(number).join(', ')}]`;
}

/** The programs that may show a finding, the best first. */
export function pythonPrograms(finding: Finding): Program[] {
  const live = tensorflowProgram(finding);
  return [...(live === null ? [] : [live]), recordedProgram(finding)];
}

function head(finding: Finding, packages: readonly string[], about: readonly string[]): string[] {
  const torch = `torch==${finding.torch.replace(/\+.*/, '')}`;
  const lines = [titleOf(finding), '', `  pip install ${[torch, ...packages].join(' ')}`, '  python repro.py'];
  return [...lines, ...(about.length === 0 ? [] : ['', ...about])].map((line) => `# ${line}`.trimEnd());
}

function operandLines({ call }: Finding): string[] {
  return inputNames
    .filter((name) => call.tensors[name] !== undefined)
    .map((name) => `${operandNames[name]} = ${arrayText(call.tensors[name]!)}`);
}

/** PyTorch, and what the backend gave, whatever it is. */
function recordedProgram(finding: Finding): Program {
  const { call, backend } = finding;
  const who = `${backend.name} ${backend.version}`;
  const lines = [
    ...head(finding, ['numpy'], [`What ${who} gave is written in: it is not run here.`]),
    'import numpy as np',
    'import torch',
    'import torch.nn.functional as F',
    '',
    ...operandLines(finding),
    '',
    ...(call.refusal === null ? comparison(finding, who) : refusal(finding, who)),
    '',
  ];
  return { text: lines.join('\n'), ends: 'with 1', says: wrongWord };
}

/** PyTorch against TensorFlow's kernel, which tfjs-node calls; null where that is not what was wrong, or can't be said. */
function tensorflowProgram(finding: Finding): Program | null {
  const { call, backend, mismatch, got } = finding;
  if (backend.runtime !== 'node' || !backend.name.endsWith('-native') || finding.before.length > 0) return null;
  if (call.operator.gradient !== null) return null;
  const native = nativeCallOf(call.operator, normalSpec(call));
  const expression = typeof native === 'string' ? null : tensorflowCall(native, call);
  const refuses = mismatch.kind === 'acceptance' && got.kind === 'rejected';
  if (expression === null || !(mismatch.kind === 'value' || refuses)) return null;
  const lines = [
    ...head(finding, ['numpy', 'tensorflow'], ["TensorFlow's own kernel in Python, which tfjs-node calls as well."]),
    'import os',
    '',
    '# Which kernels oneDNN replaces depends on the machine.',
    'os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"',
    'import numpy as np',
    'import tensorflow as tf',
    'import torch',
    'import torch.nn.functional as F',
    '',
    ...operandLines(finding),
    '',
    `expected = ${torchCall(finding)}.numpy()`,
    'print("PyTorch gives", expected, sep="\\n")',
    ...(refuses ? ['# TensorFlow throws here.'] : []),
    `given = ${expression}`,
    'print("TensorFlow gives", given, sep="\\n")',
    ...(refuses ? [] : judgement(finding, true)),
    '',
  ];
  const text = lines.join('\n');
  // The module of the errors that TensorFlow's kernels raise.
  if (refuses) return { text, ends: 'with an error', says: 'errors_impl' };
  return { text, ends: 'with 1', says: wrongWord };
}

function refusal(finding: Finding, who: string): string[] {
  return [
    'try:',
    `    print("PyTorch gives", ${torchCall(finding)})`,
    'except Exception as error:',
    '    print("PyTorch refuses:", error)',
    `    raise SystemExit(${JSON.stringify(`${who}: ${finding.mismatch.reason}: ${wrongWord}`)})`,
  ];
}

function comparison(finding: Finding, who: string): string[] {
  const { mismatch } = finding;
  const [wanted, got] = [wantedOf(finding), gotOf(finding)];
  const lines = [
    `expected = ${torchCall(finding)}.numpy()`,
    `print("PyTorch gives", ${isShort(wanted) ? 'expected, sep="\\n"' : 'expected.shape'})`,
  ];
  if (mismatch.culprit !== null) {
    const given = [`given = ${isShort(got) ? arrayText(got) : number(mismatch.culprit.got)}  # by ${who}`];
    const shown = isShort(got) ? [`print(${JSON.stringify(`${who} gave`)}, given, sep="\\n")`] : [];
    return [...lines, ...given, ...shown, ...judgement(finding, isShort(got))];
  }
  if (mismatch.kind === 'shape' && got !== null) {
    return [
      ...lines,
      `want, got = expected.shape, ${tuple(got.shape)}  # by ${who}`,
      `print(f"shape: wanted {want}, got {got}:", "right" if want == got else "${wrongWord}")`,
      'raise SystemExit(0 if want == got else 1)',
    ];
  }
  return [...lines, `print(${JSON.stringify(`${who}: ${mismatch.reason}: ${wrongWord}`)})`, 'raise SystemExit(1)'];
}

/** The end of a program with `expected` and `given`: an array, or only the element that is furthest off. */
function judgement({ call, mismatch }: Finding, isArray: boolean): string[] {
  const { index, allowed } = mismatch.culprit!;
  const at = index.length === 0 ? '[()]' : `[${index.join(', ')}]`;
  const near = call.operator.rounding === null ? '' : ` or abs(got - want) <= ${allowed}`;
  return [
    `want, got = float(expected${at}), float(given${isArray ? at : ''})`,
    `right = str(want) == str(got)${near}`,
    `print(f"at ${at}: wanted {want}, got {got}:", "right" if right else "${wrongWord}")`,
    'raise SystemExit(0 if right else 1)',
  ];
}

/** tfjs's own call as TensorFlow's in Python, on and to arrays in PyTorch's layout; null where it has no such form. */
function tensorflowCall(native: NativeCall, call: Call): string | null {
  if (native.call === 'mirrorPad') return `tf.pad(x, ${rowsText(native.rows)}, mode="REFLECT").numpy()`;
  if (native.call === 'pad') {
    return `tf.pad(x, ${rowsText(native.rows)}, constant_values=${number(native.value)}).numpy()`;
  }
  const axes = native.strides.length;
  const isFirst = 'first' in native && native.first.some(({ before, after }) => before !== 0 || after !== 0);
  const ownAxes = call.tensors.weight!.shape.length - 2;
  // tf.nn.conv1d takes no rows.
  if (native.call === 'conv1d' && typeof native.pad !== 'string') return null;
  if (isFirst || ownAxes !== axes || native.call === 'depthwiseConv2d' || typeof native.pad === 'number') return null;
  const spatial = native.strides.map((_, i) => i + 2);
  const x = `${call.addsBatch ? 'x[None]' : 'x'}.transpose(${[0, ...spatial, 1].join(', ')})`;
  const w = `w.transpose(${[...spatial, 1, 0].join(', ')})`;
  const inner = typeof native.pad === 'string' ? `"${native.pad.toUpperCase()}"` : rowsText(native.pad);
  const around = (values: readonly number[]) => `[1, ${values.join(', ')}, 1]`;
  const name = native.call.replace('Transpose', '_transpose');
  const shape = 'outputShape' in native ? `[${native.outputShape.join(', ')}], ` : '';
  const dilated = 'dilations' in native && native.dilations.some((dilation) => dilation > 1);
  const dilations = dilated ? `, dilations=${around((native as NativeConvolution).dilations)}` : '';
  const result = `tf.nn.${name}(${x}, ${w}, ${shape}${around(native.strides)}, ${inner}${dilations})`;
  const biased = call.tensors.bias === undefined ? result : `(${result} + b)`;
  const back = [0, axes + 1, ...spatial.map((axis) => axis - 1)];
  return `${biased}.numpy().transpose(${back.join(', ')})${call.addsBatch ? '[0]' : ''}`;
}

function rowsText(rows: readonly (readonly number[])[]): string {
  return `[${rows.map((row) => `[${row.join(', ')}]`).join(', ')}]`;
}
