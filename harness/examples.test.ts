import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultBackends } from './backends/index.ts';
import { Session } from './campaign/session.ts';
import { caseSchema, type Params } from './core/case.ts';
import { prepare } from './operators/call.ts';

/*
 * The three layers that this project was started for: transposed convolutions whose stride, padding and output_padding no
 * TensorFlow.js call takes together. Each default backend must give what PyTorch gives, to the last integer.
 */

let session: Session;
beforeAll(async () => {
  session = await Session.open({ backends: defaultBackends, caseTimeout_ms: 30_000, cwd: process.cwd() });
});
afterAll(() => session?.close());

async function expectAgreement(input: number[], weight: number[], params: Params, shape: number[]): Promise<void> {
  const tensor = (of: number[], seed: number) => ({
    dtype: 'float32' as const,
    shape: of,
    data: { kind: 'seeded' as const, values: 'lattice' as const, seed },
  });
  const inputs = { input: tensor(input, 1), weight: tensor(weight, 2) };
  const judgements = await session.judge(prepare({ schema: caseSchema, op: 'conv_transpose1d', params, inputs }));
  const elements = shape.reduce((a, b) => a * b);
  expect(judgements.map(({ contender, verdict }) => [contender.name, verdict])).toEqual(
    defaultBackends.map((name) => [name, { verdict: 'agree', shape, worst: 0, bound: 0, compared: elements }]),
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
