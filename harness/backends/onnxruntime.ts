import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../../scripts/setup/project.mjs';
import type { Backend } from '../core/backend.ts';
import type { DType, Tensor } from '../core/tensor.ts';
import { operatorOf } from '../operators/index.ts';
import { refusalOf } from '../semantics/semantics.ts';
import { modelOf } from './onnx/model.ts';
import { nodeOf } from './onnx/node.ts';
import { checkedSpec } from './reference.ts';

/** What both of ONNX Runtime's packages export, as far as it is used here. */
export interface OnnxRuntime {
  InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      run(
        feeds: Record<string, unknown>,
      ): Promise<Record<string, { type: string; dims: readonly number[]; data: unknown }>>;
      release(): Promise<void>;
    }>;
  };
  Tensor: new (type: string, data: unknown, dims: readonly number[]) => unknown;
  env: { versions: { node?: string; web?: string }; wasm: { numThreads?: number } };
}

/** A package that set-up has installed because someone asked for it. Throws an Error that says how to. */
export function extraPackage(name: string): OnnxRuntime {
  try {
    return createRequire(join(root, '.extras', name, 'package.json'))(name) as OnnxRuntime;
  } catch (error) {
    throw new Error(
      `${name} is not installed: run \`npm run -s convdiff -- setup ${name}\` (${(error as Error).message})`,
    );
  }
}

/** Cases are small, and threads are of no help to them. */
const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

type Supported = Parameters<NonNullable<Backend['supports']>>[0];

/** Why there is no such call, or null. */
function lackOf({ op, params, shapes, dtypes }: Supported): string | null {
  if (op === 'pad') return shapes.input.length === 0 ? 'ONNX Runtime pads no scalar' : null;
  if (dtypes.input !== 'float32') return 'ONNX Runtime has no convolution of float64 on the CPU';
  const [batch, channels] = shapes.input;
  // With a stride or padding it computes without an end.
  if (channels === 0) return 'ONNX Runtime has no convolution of no channels';
  if (batch !== 0) return null;
  const { rules } = operatorOf(op);
  const ofOne = { ...shapes, input: shapes.input.with(0, 1) };
  const isOddity = refusalOf(rules, { params, shapes, dtypes }) === null;
  const refusal = isOddity ? refusalOf(rules, { params, shapes: ofOne, dtypes }) : null;
  return refusal === null ? null : `of an empty batch PyTorch takes what ONNX rules out: ${refusal.message}`;
}

/** ONNX Runtime on the CPU: a model of one node a case. */
export function onnxruntimeBackend(name: string, version: string, { InferenceSession, Tensor }: OnnxRuntime): Backend {
  return {
    name,
    version,
    strict: true,
    supports: (call) => lackOf(call) ?? true,
    async run(call, inputs) {
      const spec = checkedSpec(call, inputs);
      const { dtype, shape, data } = inputs.input;
      const model = modelOf(nodeOf(call.op, spec, inputs), dtype, shape);
      const session = await InferenceSession.create(model, options);
      try {
        const { y } = await session.run({ x: new Tensor(dtype, data, shape) });
        return { dtype: y!.type as DType, shape: [...y!.dims], data: y!.data as Tensor['data'] };
      } finally {
        await session.release();
      }
    },
  };
}
