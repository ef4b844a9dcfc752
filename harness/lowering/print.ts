import { type Call, normalSpec } from '../operators/call.ts';
import { callWords } from '../report/words.ts';
import { planOf, type Route } from './plan.ts';
import { type Dialect, sourceOf } from './source.ts';
import { tensorflowPython } from './tensorflowSource.ts';
import { tfjsModule } from './tfjsSource.ts';

/** The libraries for which a call can be printed. */
export type Library = 'tfjs' | 'tensorflow';

const dialects: Record<Library, Dialect> = { tfjs: tfjsModule, tensorflow: tensorflowPython };

export const libraries = Object.keys(dialects) as Library[];

/** The text of a file with one function that does, with a library, what a call does in PyTorch; see `printedFunction`. */
export function printed(call: Call, library: Library): string {
  return `${dialects[library].imports}${printedFunction(call, library)}`;
}

/**
 * The text of a function that does, with a library, what a call does in PyTorch: for these shapes and parameters, on tensors in
 * PyTorch's layout. The call is valid, and its result not empty. `name` is the function's, in words joined by underscores.
 */
export function printedFunction(
  call: Call,
  library: Library,
  { name = call.operator.name, route = defaultRoute(call, library) }: { name?: string; route?: Route } = {},
): string {
  const { operator, spec } = call;
  const normal = normalSpec(call);
  const plan = planOf(operator.family, normal.params, normal.shapes, operator.outputShape(normal), route);
  const heading = {
    name,
    call: callWords(call.case),
    dtype: spec.dtypes.input,
    shapes: spec.shapes,
    result: operator.outputShape(spec),
  };
  return sourceOf(plan, heading, dialects[library]);
}

/**
 * The route of a transposed convolution that a library has on every runtime: neither has dilation there, and tfjs-wasm's
 * transposed convolution over three axes is wrong.
 */
function defaultRoute(call: Call, library: Library): Route {
  const dilations = (call.normalised!.dilation ?? []) as readonly number[];
  const dilated = dilations.some((dilation) => dilation > 1);
  return dilated || (library === 'tfjs' && dilations.length === 3) ? 'pad' : 'crop';
}
