import { valuesKinds } from '../core/case.ts';
import { axesOf, cropped, modeOf, type PadAxis, paddingValue, padModes } from '../semantics/pad.ts';
import type { Spec } from '../semantics/semantics.ts';
import type { Dimension, Model } from './model.ts';

/* The classes of padding. Pads are what is added, crops what negative entries take away. */

function paddedClass(axes: number): string {
  return axes > 3 ? '> 3' : String(axes);
}

function unpaddedClass(axes: number): string {
  return axes > 1 ? '> 1' : String(axes);
}

function signsClass(axes: readonly PadAxis[]): 'none' | 'pads' | 'crops' | 'both' {
  const pads = axes.some(({ before, after }) => before > 0 || after > 0);
  const crops = axes.some((axis) => cropped(axis) > 0);
  if (pads) return crops ? 'both' : 'pads';
  return crops ? 'crops' : 'none';
}

/** The modes but constant have no use for a value: 0 and −0 are both none. */
function valueClass(spec: Spec): string {
  const value = modeOf(spec) === 'constant' ? paddingValue(spec) : 0;
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return 'infinite';
  if (value !== 0) return 'finite';
  return Object.is(value, -0) ? '-0' : '0';
}

/** Whether a pad is as wide as its mode allows or, where that has no limit, wider than the axis is. */
function isWide(spec: Spec): boolean {
  return axesOf(spec).some((axis) => {
    const widest = Math.max(axis.before, axis.after);
    if (widest <= 0) return false;
    switch (modeOf(spec)) {
      case 'reflect':
        return widest === axis.size - 1;
      case 'circular':
        return widest === axis.size - cropped(axis);
      default:
        return widest > axis.size;
    }
  });
}

const dimensions: Dimension[] = [
  { name: 'mode', classes: padModes, of: ({ spec }) => modeOf(spec) },
  {
    name: 'padded axes',
    classes: ['0', '1', '2', '3', '> 3'],
    of: ({ spec }) => paddedClass(axesOf(spec).length),
  },
  {
    name: 'unpadded axes',
    classes: ['0', '1', '> 1'],
    of: ({ spec }) => unpaddedClass(spec.shapes.input.length - axesOf(spec).length),
  },
  { name: 'signs', classes: ['none', 'pads', 'crops', 'both'], of: ({ spec }) => signsClass(axesOf(spec)) },
  {
    name: 'ends',
    classes: ['equal', 'different'],
    of: ({ spec }) => (axesOf(spec).every(({ before, after }) => before === after) ? 'equal' : 'different'),
  },
  { name: 'width', classes: ['narrow', 'wide'], of: ({ spec }) => (isWide(spec) ? 'wide' : 'narrow') },
  {
    name: 'value',
    classes: ['0', '-0', 'finite', 'NaN', 'infinite'],
    of: ({ spec }) => valueClass(spec),
  },
  { name: 'dtype', classes: ['float32', 'int32'], of: ({ spec }) => spec.dtypes.input },
  { name: 'data', classes: valuesKinds, of: ({ values }) => values },
];

/** The classes of `pad`. */
export const paddingModel: Model = {
  dimensions,
  constraints: [
    {
      why: 'the modes but constant pad one to three axes',
      on: ['mode', 'padded axes'],
      holds: (mode, padded) => mode === 'constant' || (padded !== '0' && padded !== '> 3'),
    },
    {
      why: 'the modes but constant need an axis in front of those that they pad',
      on: ['mode', 'unpadded axes'],
      holds: (mode, unpadded) => mode === 'constant' || unpadded !== '0',
    },
    {
      why: 'the modes but constant take no value',
      on: ['mode', 'value'],
      holds: (mode, value) => mode === 'constant' || value === '0',
    },
    {
      why: 'where no axis is padded there are no pads and no crops',
      on: ['padded axes', 'signs'],
      holds: (padded, signs) => padded !== '0' || signs === 'none',
    },
    {
      why: 'with neither pads nor crops both ends of an axis are equal',
      on: ['signs', 'ends'],
      holds: (signs, ends) => signs !== 'none' || ends === 'equal',
    },
    {
      why: 'a pad and a crop on a single axis are at different ends',
      on: ['signs', 'padded axes', 'ends'],
      holds: (signs, padded, ends) => signs !== 'both' || padded !== '1' || ends === 'different',
    },
    {
      why: 'wide is said of a pad',
      on: ['width', 'signs'],
      holds: (width, signs) => width === 'narrow' || signs === 'pads' || signs === 'both',
    },
    {
      why: 'NaN and infinity are no int32, which matters where something is added',
      on: ['value', 'dtype', 'signs'],
      holds: (value, dtype, signs) =>
        dtype !== 'int32' || (value !== 'NaN' && value !== 'infinite') || signs === 'none' || signs === 'crops',
    },
  ],
};
