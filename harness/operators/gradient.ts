import type { OperandName } from '../core/case.ts';
import { forwardOf, gradientSemantics } from '../semantics/gradient.ts';
import type { Differentiable, Spec } from '../semantics/semantics.ts';
import { type ForwardOperator, type Operator, twistsOf } from './operator.ts';

/** With the gradient by its result. */
function withGradOutput(of: Differentiable, spec: Spec): Spec {
  return {
    ...spec,
    shapes: { ...spec.shapes, grad_output: of.outputShape(spec) },
    dtypes: { ...spec.dtypes, grad_output: spec.dtypes.input },
  };
}

/** The plainest layer has one channel, and so has its bias. */
function withBias({ params, shapes, dtypes }: Spec): Spec {
  return { params, shapes: { ...shapes, bias: [1] }, dtypes: { ...dtypes, bias: 'float32' } };
}

/** The gradient of an operator by one of its operands, drawn as the operator is. */
export function gradient(of: ForwardOperator, by: OperandName): Operator {
  const semantics = gradientSemantics(of, by);
  const plainest = withGradOutput(of, by === 'bias' ? withBias(of.plainest) : of.plainest);
  return {
    ...semantics,
    params: of.params,
    arbitrary: of.arbitrary
      .filter(({ shapes, dtypes }) => shapes[by] !== undefined && dtypes.input !== 'int32')
      .map(
        (spec) => withGradOutput(of, spec),
        (spec) => forwardOf(spec as Spec),
      ),
    without: (spec, features) => {
      const kept = by === 'bias' ? features.filter((feature) => feature !== 'bias') : features;
      return of.without(forwardOf(spec), kept).map((plainer) => withGradOutput(of, plainer));
    },
    otherwise: (spec, feature) =>
      // There is none by a bias that is not there.
      by === 'bias' && feature === 'bias'
        ? []
        : of.otherwise(forwardOf(spec), feature).map((others) => others.map((other) => withGradOutput(of, other))),
    plainest,
    twists: twistsOf(semantics.rules, semantics.oddities, plainest),
  };
}
