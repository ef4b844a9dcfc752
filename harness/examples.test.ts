import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultBackends } from './backends/index.ts';
import { Session } from './campaign/session.ts';
import { caseSchema, type OpName, type Params } from './core/case.ts';
import { prepare } from './operators/call.ts';

/*
 * The three layers that this project was started for: transposed convolutions whose stride, padding and output_padding no
 * TensorFlow.js call takes together; and layers as well-known models have them, some with fewer channels or a smaller picture.
 * Each default backend must give what PyTorch gives, to the last integer.
 */

let session: Session;
beforeAll(async () => {
  session = await Session.open({ backends: defaultBackends, caseTimeout_ms: 30_000, cwd: process.cwd() });
});
afterAll(() => session?.close());

async function expectAgreement(
  input: number[],
  weight: number[] | null,
  params: Params,
  shape: number[],
  op: OpName = 'conv_transpose1d',
): Promise<void> {
  const tensor = (of: number[], seed: number) => ({
    dtype: 'float32' as const,
    shape: of,
    data: { kind: 'seeded' as const, values: 'lattice' as const, seed },
  });
  const inputs = { input: tensor(input, 1), ...(weight === null ? {} : { weight: tensor(weight, 2) }) };
  const judgements = await session.judge(prepare({ schema: caseSchema, op, params, inputs }));
  const elements = shape.reduce((a, b) => a * b);
  expect(judgements.map(({ contender, verdict }) => [contender.name, verdict])).toEqual(
    defaultBackends.map((name) => [
      name,
      { verdict: 'agree', shape, worst: 0, bound: 0, compared: elements, vacuous: null },
    ]),
  );
}

describe('conv_transpose1d on every default backend', () => {
  test('(2, 1, 7) with a kernel of 3, stride 3, padding 5 and output_padding 2 gives (2, 2, 13)', () =>
    expectAgreement([2, 1, 7], [1, 2, 3], { stride: 3, padding: 5, output_padding: 2 }, [2, 2, 13]));

  test('(2, 258, 249) with a kernel of 7, stride 6, padding 9 and output_padding 4 gives (2, 1, 1481)', () =>
    expectAgreement([2, 258, 249], [258, 1, 7], { stride: 6, padding: 9, output_padding: 4 }, [2, 1, 1481]));

  test.each([
    [0, 0, 32_000],
    [64, 0, 31_872],
    [64, 127, 31_999],
    [128, 1, 31_745],
    [300, 90, 31_490],
  ])(
    '(2, 258, 249) with a kernel of 256, stride 128, padding %d and output_padding %d',
    (padding, output_padding, length) =>
      expectAgreement([2, 258, 249], [258, 1, 256], { stride: 128, padding, output_padding }, [2, 1, length]),
  );
});

const models: [string, OpName, number[], number[] | null, Params, number[]][] = [
  ['the stem of ResNet', 'conv2d', [1, 3, 64, 64], [16, 3, 7, 7], { stride: 2, padding: 3 }, [1, 16, 32, 32]],
  ['the first layer of AlexNet', 'conv2d', [1, 3, 63, 63], [16, 3, 11, 11], { stride: 4, padding: 2 }, [1, 16, 15, 15]],
  ['a projection of ResNet', 'conv2d', [2, 64, 14, 14], [128, 64, 1, 1], { stride: 2 }, [2, 128, 7, 7]],
  ['a block of ResNeXt', 'conv2d', [1, 64, 14, 14], [64, 2, 3, 3], { padding: 1, groups: 32 }, [1, 64, 14, 14]],
  [
    'a depthwise layer of MobileNet',
    'conv2d',
    [1, 512, 14, 14],
    [512, 1, 3, 3],
    { stride: 2, padding: 1, groups: 512 },
    [1, 512, 7, 7],
  ],
  [
    'a depthwise layer with a multiplier, strides that differ and dilation',
    'conv2d',
    [1, 24, 15, 9],
    [48, 1, 3, 5],
    { stride: [2, 1], dilation: [1, 2], padding: [0, 4], groups: 24 },
    [1, 48, 7, 9],
  ],
  [
    'atrous pooling of DeepLab',
    'conv2d',
    [1, 16, 33, 33],
    [8, 16, 3, 3],
    { padding: 12, dilation: 12 },
    [1, 8, 33, 33],
  ],
  ['a separable layer of Inception', 'conv2d', [1, 32, 17, 17], [32, 32, 1, 7], { padding: [0, 3] }, [1, 32, 17, 17]],
  [
    'a generator of DCGAN',
    'conv_transpose2d',
    [1, 32, 8, 8],
    [32, 16, 4, 4],
    { stride: 2, padding: 1 },
    [1, 16, 16, 16],
  ],
  [
    'the decoder of a U-Net that gets its odd size back',
    'conv_transpose2d',
    [1, 16, 7, 9],
    [16, 8, 3, 3],
    { stride: 2, padding: 1, output_padding: [1, 0] },
    [1, 8, 14, 17],
  ],
  [
    'a grouped, dilated transposed layer',
    'conv_transpose2d',
    [2, 6, 5, 7],
    [6, 2, 3, 2],
    { stride: [2, 3], padding: [1, 0], output_padding: [1, 2], dilation: [2, 3], groups: 3 },
    [2, 6, 12, 24],
  ],
  ['a causal layer of WaveNet', 'conv1d', [1, 32, 200], [64, 32, 2], { dilation: 16 }, [1, 64, 184]],
  ['the feature extractor of wav2vec 2.0', 'conv1d', [1, 1, 2000], [64, 1, 10], { stride: 5 }, [1, 64, 399]],
  ['the vocoder of HiFi-GAN', 'conv_transpose1d', [1, 64, 20], [64, 32, 16], { stride: 8, padding: 4 }, [1, 32, 160]],
  ['the first layer of C3D', 'conv3d', [1, 3, 8, 16, 16], [16, 3, 3, 3, 3], { padding: 1 }, [1, 16, 8, 16, 16]],
  [
    'the stem of R(2+1)D',
    'conv3d',
    [1, 3, 4, 32, 32],
    [12, 3, 1, 7, 7],
    { stride: [1, 2, 2], padding: [0, 3, 3] },
    [1, 12, 4, 16, 16],
  ],
  ['the decoder of V-Net', 'conv_transpose3d', [1, 8, 4, 5, 6], [8, 4, 2, 2, 2], { stride: 2 }, [1, 4, 8, 10, 12]],
  [
    'a transposed layer over time alone',
    'conv_transpose3d',
    [1, 4, 3, 4, 5],
    [4, 2, 3, 1, 1],
    { stride: [3, 1, 1], padding: [1, 0, 0], output_padding: [2, 0, 0], dilation: [2, 1, 1] },
    [1, 2, 11, 4, 5],
  ],
  [
    'the mirror before a style transfer',
    'pad',
    [1, 3, 20, 24],
    null,
    { pad: [4, 4, 4, 4], mode: 'reflect' },
    [1, 3, 28, 32],
  ],
  ['the seam of a panorama', 'pad', [1, 3, 8, 16], null, { pad: [3, 3, 0, 0], mode: 'circular' }, [1, 3, 8, 22]],
  [
    'the edge of a volume',
    'pad',
    [1, 2, 3, 4, 5],
    null,
    { pad: [1, 2, 0, 1, 2, 0], mode: 'replicate' },
    [1, 2, 5, 5, 8],
  ],
  ['the asymmetric padding of TensorFlow', 'pad', [1, 3, 9, 9], null, { pad: [0, 1, 0, 1] }, [1, 3, 10, 10]],
];

describe('on every default backend', () => {
  test.each(models)('%s', (_, op, input, weight, params, shape) => expectAgreement(input, weight, params, shape, op));
});
