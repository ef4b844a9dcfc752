import fc from 'fast-check';
import { z } from 'zod';
import { elementModes, type RawPadding, rawConstantPadding, rawModePadding } from '../arbitraries/padding.ts';
import type { JsonNumber, Params } from '../core/case.ts';
import { fromJsonNumber, toJsonNumber } from '../core/json.ts';
import type { DType } from '../core/tensor.ts';
import { axesOf, fits, modeOf, type PadMode, padModes, padSemantics, smallest, valueSorts } from '../semantics/pad.ts';
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

const onEnds =
  (change: (ends: { before: number; after: number }) => { before?: number; after?: number }) =>
  (raw: RawPadding): RawPadding => ({ ...raw, axes: raw.axes.map((axis) => ({ ...axis, ...change(axis) })) });

/** In no mode but constant, and without the axis that the others need in front. */
function valued(raw: RawPadding): RawPadding {
  return raw.mode === 'constant' ? raw : { ...raw, mode: 'constant', valueKind: 1, leading: raw.leading.slice(1) };
}

const nothing = { before: 0, after: 0 };

/** In a mode without a value. Zeros around a tensor would hide what values show. */
const inMode =
  (mode: PadMode) =>
  (raw: RawPadding): RawPadding => {
    if (raw.mode !== 'constant') return raw;
    const leading = raw.leading.length === 0 ? [1] : raw.leading.slice(-2);
    const axes = raw.axes.length === 0 ? [{ ...nothing, extra: 0 }] : raw.axes.slice(0, 3);
    return { ...raw, mode, valueKind: 0, axes, leading };
  };

const replicating = inMode('replicate');

const zeros = (raw: RawPadding): RawPadding => ({ ...valued(raw), valueKind: 0 });
const ones = (raw: RawPadding): RawPadding => ({ ...valued(raw), valueKind: 1 });

/** By the name of a feature of a value, a plainer one in its place. */
const plainerValues: Readonly<Record<keyof typeof valueSorts, (value: number) => number>> = {
  'value NaN': () => 1,
  'value −0': () => 1,
  'value fraction': (value) => Math.trunc(value) || Math.sign(value),
  'value large': (value) => Math.sign(value) * (valueSorts['value fraction'](value) ? 0.5 : 1),
  'value infinite': (value) => Math.sign(value) * 2 ** 20,
};

/** By the name of such a feature, the padding without it. */
const withoutSort = Object.fromEntries(
  Object.entries(valueSorts).map(([feature, is]) => [
    feature,
    (raw: RawPadding): RawPadding => {
      const value = fromJsonNumber(raw.value);
      if (raw.mode !== 'constant' || raw.valueKind < 2 || !is(value)) return raw;
      return { ...raw, value: toJsonNumber(plainerValues[feature as keyof typeof valueSorts](value)) };
    },
  ]),
);

/** By the name of a feature, a padding without it, and otherwise as it is. Of a mode what remains is a value that shows. */
const paddingWithout: Readonly<Record<string, (raw: RawPadding) => RawPadding>> = {
  mode: valued,
  'mode reflect': valued,
  'mode replicate': valued,
  'mode circular': valued,
  ...withoutSort,
  int32: (raw) => ({ ...raw, int32: false }),
  pad: onEnds(({ before, after }) => ({ before: Math.min(0, before), after: Math.min(0, after) })),
  'pad in front': onEnds(({ before }) => ({ before: Math.min(0, before) })),
  'pad behind': onEnds(({ after }) => ({ after: Math.min(0, after) })),
  crop: onEnds(({ before, after }) => ({ before: Math.max(0, before), after: Math.max(0, after) })),
  'crop in front': onEnds(({ before }) => ({ before: Math.max(0, before) })),
  'crop behind': onEnds(({ after }) => ({ after: Math.max(0, after) })),
  'unpadded axes': (raw) => {
    const { mode, axes, leading } = raw;
    // Pads of no axis at all leave one that is padded by nothing.
    if (axes.length === 0 && leading.length > 0)
      return { ...raw, axes: [{ ...nothing, extra: leading.at(-1)! - smallest(mode, nothing) }], leading: [] };
    return { ...raw, leading: leading.slice(mode === 'constant' ? leading.length : -1) };
  },
};

function withoutFeature(raw: RawPadding, feature: string): RawPadding[] {
  // A value goes with the mode that takes one, or remains as 0.
  if (feature === 'value') return [replicating(raw), zeros(raw)];
  return [paddingWithout[feature]?.(raw) ?? raw];
}

const exchanged = onEnds(({ before, after }) => ({ before: after, after: before }));
const negated = onEnds(({ before, after }) => ({ before: 0 - before, after: 0 - after }));

const inverted = (raw: RawPadding): RawPadding => negated(exchanged(raw));
/** With a value that shows, where there were crops and no pads: zeros would hide what crops need no value for. */
const showing =
  (change: (raw: RawPadding) => RawPadding) =>
  (raw: RawPadding): RawPadding => {
    const isCrop = raw.axes.every(({ before, after }) => before <= 0 && after <= 0);
    return isCrop && raw.mode === 'constant' && raw.valueKind === 0 ? ones(change(raw)) : change(raw);
  };
const elsewhere = [exchanged, negated, inverted].map(showing);
const otherSign = [negated, inverted].map(showing);

/** By the name of a feature that a padding may have by chance, other ways that it may have instead. */
const paddingOtherwise: Readonly<Record<string, readonly ((raw: RawPadding) => RawPadding)[]>> = {
  'unequal ends': [
    onEnds(({ before, after }) => {
      const width = Math.abs(before) > Math.abs(after) ? before : after;
      return { before: width, after: width };
    }),
  ],
  'pad in front': elsewhere,
  'pad behind': elsewhere,
  'crop in front': elsewhere,
  'crop behind': elsewhere,
  pad: otherSign,
  crop: otherSign,
  ...Object.fromEntries(Object.entries(withoutSort).map(([feature, change]) => [feature, [change]])),
  constant: [replicating],
  'mode reflect': [zeros],
  'mode replicate': [zeros],
  'mode circular': [zeros],
};

/** The padding as it is, and of a tensor that is somewhat larger, in which more can be seen. */
function alike(raw: RawPadding): Spec[] {
  const larger = { ...raw, axes: raw.axes.map((axis) => ({ ...axis, extra: axis.extra + 2 })) };
  return [raw, larger].map(toSpec);
}

export const pad: ForwardOperator = {
  ...padSemantics,
  params: params as z.ZodType<unknown> as z.ZodType<Params>,
  arbitrary: fc.oneof(
    rawConstantPadding.map(toSpec, (spec) => fromSpec(spec as Spec)),
    rawModePadding.map(toSpec, (spec) => fromSpec(spec as Spec)),
  ),
  without: (spec, features) => {
    if (spec.shapes.input.includes(0)) return [];
    const raw = fromSpec(spec);
    const alone = features.includes('several axes') ? raw.axes.map((axis) => ({ ...raw, axes: [axis] })) : [raw];
    return alone.flatMap((one) =>
      features
        .reduce((left, feature) => left.flatMap((padding) => withoutFeature(padding, feature)), [one])
        .flatMap((less) => {
          const isPadded = less.axes.some(({ before, after }) => before !== 0 || after !== 0);
          if (isPadded) return alike(less);
          // What shows in pads as in crops needs one of them.
          const axes = less.axes.map((axis, i) => {
            const { before, after } = one.axes[i] ?? nothing;
            return { ...axis, before, after };
          });
          return alike({ ...less, axes });
        }),
    );
  },
  otherwise: (spec, feature) => {
    if (spec.shapes.input.includes(0)) return [];
    const raw = fromSpec(spec);
    const changed = (changes: readonly ((raw: RawPadding) => RawPadding)[]) =>
      changes.flatMap((change) => alike(change(raw)));
    // In one of the other modes there may be a bug of that mode.
    if (feature === 'value') return elementModes.map((mode) => changed([inMode(mode), zeros]));
    return [changed(paddingOtherwise[feature] ?? [])];
  },
  plainest,
  twists: twistsOf(padSemantics.rules, padSemantics.oddities, plainest),
};
