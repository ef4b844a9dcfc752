import type { Inputs } from '../../core/case.ts';
import { allocate, type Tensor } from '../../core/tensor.ts';
import { convolutionPadding } from '../../semantics/convolution.ts';
import { dimensionsOf, modeOf, type PadMode, paddingValue, storedValue } from '../../semantics/pad.ts';
import type { Spec } from '../../semantics/semantics.ts';
import { axisValues, groupsOf, kernelOf } from '../../semantics/window.ts';
import type { OnnxNode, OnnxTensor } from './model.ts';

/*
 * PyTorch's calls as nodes of ONNX's default operator set: padding always in numbers, weight and bias as constants, as exporters
 * write them.
 */

const padModes: Record<PadMode, string> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
  circular: 'wrap',
};

function layer(
  op: string,
  spec: Spec,
  { weight, bias }: Inputs<Tensor>,
  ends: readonly Ends[],
  more: OnnxNode['attributes'],
) {
  const axes = kernelOf(spec).length;
  return {
    op,
    attributes: {
      kernel_shape: kernelOf(spec),
      strides: axisValues(spec.params, 'stride', axes),
      dilations: axisValues(spec.params, 'dilation', axes),
      group: groupsOf(spec),
      pads: flat(ends),
      ...more,
    },
    constants: [['w', weight!] as const, ...(bias === undefined ? [] : [['b', bias] as const])],
  };
}

interface Ends {
  before: number;
  after: number;
}

/** ONNX lists the beginnings of all axes, then their ends. */
function flat(ends: readonly Ends[]): number[] {
  return [...ends.map(({ before }) => before), ...ends.map(({ after }) => after)];
}

/** The node for an operator's call, which must be a valid one. */
export function nodeOf(op: string, spec: Spec, inputs: Inputs<Tensor>): OnnxNode {
  if (op === 'pad') return padNode(spec, inputs.input);
  const axes = kernelOf(spec).length;
  if (!op.startsWith('conv_transpose')) {
    const dilation = axisValues(spec.params, 'dilation', axes);
    return layer('Conv', spec, inputs, convolutionPadding(spec.params.padding!, kernelOf(spec), dilation), {});
  }
  const ends = axisValues(spec.params, 'padding', axes).map((crop) => ({ before: crop, after: crop }));
  const output_padding = axisValues(spec.params, 'output_padding', axes);
  return layer('ConvTranspose', spec, inputs, ends, { output_padding });
}

function padNode(spec: Spec, { dtype }: Tensor): OnnxNode {
  const widths = flat(dimensionsOf(spec)).map(BigInt);
  const pads: OnnxTensor = { dtype: 'int64', shape: [widths.length], data: BigInt64Array.from(widths) };
  const mode = modeOf(spec);
  const data = allocate(dtype, 1);
  data[0] = storedValue(paddingValue(spec), dtype);
  const value: Tensor = { dtype, shape: [], data };
  const constants = [['pads', pads] as const, ...(mode === 'constant' ? [['value', value] as const] : [])];
  return { op: 'Pad', attributes: { mode: padModes[mode] }, constants };
}
