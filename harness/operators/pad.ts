import fc from 'fast-check';
import { z } from 'zod';
import { type RawPadding, rawConstantPadding, rawModePadding } from '../arbitraries/padding.ts';
import type { JsonNumber, Params } from '../core/case.ts';
import { fromJsonNumber, toJsonNumber } from '../core/json.ts';
import type { DType } from '../core/tensor.ts';
import { axesOf, fits, modeOf, padModes, padSemantics, smallest } from '../semantics/pad.ts';
import type { Spec } from '../semantics/semantics.ts';
import { type ForwardOperator, twistsOf } from './operator.ts';
import { integer } from './params.ts';

function toSpec(raw: RawPadding): Spec {
  const { mode, axes, leading, valueKind, int32 } = raw;
  const dtype: DType = int32 ? 'int32' : 'float32';
  const adds = axes.some(({ before, after }) => before > 0 || after > 0);
  const drawn = !adds || fits(fromJsonNumber(raw.value), dtype) ? raw.value : 2;
  const padded = axes.map((axis) => smallest(mode, axis) + axis.extra);
  return {
    params: {
      pad: axes.flatMap(({ before, after }) => [before, after]),
      mode,
      value: valueKind < 2 ? valueKind : drawn,
    },
    shapes: { input: [...leading, ...padded.reverse()] },
    dtypes: { input: dtype },
  };
}

function fromSpec(spec: Spec): RawPadding {
  const { params, shapes, dtypes } = spec;
  const mode = modeOf(spec);
  const axes = axesOf(spec);
  const value = params.value as JsonNumber;
  const valueKind = value === 0 || value === 1 ? value : 2;
  return {
    mode,
    axes: axes.map(({ size, before, after }) => ({ before, after, extra: size - smallest(mode, { before, after }) })),
    leading: shapes.input.slice(0, shapes.input.length - axes.length),
    valueKind,
    value: valueKind < 2 ? -1 : value,
    int32: dtypes.input === 'int32',
  };
}

const params = z.strictObject({
  pad: z
    .array(integer, { error: ({ input }) => `must be a list of whole numbers: got ${JSON.stringify(input)}` })
    .max(16),
  mode: z.enum(padModes as ['constant']).optional(),
  value: z
    .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])], {
      error: ({ input }) =>
        `must be a number or one of "NaN", "Infinity", "-Infinity", "-0": got ${JSON.stringify(input)}`,
    })
    // One spelling a value.
    .transform((value) => toJsonNumber(fromJsonNumber(value)))
    .optional(),
});

const plainest: Spec = {
  params: { pad: [0, 0], mode: 'constant', value: 0 },
  shapes: { input: [1] },
  dtypes: { input: 'float32' },
};

export const pad: ForwardOperator = {
  ...padSemantics,
  params: params as z.ZodType<unknown> as z.ZodType<Params>,
  arbitrary: fc.oneof(
    rawConstantPadding.map(toSpec, (spec) => fromSpec(spec as Spec)),
    rawModePadding.map(toSpec, (spec) => fromSpec(spec as Spec)),
  ),
  plainest,
  twists: twistsOf(padSemantics.rules, padSemantics.oddities, plainest),
};
