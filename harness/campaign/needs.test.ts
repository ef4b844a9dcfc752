import { describe, expect, test } from 'vitest';
import { caseSchema, type Params, type TensorSpec } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { withoutLacks } from '../semantics/semantics.ts';
import { neededByDeath } from './needs.ts';

describe('what a death needs', () => {
  const one: TensorSpec = { dtype: 'float32', shape: [1, 1, 1], data: { kind: 'inline', values: [0] } };
  const transposed = (params: Params): Call =>
    prepare({ schema: caseSchema, op: 'conv_transpose1d', params, inputs: { input: one, weight: one } });
  const first = (value: unknown) => Number(Array.isArray(value) ? value[0] : value);

  /** What a death needs that is seen in these calls, and in how many of them it was looked for. */
  async function neededIn(
    call: Call,
    isDeath: (params: Params) => boolean,
  ): Promise<{ needed: string[]; runs: number }> {
    let runs = 0;
    const needed = await neededByDeath(call, withoutLacks(call.operator.features(call.spec)), async (other) => {
      expect(other.refusal).toBeNull();
      runs += 1;
      return isDeath(other.spec.params);
    });
    return { needed, runs };
  }

  test.each<Params>([
    { stride: 2, output_padding: 1 },
    { stride: 3, output_padding: 2 },
    { dilation: 2, output_padding: 1 },
    { dilation: 3, output_padding: 2 },
  ])('is no stride or dilation that only an output_padding takes: %j', async (params) => {
    const all = await neededIn(transposed(params), ({ output_padding }) => first(output_padding) > 0);
    expect(all.needed).toEqual(['output_padding']);
    expect(all.runs).toBe(2);
  });

  test('is a stride, where it takes one beside an output_padding', async () => {
    const isDeath = ({ stride, output_padding }: Params) => first(output_padding) > 0 && first(stride) > 1;
    const all = await neededIn(transposed({ stride: 2, output_padding: 1 }), isDeath);
    expect(all.needed).toEqual(['stride', 'output_padding']);
  });

  test('is what shrinking could not do without: that is not tried again', async () => {
    const all = await neededIn(transposed({ stride: 2 }), ({ stride }) => first(stride) > 1);
    expect(all).toEqual({ needed: ['stride'], runs: 0 });
  });

  test('is a stride still, where a dilation kills for another reason: without an output_padding as well', async () => {
    const isDeath = ({ stride, dilation, output_padding }: Params) =>
      (first(output_padding) > 0 && first(stride) > 1) || first(dilation) > 1;
    const all = await neededIn(transposed({ stride: 2, output_padding: 1 }), isDeath);
    expect(all.needed).toEqual(['stride', 'output_padding']);
  });

  test('keeps what a backend adds of its own', async () => {
    const call = transposed({ stride: 2, output_padding: 1 });
    const needed = await neededByDeath(
      call,
      ['stride', 'output_padding', 'as rows'],
      async (other) => first(other.spec.params.output_padding) > 0,
    );
    expect(needed).toEqual(['output_padding', 'as rows']);
  });
});
