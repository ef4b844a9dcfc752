import { type Case, caseSchema, type Inputs, type OpName, type Params } from '../core/case.ts';

/** A layer of a known model, of a size that the slowest backends still run in less than a second. */
export interface Layer {
  name: string;
  testCase: Case;
}

function layer(name: string, op: OpName, input: number[], weight: number[], params: Params): Layer {
  const tensor = (shape: number[], seed: number) => ({
    dtype: 'float32' as const,
    shape,
    data: { kind: 'seeded' as const, values: 'normal' as const, seed },
  });
  const inputs: Inputs<ReturnType<typeof tensor>> = { input: tensor(input, 1), weight: tensor(weight, 2) };
  return { name, testCase: { schema: caseSchema, op, params, inputs } };
}

export const layers: readonly Layer[] = [
  layer('ResNet-50, 7×7 with stride 2', 'conv2d', [1, 3, 56, 56], [64, 3, 7, 7], { stride: 2, padding: 3 }),
  layer('ResNet-50, 3×3', 'conv2d', [1, 64, 28, 28], [64, 64, 3, 3], { padding: 1 }),
  layer('MobileNetV2, 1×1', 'conv2d', [1, 96, 28, 28], [24, 96, 1, 1], {}),
  layer('MobileNetV2, depthwise 3×3', 'conv2d', [1, 144, 28, 28], [144, 1, 3, 3], { padding: 1, groups: 144 }),
  layer('ResNeXt-50, 3×3 in 32 groups', 'conv2d', [1, 128, 28, 28], [128, 4, 3, 3], { padding: 1, groups: 32 }),
  layer('DeepLabV3, 3×3 with dilation 12', 'conv2d', [1, 32, 33, 33], [32, 32, 3, 3], { padding: 12, dilation: 12 }),
  layer('DCGAN, transposed 4×4 with stride 2', 'conv_transpose2d', [1, 128, 8, 8], [128, 64, 4, 4], {
    stride: 2,
    padding: 1,
  }),
  layer('U-Net, transposed 2×2 with stride 2', 'conv_transpose2d', [1, 64, 28, 28], [64, 32, 2, 2], { stride: 2 }),
  layer('WaveNet, dilation 64', 'conv1d', [1, 64, 2048], [64, 64, 2], { dilation: 64 }),
  layer('HiFi-GAN, transposed with stride 8', 'conv_transpose1d', [1, 64, 128], [64, 32, 16], {
    stride: 8,
    padding: 4,
  }),
  layer('C3D, 3×3×3', 'conv3d', [1, 16, 8, 28, 28], [16, 16, 3, 3, 3], { padding: 1 }),
];
