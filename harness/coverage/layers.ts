import { valuesKinds } from '../core/case.ts';
import type { Operator } from '../operators/operator.ts';
import { windowsOf } from '../semantics/convolution.ts';
import type { Spec } from '../semantics/semantics.ts';
import {
  axisValues,
  batchOf,
  channelsOf,
  groupsOf,
  isUnbatched,
  kernelOf,
  oncePerSpec,
  reach,
  spatialOf,
} from '../semantics/window.ts';
import type { Constraint, Dimension, Model } from './model.ts';

/*
 * The classes of convolutions and transposed convolutions. Where the axes of a case have different ones, the case has the one
 * that stands last in the list: lists go from what asks little of an implementation to what asks much.
 */

/** One spatial axis; `padding` is 0 where it has a name. */
interface Axis {
  input: number;
  kernel: number;
  stride: number;
  dilation: number;
  padding: number;
  outputPadding: number;
}

const axesOf = oncePerSpec((spec: Spec, axes: number): Axis[] => {
  const entries = (name: string) =>
    typeof (spec.params[name] ?? '') === 'string'
      ? new Array<number>(axes).fill(0)
      : axisValues(spec.params, name, axes);
  const [input, kernel] = [spatialOf(spec, axes), kernelOf(spec)];
  const [stride, dilation, padding] = [entries('stride'), entries('dilation'), entries('padding')];
  const outputPadding = entries('output_padding');
  return kernel.map((size, i) => ({
    input: input[i]!,
    kernel: size,
    stride: stride[i]!,
    dilation: dilation[i]!,
    padding: padding[i]!,
    outputPadding: outputPadding[i]!,
  }));
});

/** A dimension of which every axis has a class. */
function perAxis<Class extends string>(
  axes: number,
  name: string,
  classes: readonly Class[],
  ofAxis: (axis: Axis) => NoInfer<Class>,
): Dimension {
  const rank = (axis: Axis) => classes.indexOf(ofAxis(axis));
  return { name, classes, of: ({ spec }) => classes[Math.max(...axesOf(spec, axes).map(rank))]! };
}

/** How far explicit padding goes: beyond the reach, windows lie on padding alone. */
const paddingClasses = ['0', '< reach', '= reach', '> reach'] as const;

function paddingClass(axis: Axis): (typeof paddingClasses)[number] {
  if (axis.padding === 0) return '0';
  const beyond = axis.padding - reach(axis);
  if (beyond === 0) return '= reach';
  return beyond < 0 ? '< reach' : '> reach';
}

const paddingNames = ['same', 'valid'];

/** By its name where it has one, otherwise by how far it goes. */
function padding(axes: number, names: readonly string[]): Dimension {
  const explicit = perAxis(axes, 'padding', paddingClasses, paddingClass);
  return {
    name: 'padding',
    classes: [...paddingClasses, ...names],
    of: (sample) => {
      const given = sample.spec.params.padding;
      return typeof given === 'string' ? given : explicit.of(sample);
    },
  };
}

function strideClass({ stride, kernel }: Axis): '1' | '2' | '> 2' | '> kernel' {
  if (stride === 1) return '1';
  if (stride > kernel) return '> kernel';
  return stride === 2 ? '2' : '> 2';
}

function outputPaddingClass({ outputPadding, stride }: Axis): '0' | '< stride' | '≥ stride' {
  if (outputPadding === 0) return '0';
  return outputPadding < stride ? '< stride' : '≥ stride';
}

function groupsClass(groups: number, inChannels: number, outChannels: number) {
  if (groups === 1) return 'one';
  if (inChannels > groups) return 'some';
  return outChannels > groups ? 'depthwise ×n' : 'depthwise';
}

function batchClass(spec: Spec, axes: number): string {
  if (isUnbatched(spec, axes)) return 'no axis';
  return batchOf(spec, axes) > 1 ? '> 1' : '1';
}

function areAlike(axes: readonly Axis[]): boolean {
  return axes.every((axis) => JSON.stringify(axis) === JSON.stringify(axes[0]));
}

/** A dimension with two classes. */
function either(name: string, yes: string, no: string, is: (spec: Spec) => boolean): Dimension {
  return { name, classes: [no, yes], of: ({ spec }) => (is(spec) ? yes : no) };
}

/** What both families have, over this many axes. */
function sharedDimensions(operator: Operator, axes: number): Dimension[] {
  const outChannels = (spec: Spec) => operator.outputShape(spec).at(-axes - 1)!;
  return [
    perAxis(axes, 'kernel', ['1', 'odd', 'even'], ({ kernel }) =>
      kernel === 1 ? '1' : kernel % 2 === 0 ? 'even' : 'odd',
    ),
    perAxis(axes, 'stride', ['1', '2', '> 2', '> kernel'], strideClass),
    perAxis(axes, 'dilation', ['1', '2', '> 2'], ({ dilation }) => (dilation <= 2 ? `${dilation as 1 | 2}` : '> 2')),
    ...(axes === 1 ? [] : [either('axes', 'unlike', 'alike', (spec) => !areAlike(axesOf(spec, axes)))]),
    either('spelled', 'lists', 'ints', ({ params }) => Object.values(params).some(Array.isArray)),
    {
      name: 'groups',
      classes: ['one', 'some', 'depthwise', 'depthwise ×n'],
      of: ({ spec }) => groupsClass(groupsOf(spec), channelsOf(spec, axes), outChannels(spec)),
    },
    either('channels', 'in ≠ out', 'in = out', (spec) => channelsOf(spec, axes) !== outChannels(spec)),
    { name: 'batch', classes: ['1', '> 1', 'no axis'], of: ({ spec }) => batchClass(spec, axes) },
    either('bias', 'yes', 'no', (spec) => spec.shapes.bias !== undefined),
    { name: 'data', classes: valuesKinds, of: ({ values }) => values },
  ];
}

const sharedConstraints: Constraint[] = [
  {
    why: 'a stride of 2 or more that is not larger than its kernel needs a kernel larger than 1',
    on: ['stride', 'kernel'],
    holds: (stride, kernel) => (stride !== '2' && stride !== '> 2') || kernel !== '1',
  },
  {
    why: 'a kernel of 1 has reach 0: any padding goes beyond it',
    on: ['padding', 'kernel'],
    holds: (padding, kernel) => (padding !== '< reach' && padding !== '= reach') || kernel !== '1',
  },
  {
    why: 'depthwise: as many output channels as input channels; depthwise ×n: n times as many',
    on: ['groups', 'channels'],
    holds: (groups, channels) =>
      (groups !== 'depthwise' || channels === 'in = out') && (groups !== 'depthwise ×n' || channels === 'in ≠ out'),
  },
];

function convolutionModel(operator: Operator, axes: number): Model {
  return {
    dimensions: [
      ...sharedDimensions(operator, axes),
      padding(axes, paddingNames),
      either('remainder', 'some', 'none', (spec) => windowsOf(spec, axes).some(({ remainder }) => remainder > 0)),
    ],
    constraints: [
      ...sharedConstraints,
      {
        why: "padding 'same' is only for stride 1",
        on: ['padding', 'stride'],
        holds: (padding, stride) => padding !== 'same' || stride === '1',
      },
      {
        why: 'a division by stride 1 leaves no remainder',
        on: ['remainder', 'stride'],
        holds: (remainder, stride) => remainder === 'none' || stride !== '1',
      },
    ],
  };
}

/** Constraints on `output_padding` and its axis; of several axes, those where one axis decides the class of all. */
function outputPaddingConstraints(axes: number): Constraint[] {
  const oneAxis = (outputPadding: string, stride: string, dilation: string) =>
    outputPadding !== '≥ stride' || stride === '1' || dilation === '> 2';
  const why = 'where it is at least a stride of 2 or more, dilation is larger than 2';
  const on = ['output_padding', 'stride', 'dilation'];
  return [
    {
      why: 'an output_padding between 0 and the stride needs a stride of 2 or more',
      on: ['output_padding', 'stride'],
      holds: (outputPadding, stride) => outputPadding !== '< stride' || stride !== '1',
    },
    {
      why: 'an output_padding that is not smaller than the stride is smaller than the dilation',
      on: ['output_padding', 'dilation'],
      holds: (outputPadding, dilation) => outputPadding !== '≥ stride' || dilation !== '1',
    },
    axes === 1
      ? { why, on, holds: oneAxis }
      : {
          why: `${why}; unless they are on different axes`,
          on: [...on, 'axes', 'spelled'],
          holds: (outputPadding, stride, dilation, alike, spelled) =>
            (alike === 'unlike' && spelled === 'lists') || oneAxis(outputPadding, stride, dilation),
        },
  ];
}

function transposedModel(operator: Operator, axes: number): Model {
  return {
    dimensions: [
      ...sharedDimensions(operator, axes),
      padding(axes, []),
      perAxis(axes, 'output_padding', ['0', '< stride', '≥ stride'], outputPaddingClass),
    ],
    constraints: [...sharedConstraints, ...outputPaddingConstraints(axes)],
  };
}

/** The classes of an operator with a window over this many axes. */
export function layerModel(operator: Operator): Model {
  const axes = operator.unbatchedRank! - 1;
  return operator.family === 'convolution' ? convolutionModel(operator, axes) : transposedModel(operator, axes);
}
