import type { InputName, Inputs, OperandName } from '../core/case.ts';
import { elementCount, sameShape, type TensorData } from '../core/tensor.ts';
import type { Differentiable, Rounding, Rule, Semantics, Spec } from './semantics.ts';
import { replaced, withShapes } from './window.ts';

/*
 * Gradients. Every operator is a sum of products of its operands, so the gradient of Σ grad_output · result by one operand is the
 * sum of the same products with grad_output in its place:
 *
 *   by input:   Σ grad_output[o] · weight[w]     over all products (o, i, w) of that i
 *   by weight:  Σ grad_output[o] · input[i]      over all of that w
 *   by bias:    Σ grad_output[o]                 over all o of that channel
 *
 * Source: https://pytorch.org/docs/stable/generated/torch.autograd.grad.html
 */

/** What the gradient by an operand is a sum of. */
function factorsOf({ family }: Semantics, by: OperandName): Rounding['factors'] {
  if (by === 'bias' || family === 'padding') return ['grad_output'];
  return ['grad_output', by === 'input' ? 'weight' : 'input'];
}

/** The call of the operator itself. */
export function forwardOf(spec: Spec): Spec {
  const { grad_output: _, ...shapes } = spec.shapes;
  const { grad_output: __, ...dtypes } = spec.dtypes;
  return { params: spec.params, shapes, dtypes };
}

function rulesOf(of: Semantics, by: OperandName): Rule[] {
  const wanted = (spec: Spec) => of.outputShape(forwardOf(spec));
  return [
    // What the operator demands is broken often enough where it is run itself.
    ...of.rules.map((rule): Rule => ({ ...rule, breaks: () => [] })),
    {
      name: 'floating point',
      about: 'only floating point is differentiated',
      holds: ({ dtypes }) => dtypes.input !== 'int32',
      message: () => 'only tensors of floating point can be differentiated by: got int32',
      breaks: (spec) =>
        of.dtypes.includes('int32') ? [{ ...spec, dtypes: { input: 'int32', grad_output: 'int32' } }] : [],
    },
    {
      name: 'operand',
      about: 'the operand to differentiate by is there',
      holds: ({ shapes }) => shapes[by] !== undefined,
      message: () => `there is no ${by} to differentiate by`,
      breaks: (spec) => {
        const { bias: _, ...shapes } = spec.shapes;
        return by === 'bias' ? [{ ...spec, shapes }] : [];
      },
    },
    {
      name: 'grad_output shape',
      about: "that of the operator's result",
      holds: (spec) => sameShape(spec.shapes.grad_output!, wanted(spec)),
      message: (spec) =>
        `grad_output must have shape ${JSON.stringify(wanted(spec))}, the result's: got ${JSON.stringify(spec.shapes.grad_output)}`,
      breaks: (spec) => {
        const shape = wanted(spec);
        const last = shape.length - 1;
        return [replaced(shape, last, shape[last]! + 1), shape.slice(1), [...shape, 1], []]
          .filter((wrong) => !sameShape(wrong, shape))
          .map((wrong) => withShapes(spec, { grad_output: wrong }));
      },
    },
  ];
}

function evaluate(of: Differentiable, by: OperandName, spec: Spec, inputs: Inputs<TensorData>): Float64Array {
  const forward = forwardOf(spec);
  const out = new Float64Array(elementCount(spec.shapes[by]!));
  const { input, weight, grad_output } = inputs;
  const dy = grad_output!;
  if (by === 'bias') {
    const [channels] = spec.shapes.bias!;
    const perChannel = elementCount(of.outputShape(forward).slice(1 - of.unbatchedRank!));
    for (let o = 0; o < dy.length; o++) out[Math.floor(o / perChannel) % channels!]! += dy[o]!;
    return out;
  }
  if (weight === undefined) {
    of.products(forward, (o, i) => {
      out[i]! += dy[o]!;
    });
    return out;
  }
  of.products(
    forward,
    by === 'input'
      ? (o, i, w) => {
          out[i]! += dy[o]! * weight[w]!;
        }
      : (o, i, w) => {
          out[w]! += dy[o]! * input[i]!;
        },
  );
  return out;
}

/** How many products each element of the gradient is a sum of. */
function tapsOf(of: Differentiable, by: OperandName, spec: Spec): Float64Array {
  const ones = (shape?: number[]) => new Float64Array(elementCount(shape ?? [])).fill(1);
  const { input, weight, grad_output } = spec.shapes;
  const operands = { input: ones(input), grad_output: ones(grad_output) };
  return evaluate(of, by, spec, weight === undefined ? operands : { ...operands, weight: ones(weight) });
}

/** The gradient of an operator by one of its operands, as an operator of its own, which also takes `grad_output`. */
export function gradientSemantics(of: Differentiable, by: OperandName): Semantics {
  const { products: _, ...inherited } = of;
  return {
    ...inherited,
    name: `${of.name}_grad_${by}`,
    inputs: [...of.inputs, 'grad_output'],
    rules: rulesOf(of, by),
    oddities: [],
    outputShape: (spec) => [...spec.shapes[by]!],
    evaluate: (spec, inputs) => evaluate(of, by, spec, inputs),
    rounding: {
      taps: (spec) => tapsOf(of, by, spec),
      factors: factorsOf(of, by),
      unpadded: (spec) => unpadded(of, by, spec),
    },
    gradient: { of, by },
  };
}

/**
 * Where an infinite factor may meet a zero of padding. An element of a kernel's gradient is a sum over positions: of the results of a
 * convolution, whose input is padded. A transposed convolution may be computed by padding on either side, so that each factor has
 * to be met everywhere by one that is there.
 */
function unpadded(of: Semantics, by: OperandName, { shapes, params }: Spec): Partial<Record<InputName, number>> {
  if (by === 'bias' || of.family === 'padding') return {};
  const [channels, perGroup, ...kernel] = shapes.weight! as [number, number, ...number[]];
  const isTransposed = of.family === 'transposed convolution';
  if (by === 'input') {
    return { weight: (isTransposed ? perGroup : channels / (params.groups as number)) * elementCount(kernel) };
  }
  const positions = (shape: readonly number[]) =>
    elementCount(shape.slice(1 - of.unbatchedRank!)) * (shape.length === of.unbatchedRank ? 1 : shape[0]!);
  const results = { grad_output: positions(shapes.grad_output!) };
  return isTransposed ? { ...results, input: positions(shapes.input) } : results;
}
