import '../backends/runtimes/node.ts';
import '../backends/runtimes/wasm.ts';
import '../backends/runtimes/cpu.ts';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pythonPath, root } from '../../scripts/setup.mjs';
import { caseOf } from '../campaign/plan.ts';
import { mapInputs } from '../core/case.ts';
import { prepare } from '../operators/call.ts';
import { operatorOf, operators } from '../operators/index.ts';
import { axisValues } from '../semantics/window.ts';
import * as lowering from './tfjs.ts';

/* The functions that people import, on every runtime, in both layouts, against PyTorch: results, gradients, refusals, leaks. */

const runtimes = ['cpu', 'wasm', 'tensorflow'];

interface Data {
  shape: readonly number[];
  values: number[];
}

/** A call of `torch.nn.functional`, or of a module of `torch.nn`, and the same for us. */
interface TorchCall {
  name: string;
  options: object;
  module?: string;
  built?: object;
  inputs: { input: Data; weight?: Data; bias?: Data };
  ours: object;
}

interface Answer {
  error?: string;
  shape: number[];
  values: number[];
  gradients: Record<string, number[]>;
}

async function torch(calls: readonly TorchCall[]): Promise<Answer[]> {
  const script = join(root, 'harness/lowering/fixtures/torch_gradients.py');
  const { stdout } = await execa(pythonPath(), [script], { input: JSON.stringify(calls), maxBuffer: 2 ** 28 });
  return JSON.parse(stdout);
}

const layers = {
  conv1d: lowering.conv1d,
  conv2d: lowering.conv2d,
  conv3d: lowering.conv3d,
  conv_transpose1d: lowering.convTranspose1d,
  conv_transpose2d: lowering.convTranspose2d,
  conv_transpose3d: lowering.convTranspose3d,
};

/** (N, C, …) to (N, …, C), or without N; and back. */
function moved(x: tf.Tensor, axes: number, to: 'last' | 'first'): tf.Tensor {
  const channel = x.rank - 1 - axes;
  const order = [...x.shape.keys()];
  if (to === 'last') return tf.transpose(x, [...order.slice(0, channel), ...order.slice(channel + 1), channel]);
  return tf.transpose(x, [...order.slice(0, channel), x.rank - 1, ...order.slice(channel, -1)]);
}

/** (a, b, …) to (…, b, a), and back. */
function turned(w: tf.Tensor, to: 'last' | 'first'): tf.Tensor {
  const order = [...w.shape.keys()];
  return tf.transpose(w, to === 'last' ? [...order.slice(2), 1, 0] : [w.rank - 1, w.rank - 2, ...order.slice(0, -2)]);
}

/** What we give for a call, in PyTorch's layout whatever the layout is. */
function ours(call: TorchCall, layout: lowering.Layout, more: object = {}): Omit<Answer, 'error'> {
  return tf.tidy(() => {
    const { input, weight, bias } = mapInputs(call.inputs, ({ shape, values }) =>
      tf.tensor(values, [...shape], 'float32'),
    );
    const gradientBy = (shape: readonly number[]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return tf.tensor(
        Array.from({ length: size }, (_, i) => ((i * 7) % 5) - 2),
        [...shape],
      );
    };
    if (call.name === 'pad') {
      const { pad, mode, value } = call.options as { pad: number[]; mode: lowering.PadMode; value?: number };
      const f = (x: tf.Tensor) => lowering.pad(x, pad, mode, value ?? 0);
      const y = f(input);
      const gradient = tf.grad(f)(input, gradientBy(y.shape));
      return { shape: y.shape, values: [...y.dataSync()], gradients: { input: [...gradient.dataSync()] } };
    }
    const axes = weight!.rank - 2;
    const nhwc = layout === 'NHWC';
    const given = [nhwc ? moved(input, axes, 'last') : input, nhwc ? turned(weight!, 'last') : weight!];
    if (bias !== undefined) given.push(bias);
    const layer = layers[call.name as keyof typeof layers];
    const f = (...xs: tf.Tensor[]) => layer(xs[0]!, xs[1]!, xs[2], { ...call.ours, ...more, layout });
    const y = f(...given);
    const shown = nhwc ? moved(y, axes, 'first') : y;
    const dy = gradientBy(shown.shape);
    const [dx, dw, db] = tf.grads(f)(given, nhwc ? moved(dy, axes, 'last') : dy);
    return {
      shape: shown.shape,
      values: [...shown.dataSync()],
      gradients: {
        input: [...(nhwc ? moved(dx!, axes, 'first') : dx!).dataSync()],
        weight: [...(nhwc ? turned(dw!, 'first') : dw!).dataSync()],
        ...(db === undefined ? {} : { bias: [...db.dataSync()] }),
      },
    } as unknown as tf.TensorContainer;
  }) as unknown as Omit<Answer, 'error'>;
}

/** No −0, which a sum may or may not give. */
function plain(answer: Answer): Answer {
  const unsigned = (values: number[]) => values.map((value) => value + 0);
  const gradients = Object.fromEntries(
    Object.entries(answer.gradients).map(([name, values]) => [name, unsigned(values)]),
  );
  return { ...answer, values: unsigned(answer.values), gradients };
}

/** Calls of an operator with small whole numbers, so that every sum is exact. */
function sampled(op: keyof typeof layers | 'pad', count: number): TorchCall[] {
  const operator = operatorOf(op);
  return fc
    .sample(operator.arbitrary, { seed: 5, numRuns: count })
    .filter((spec) => spec.dtypes.input === 'float32' && operator.undefinedBecause(spec) === null)
    .map((spec, seed) => {
      const call = prepare(caseOf(op, { spec, values: 'lattice', seed, twist: null }));
      const inputs = mapInputs(call.tensors, ({ shape, data }) => ({ shape, values: Array.from(data, Number) }));
      const { mode, value, ...params } = call.spec.params;
      const constant = mode === 'constant' && Number.isFinite(value) ? { value: Math.trunc(value as number) } : {};
      const options = op === 'pad' ? { ...params, mode, ...constant } : params;
      return { name: op, options, inputs, ours: options };
    });
}

/** Convolutions with a `padding_mode`, as modules. */
function withModes(): TorchCall[] {
  const modes = ['reflect', 'replicate', 'circular'];
  return ([1, 2, 3] as const).flatMap((axes) =>
    sampled(`conv${axes}d`, 60).map((call, i) => {
      const { input, weight } = call.inputs as Required<TorchCall['inputs']>;
      const { groups, ...lists } = call.options as { groups: number };
      const options = { ...lists, groups, padding_mode: modes[i % 3] };
      const kernel_size = weight.shape.slice(2);
      const in_channels = input.shape.at(-axes - 1);
      const built = { ...options, kernel_size, in_channels, out_channels: weight.shape[0] };
      return { ...call, module: `Conv${axes}d`, built: expanded(built, axes), options: {}, ours: options };
    }),
  );
}

/** torch.nn wants lists with one entry an axis where F takes a list of one. */
function expanded(built: Record<string, unknown>, axes: number): object {
  const wide = (value: unknown) =>
    Array.isArray(value) && value.length === 1 ? new Array(axes).fill(value[0]) : value;
  return Object.fromEntries(Object.entries(built).map(([name, value]) => [name, wide(value)]));
}

/** Transposed convolutions with an `output_size`, as modules: every size that the stride allows, and some that it does not. */
function withSizes(): TorchCall[] {
  return ([1, 2, 3] as const).flatMap((axes) =>
    sampled(`conv_transpose${axes}d`, 60).map((call, i) => {
      const { input, weight } = call.inputs as Required<TorchCall['inputs']>;
      const { output_padding, ...options } = call.options as { output_padding: unknown; groups: number };
      const [strides, paddings, dilations] = ['stride', 'padding', 'dilation'].map((name) =>
        axisValues(options as never, name, axes),
      ) as [number[], number[], number[]];
      const sizes = strides.map((stride, axis) => {
        const size = input.shape.at(axis - axes)!;
        const least = (size - 1) * stride - 2 * paddings[axis]! + dilations[axis]! * (weight.shape[axis + 2]! - 1) + 1;
        return least + (i % (stride + 2)) - (i % 7 === 0 ? 1 : 0);
      });
      const in_channels = weight.shape[0]!;
      const out_channels = weight.shape[1]! * options.groups;
      const built = { ...options, kernel_size: weight.shape.slice(2), in_channels, out_channels };
      return {
        ...call,
        module: `ConvTranspose${axes}d`,
        built: expanded(built, axes),
        options: { output_size: sizes },
        ours: { ...options, output_size: sizes },
      };
    }),
  );
}

const families: [string, () => TorchCall[]][] = [
  ...operators.map(({ name }): [string, () => TorchCall[]] => [name, () => sampled(name, 60)]),
  ['padding_mode', withModes],
  ['output_size', withSizes],
];

let answers: Map<string, { call: TorchCall; answer: Answer }[]>;

beforeAll(async () => {
  const calls = families.map(([name, make]) => ({ name, calls: make() }));
  const all = await torch(calls.flatMap((family) => family.calls));
  answers = new Map(calls.map((family) => [family.name, family.calls.map((call) => ({ call, answer: all.shift()! }))]));
}, 120_000);

let tensors: number;

beforeEach(() => {
  tensors = tf.memory().numTensors;
});

afterEach(() => {
  expect(tf.memory().numTensors).toBe(tensors);
});

describe.each(runtimes)('on %s', (runtime) => {
  beforeAll(async () => {
    await tf.setBackend(runtime);
  });

  describe.each(families.map(([name]) => name))('%s', (name) => {
    test.each(['NCHW', 'NHWC'] as const)('%s: results and gradients are PyTorch’s', (layout) => {
      let compared = 0;
      for (const { call, answer } of answers.get(name)!) {
        if (answer.error !== undefined) {
          expect(() => ours(call, layout), answer.error).toThrow(call.name);
          continue;
        }
        compared += 1;
        expect({ call, ...plain(ours(call, layout)) }).toEqual({ call, ...plain(answer) });
      }
      expect(compared).toBeGreaterThan(20);
    });
  });

  test.each([1, 2, 3] as const)('conv_transpose%id by padding the input', (axes) => {
    for (const { call, answer } of answers.get(`conv_transpose${axes}d`)!) {
      expect({ call, ...plain(ours(call, 'NCHW', { route: 'pad' })) }).toEqual({ call, ...plain(answer) });
    }
  });
});

describe('what is wrong with a call is said', () => {
  const x = () => tf.zeros([1, 4, 9]);
  const w = () => tf.zeros([4, 4, 3]);

  test.each<[string, () => unknown, string]>([
    [
      'an option of another library',
      () => lowering.conv1d(x(), w(), null, { strides: 2 } as object),
      'no option strides',
    ],
    ['a fraction', () => lowering.conv1d(x(), w(), null, { stride: 1.5 }), 'stride must be a whole number'],
    ['a name', () => lowering.convTranspose1d(x(), w(), null, { padding: 'same' as never }), 'padding must be'],
    ['a rule', () => lowering.conv1d(x(), w(), null, { groups: 3 }), 'groups must divide'],
    ['no tensor', () => lowering.conv1d([1] as never, w()), 'input must be a tensor'],
    ['a dtype', () => lowering.conv1d(tf.zeros([1, 4, 9], 'int32'), w()), 'must be float32'],
    ['a layout', () => lowering.conv1d(x(), w(), null, { layout: 'NWC' as never }), 'layout must be one of'],
    ['a mode', () => lowering.conv1d(x(), w(), null, { padding_mode: 'constant' as never }), 'padding_mode must be'],
    [
      'a mode that does not fit',
      () => lowering.conv1d(x(), w(), null, { padding: 9, padding_mode: 'reflect' }),
      'reflect pads',
    ],
    [
      'two paddings',
      () => lowering.convTranspose1d(x(), w(), null, { output_padding: 0, output_size: [11] }),
      'not both',
    ],
    ['a size', () => lowering.convTranspose1d(x(), w(), null, { output_size: [12] }), 'from [11] to [11]'],
    ['a pad', () => lowering.pad(x(), [1]), 'even number'],
    ['no options', () => lowering.conv1d(x(), w(), null, null as never), 'options must be an object'],
    [
      'a disposed tensor',
      () => {
        const gone = w();
        gone.dispose();
        return lowering.conv1d(x(), gone);
      },
      'weight has been disposed of',
    ],
  ])('%s', (_, call, message) => {
    tf.tidy(() => {
      expect(() => tf.tidy(() => call() as tf.Tensor)).toThrow(message);
    });
  });
});
