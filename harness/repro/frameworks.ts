import { inputNames, type Params } from '../core/case.ts';
import { type NativeCall, type NativeConvolution, nativeCallOf } from '../lowering/native.ts';
import { printedFunction } from '../lowering/print.ts';
import { list, number, tuple } from '../lowering/tensorflowSource.ts';
import { type Call, normalSpec } from '../operators/call.ts';
import { callText, operandNames } from '../report/words.ts';
import { convolutionPadding } from '../semantics/convolution.ts';
import { dimensionsOf, modeOf, type PadAxis, type PadMode, paddingValue, storedValue } from '../semantics/pad.ts';
import type { Spec } from '../semantics/semantics.ts';

/*
 * Calls of frameworks that have Python of their own, as the backends in oracles/ make them, written out for one case.
 */

/** A framework as a program calls it. */
export interface Framework {
  /** As people call it. */
  title: string;
  /** What the program says of it. */
  about: string;
  /** What pip is to install, for a backend of this version. */
  packages(version: string): string[];
  /** What the name of the exception has in it where the backend gives this reason for a refusal. */
  exception(reason: string): string;
  /** Whether the call can be written down also where PyTorch refuses it. */
  isLax: boolean;
  /** What has to be set before it is imported. */
  env: Readonly<Record<string, string>>;
  /** Statements that import it and set it up; NumPy is there already. */
  imports: readonly string[];
  /**
   * Statements that leave the result in `given`, a NumPy array that is shaped as the case has it. The operands are NumPy arrays by
   * the names of `operandNames`. Null where it has no such call.
   */
  statements(call: Call): readonly string[] | null;
}

function framework(
  title: string,
  name: string,
): Pick<Framework, 'title' | 'about' | 'packages' | 'exception' | 'isLax'> {
  return {
    title,
    about: `${title}, called as the backend calls it.`,
    packages: (version) => [`${name}==${version}`],
    isLax: false,
    // The backends in oracles/ begin with it.
    exception: (reason) => reason.split(':')[0]!,
  };
}

/** By the names of the backends. */
const frameworks: Readonly<Record<string, Framework>> = {
  tensorflow: tensorflow('0'),
  'tensorflow-onednn': tensorflow('1'),
  'tfjs-node-native': {
    title: 'TensorFlow',
    about: "TensorFlow's own kernel in Python, which tfjs-node calls as well.",
    packages: () => ['tensorflow'],
    isLax: false,
    // The module of the errors that TensorFlow's kernels raise.
    exception: () => 'errors_impl',
    env: { TF_ENABLE_ONEDNN_OPTS: '0' },
    imports: ['import tensorflow as tf'],
    statements(call) {
      const native = nativeCallOf(call.operator, normalSpec(call));
      const expression = typeof native === 'string' ? null : tensorflowCall(native, call);
      return expression === null ? null : [givenLine(call, expression)];
    },
  },
  jax: {
    ...framework('JAX', 'jax'),
    env: { JAX_PLATFORMS: 'cpu' },
    imports: ['import jax', 'from jax import lax, numpy as jnp', 'jax.config.update("jax_enable_x64", True)'],
    statements: (call) => (isPad(call) ? jaxPad(call) : jaxLayer(call)),
  },
  openvino: openvino(false),
  'openvino-native': openvino(true),
  'torch-float32': torch(false),
  'torch-float32-onednn': torch(true),
};

/** The framework that a built-in backend calls, or null where it is none of those. */
export function frameworkOf(builtIn: string | null): Framework | null {
  return builtIn !== null && Object.hasOwn(frameworks, builtIn) ? frameworks[builtIn]! : null;
}

function isPad(call: Call): boolean {
  return call.operator.family === 'padding';
}

/** The input with a batch axis, which it may be lent. */
function batched(call: Call): string {
  return call.addsBatch ? 'x[None]' : 'x';
}

/** A result without the batch axis that the input was lent. */
function givenLine(call: Call, result: string): string {
  return `given = ${result}${call.addsBatch ? '[0]' : ''}`;
}

/** The bias as an array that fits the second axis of a result. */
function biasText({ shapes }: Spec): string {
  return `b.reshape(${[1, -1, ...shapes.weight!.slice(2).map(() => 1)].join(', ')})`;
}

function pairs(ends: readonly { before: number; after: number }[]): string {
  return list(ends.map(({ before, after }) => `(${before}, ${after})`));
}

/** What positive widths add. */
function added(axes: readonly PadAxis[]): { before: number; after: number }[] {
  return axes.map(({ before, after }) => ({ before: Math.max(0, before), after: Math.max(0, after) }));
}

/** What negative widths crop from an array to which the others were added, as an index; empty where that is nothing. */
function cropping(axes: readonly PadAxis[]): string {
  if (axes.every(({ before, after }) => before >= 0 && after >= 0)) return '';
  const places = axes.map(({ before, after }) => `${before < 0 ? -before : ''}:${after < 0 ? after : ''}`);
  return list(places);
}

/** Where nothing is added, PyTorch takes what no int32 holds. */
function fillValue(spec: Spec): string {
  const { input } = spec.dtypes;
  const value = storedValue(paddingValue(spec), input);
  const isHeld = input !== 'int32' || (value | 0) === value;
  return number(isHeld ? value : 0);
}

/** One entry an axis. */
interface Axes {
  stride: readonly number[];
  dilation: readonly number[];
  padding: readonly number[];
  output_padding: readonly number[];
}

function axesOf(params: Params): Axes {
  return params as unknown as Axes;
}

function convolutionEnds({ params, shapes }: Spec): { before: number; after: number }[] {
  return convolutionPadding(params.padding!, shapes.weight!.slice(2), axesOf(params).dilation);
}

/** The same of a transposed convolution, as one over the input with its elements a stride apart; negative ends crop. */
function transposedEnds({ params, shapes }: Spec): { before: number; after: number }[] {
  const { dilation, padding, output_padding } = axesOf(params);
  return shapes.weight!.slice(2).map((size, i) => {
    const before = dilation[i]! * (size - 1) - padding[i]!;
    return { before, after: before + output_padding[i]! };
  });
}

function tensorflow(oneDNN: '0' | '1'): Framework {
  return {
    ...framework('TensorFlow', 'tensorflow'),
    env: { TF_ENABLE_ONEDNN_OPTS: oneDNN },
    imports: ['import tensorflow as tf', 'tf.config.threading.set_intra_op_parallelism_threads(1)'],
    statements(call) {
      const spec = normalSpec(call);
      // The printed function goes round what tf.pad does to the sign of a zero.
      if (isPad(call) && modeOf(spec) === 'constant') {
        const axes = dimensionsOf(spec);
        const ends = added(axes).map(({ before, after }) => [before, after]);
        const rows = axes.length === 0 ? 'np.zeros((0, 2), int)' : rowsText(ends);
        return [`given = tf.pad(x, ${rows}, constant_values=${fillValue(spec)}).numpy()${cropping(axes)}`];
      }
      if (call.operator.outputShape(call.spec).includes(0)) return null;
      const { name } = call.operator;
      const operands = inputNames.filter((input) => call.tensors[input] !== undefined);
      const tensors = operands.map((input) => `tf.constant(${operandNames[input]})`);
      return [
        '',
        ...printedFunction(call, 'tensorflow').split('\n'),
        '',
        `given = ${name}(${tensors.join(', ')}).numpy()`,
      ];
    },
  };
}

const jaxModes: Record<PadMode, string | null> = {
  constant: null,
  reflect: 'reflect',
  replicate: 'edge',
  circular: 'wrap',
};

function jaxPad(call: Call): string[] | null {
  const spec = normalSpec(call);
  const [axes, mode] = [dimensionsOf(spec), modeOf(spec)];
  if (axes.length === 0 || (mode === 'circular' && cropping(axes) !== '')) return null;
  const how = mode === 'constant' ? `constant_values=${fillValue(spec)}` : `mode="${jaxModes[mode]}"`;
  return [`given = np.asarray(jnp.pad(jnp.asarray(x), ${pairs(added(axes))}, ${how}))${cropping(axes)}`];
}

const jaxLayouts: Record<number, string> = { 1: 'H', 2: 'HW', 3: 'DHW' };

function jaxLayer(call: Call): string[] {
  const spec = normalSpec(call);
  const { params, shapes } = spec;
  const { stride, dilation } = axesOf(params);
  const groups = params.groups as number;
  const [first, second, ...kernel] = shapes.weight as [number, number, ...number[]];
  const isTransposed = call.operator.family === 'transposed convolution';
  const spatial = jaxLayouts[kernel.length]!;
  // A convolution of the input with its elements a stride apart.
  const mirrored = [
    `k = w.reshape(${[groups, first / groups, second, ...kernel].join(', ')}).swapaxes(1, 2)`,
    `k = np.flip(k.reshape(${[groups * second, first / groups, ...kernel].join(', ')}), ${tuple(kernel.map((_, i) => i + 2))})`,
  ];
  const words = [
    batched(call),
    isTransposed ? 'k' : 'w',
    `window_strides=${list(isTransposed ? kernel.map(() => 1) : stride)}`,
    `padding=${pairs(isTransposed ? transposedEnds(spec) : convolutionEnds(spec))}`,
    ...(isTransposed ? [`lhs_dilation=${list(stride)}`] : []),
    `rhs_dilation=${list(dilation)}`,
    `dimension_numbers=("NC${spatial}", "OI${spatial}", "NC${spatial}")`,
    `feature_group_count=${groups}`,
    'precision=lax.Precision.HIGHEST',
  ];
  const result = `np.asarray(lax.conv_general_dilated(\n    ${words.join(',\n    ')},\n))`;
  const biased = call.tensors.bias === undefined ? 'y' : `(y + ${biasText(spec)})`;
  return [...(isTransposed ? mirrored : []), `y = ${result}`, givenLine(call, biased)];
}

function openvino(isNative: boolean): Framework {
  return {
    ...framework('OpenVINO', 'openvino'),
    env: {},
    imports: ['import openvino', 'from openvino import opset15 as ops'],
    statements(call) {
      const { shapes } = normalSpec(call);
      const [node, crop] = isPad(call) ? openvinoPad(call, isNative) : [openvinoLayer(call), ''];
      if (node === null) return null;
      return [
        `p = ops.parameter(${list(shapes.input)}, np.${call.spec.dtypes.input})`,
        `node = ${node}`,
        'config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}',
        'compiled = openvino.Core().compile_model(openvino.Model([node], [p], "one"), "CPU", config)',
        givenLine(call, `compiled([${batched(call)}])[0]${crop}`),
      ];
    },
  };
}

const openvinoModes: Record<PadMode, string | null> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
  circular: null,
};

/** The node, and what is to be cropped of its result. */
function openvinoPad(call: Call, isNative: boolean): [node: string | null, crop: string] {
  const spec = normalSpec(call);
  const [axes, mode] = [dimensionsOf(spec), modeOf(spec)];
  if (axes.length === 0 || openvinoModes[mode] === null) return [null, ''];
  const ends = isNative ? axes : added(axes);
  const widths = (side: 'before' | 'after') => `np.array(${list(ends.map((end) => end[side]))})`;
  const value = mode === 'constant' ? `, np.array(${fillValue(spec)}, np.${spec.dtypes.input})` : '';
  const node = `ops.pad(p, ${widths('before')}, ${widths('after')}, "${openvinoModes[mode]}"${value})`;
  return [node, isNative ? '' : cropping(axes)];
}

function openvinoLayer(call: Call): string {
  const spec = normalSpec(call);
  const { params, shapes } = spec;
  const { stride, dilation, padding, output_padding } = axesOf(params);
  const groups = params.groups as number;
  const [first, ...rest] = shapes.weight!;
  const kernel = groups === 1 ? 'w' : `w.reshape(${[groups, first! / groups, ...rest].join(', ')})`;
  const prefix = groups === 1 ? 'ops.' : 'ops.group_';
  const result =
    call.operator.family === 'transposed convolution'
      ? `${prefix}convolution_backprop_data(p, ${kernel}, strides=${list(stride)}, pads_begin=${list(padding)}, pads_end=${list(padding)}, dilations=${list(dilation)}, output_padding=${list(output_padding)})`
      : openvinoConvolution(`${prefix}convolution(p, ${kernel}`, spec);
  if (call.tensors.bias === undefined) return result;
  return `ops.add(${result}, ${biasText(spec)})`;
}

function openvinoConvolution(beginning: string, spec: Spec): string {
  const { stride, dilation } = axesOf(spec.params);
  const ends = convolutionEnds(spec);
  const [begins, finishes] = [ends.map(({ before }) => before), ends.map(({ after }) => after)];
  return `${beginning}, ${[stride, begins, finishes, dilation].map(list).join(', ')})`;
}

function torch(oneDNN: boolean): Framework {
  return {
    ...framework('PyTorch in float32', 'torch'),
    packages: () => [],
    isLax: true,
    env: {},
    imports: ['torch.set_num_threads(1)'],
    statements(call) {
      const expression = callText(call.case, (name) => `torch.from_numpy(${name})`, pythonValue);
      return [
        `with torch.backends.mkldnn.flags(enabled=${oneDNN ? 'True' : 'False'}):`,
        `    given = ${expression}.numpy()`,
      ];
    },
  };
}

/** A parameter as Python has it. */
export function pythonValue(value: number | string | readonly number[], name: string): string {
  if (typeof value === 'string') return name === 'value' ? `float('${value}')` : `'${value}'`;
  return typeof value === 'number' ? number(value) : list(value.map(number));
}

/** tfjs's own call as TensorFlow's in Python, on and to arrays in PyTorch's layout with a batch axis; null where it has no such form. */
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
  const x = `${batched(call)}.transpose(${[0, ...spatial, 1].join(', ')})`;
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
  return `${biased}.numpy().transpose(${back.join(', ')})`;
}

function rowsText(rows: readonly (readonly number[])[]): string {
  return list(rows.map(list));
}
