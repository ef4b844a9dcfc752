import { expect, test } from 'vitest';
import { caseSchema } from '../core/case.ts';
import { prepare } from '../operators/call.ts';
import { builtInOf } from './index.ts';

const tiny = 'terms below 1e-14';

/** A depthwise convolution of two channels. */
function featuresOn(backend: string, input: (number | 'NaN')[], weight: number[]): string[] {
  const of = (shape: number[], values: (number | 'NaN')[]) => ({
    dtype: 'float32' as const,
    shape,
    data: { kind: 'inline' as const, values },
  });
  const call = prepare({
    schema: caseSchema,
    op: 'conv1d',
    params: { groups: 2 },
    inputs: { input: of([1, 2, 1], input), weight: of([2, 1, 1], weight) },
  });
  return builtInOf(backend).features?.(call) ?? [];
}

test('on WebGL, calls are apart of which all terms are tiny but not all 0', () => {
  expect(featuresOn('tfjs-webgl', [0, -2e-23], [0, 1])).toContain(tiny);
  expect(featuresOn('tfjs-webgl-native', [0, 2e-23], [0, -1])).toEqual(expect.arrayContaining(['as number', tiny]));
  expect(featuresOn('tfjs-webgl', [1e-8, 0], [1e-7, 0])).toContain(tiny);
  expect(featuresOn('tfjs-webgl', [1, 1e-23], [1, 1])).not.toContain(tiny);
  expect(featuresOn('tfjs-webgl', [0, 0], [0, 1])).not.toContain(tiny);
  expect(featuresOn('tfjs-webgl', ['NaN', 1e-23], [0, 1])).not.toContain(tiny);
  expect(featuresOn('tfjs-wasm-native', [0, 2e-23], [0, 1])).not.toContain(tiny);
});
