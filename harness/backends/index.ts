import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pythonPath, root, venvPython } from '../../scripts/setup.mjs';
import { UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { nativeFeatures } from '../lowering/native.ts';
import { type Call, normalSpec } from '../operators/call.ts';
import type { Launch } from '../processes/channel.ts';

/** A backend that comes with convdiff. */
export interface BuiltIn {
  name: string;
  about: string;
  /** The set-up steps that it needs. */
  needs: readonly string[];
  launch: Launch;
  /** The features that set a call apart for this backend, beside those of the operator. */
  features?(call: Call): string[];
}

const workerPath = join(root, 'dist/harness/processes/worker.js');

/** A process that runs a JavaScript backend module. */
export function moduleLaunch(name: string, url: string): Launch {
  return { name, command: process.execPath, args: ['--enable-source-maps', workerPath, url] };
}

function javascript(name: string, about: string, needs: readonly string[] = []): BuiltIn {
  const url = pathToFileURL(join(root, `dist/harness/backends/${name}.js`)).href;
  return { name, about, needs, launch: moduleLaunch(name, url) };
}

/** A process that runs a file of oracles/. */
function pythonLaunch(name: string, file: string, interpreter: string, args: readonly string[] = []): Launch {
  const script = join(root, 'oracles', `${file}.py`);
  return { name, command: interpreter, args: ['-u', script, ...args], env: { OMP_NUM_THREADS: '1' } };
}

/** `variant`: of the framework's file, which the backend is called by as well. */
function python(framework: string, about: string, variant: string = framework): BuiltIn {
  const launch = pythonLaunch(variant, `${framework}_backend`, venvPython(), [variant]);
  return { name: variant, about, needs: [framework], launch };
}

/** Its convolutions are oneDNN's: one whose result is a single column is apart where there is a stride over it. */
function onOneDNN(backend: BuiltIn): BuiltIn {
  const isSingleColumn = (call: Call) => {
    if (call.refusal !== null || call.operator.family !== 'convolution') return false;
    const { params, shapes } = normalSpec(call);
    const stride = (params.stride as number[]).at(-1)!;
    return call.operator.outputShape(call.spec).at(-1) === 1 && stride > 1 && shapes.weight!.at(-1)! > 1;
  };
  return alsoApart(backend, 'single column', isSingleColumn);
}

/** `oneDNN`: whether its kernels replace TensorFlow's own. */
function tensorflowLaunch(name: string, variant: string, oneDNN: boolean): Launch {
  const launch = pythonLaunch(name, 'tensorflow_backend', venvPython(), [variant]);
  return { ...launch, env: { ...launch.env, TF_CPP_MIN_LOG_LEVEL: '3', TF_ENABLE_ONEDNN_OPTS: oneDNN ? '1' : '0' } };
}

function tensorflow(name: string, about: string, oneDNN: boolean): BuiltIn {
  return { name, about, needs: ['tensorflow'], launch: tensorflowLaunch(name, name, oneDNN) };
}

/** PyTorch itself, in the dtype that a case has. */
function torchFloat32(name: string, about: string): BuiltIn {
  // Its first gradient takes seconds on a slow machine.
  return compiling({
    name,
    about,
    needs: oracleNeeds,
    launch: pythonLaunch(name, 'torch_float32', pythonPath(), [name]),
  });
}

function quietTensorflow(backend: BuiltIn): BuiltIn {
  // One thread is quicker on small tensors; which kernels oneDNN replaces is pinned, or results would depend on the machine.
  const env = { TF_CPP_MIN_LOG_LEVEL: '3', TF_NUM_INTRAOP_THREADS: '1', TF_ENABLE_ONEDNN_OPTS: '0' };
  return { ...backend, launch: { ...backend.launch, env } };
}

/** With one feature more, where a call has it. */
function alsoApart(backend: BuiltIn, feature: string, has: (call: Call) => boolean): BuiltIn {
  return { ...backend, features: (call) => [...(backend.features?.(call) ?? []), ...(has(call) ? [feature] : [])] };
}

function native(backend: BuiltIn): BuiltIn {
  const features = (call: Call) => (call.refusal === null ? nativeFeatures(call.operator, normalSpec(call)) : []);
  return { ...backend, features };
}

/** It compiles something at its first call or for each shape that is new, which takes seconds on a busy machine. */
function compiling(backend: BuiltIn): BuiltIn {
  return { ...backend, launch: { ...backend.launch, leastTimeout_ms: 20_000 } };
}

/** It runs in a page of a browser. */
function browser(backend: BuiltIn): BuiltIn {
  return { ...compiling(backend), needs: ['chromium'] };
}

/** As `native`. Tensors with more than four axes, the batch among them, are apart: on a GPU, not all of tfjs's shaders know them. */
function nativeOnGpu(backend: BuiltIn): BuiltIn {
  const manyAxes = ({ spec, addsBatch }: Call) => spec.shapes.input.length + Number(addsBatch) > 4;
  return alsoApart(native(backend), 'five axes or more', manyAxes);
}

function largest({ data }: Tensor): number {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(value));
  return most;
}

/** Its sums over a channel of its own begin with 1e-15: calls are apart whose every term is so small that this does not go unnoticed. */
function onWebGL(backend: BuiltIn): BuiltIn {
  const hasTinyTerms = ({ refusal, tensors: { input, weight } }: Call) => {
    if (refusal !== null || weight === undefined) return false;
    const term = largest(input) * largest(weight);
    return term > 0 && term < 1e-14;
  };
  return alsoApart(backend, 'terms below 1e-14', hasTinyTerms);
}

/** The set-up steps that the oracle needs. */
export const oracleNeeds: readonly string[] = ['torch'];

/** All built-in backends, in the order in which people list them. A new one is one file and one line here. */
export const builtIns: readonly BuiltIn[] = [
  javascript('reference', 'the definition, in plain TypeScript'),
  javascript('tfjs-cpu', 'TensorFlow.js, plain JavaScript kernels, padding made explicit'),
  javascript('tfjs-wasm', 'TensorFlow.js, WebAssembly kernels, padding made explicit'),
  quietTensorflow(javascript('tfjs-node', 'TensorFlow.js on libtensorflow, padding made explicit', ['tfjs-node'])),
  onWebGL(browser(javascript('tfjs-webgl', 'TensorFlow.js on WebGL in headless Chromium, padding made explicit'))),
  browser(javascript('tfjs-webgpu', 'TensorFlow.js on WebGPU in headless Chromium, padding made explicit')),
  javascript('tfjs-cpu-padded', 'as tfjs-cpu, transposed convolution by padding the input'),
  native(javascript('tfjs-cpu-native', "as tfjs-cpu, with tfjs's own padding arguments")),
  native(javascript('tfjs-wasm-native', "as tfjs-wasm, with tfjs's own padding arguments")),
  native(
    quietTensorflow(javascript('tfjs-node-native', "as tfjs-node, with tfjs's own padding arguments", ['tfjs-node'])),
  ),
  onWebGL(nativeOnGpu(browser(javascript('tfjs-webgl-native', "as tfjs-webgl, with tfjs's own padding arguments")))),
  nativeOnGpu(browser(javascript('tfjs-webgpu-native', "as tfjs-webgpu, with tfjs's own padding arguments"))),
  tensorflow('tensorflow', "TensorFlow's Python, tf.nn with padding made explicit, its own kernels", false),
  onOneDNN(tensorflow('tensorflow-onednn', "as tensorflow, with oneDNN's kernels", true)),
  compiling(python('jax', 'JAX, lax.conv_general_dilated')),
  onOneDNN(python('openvino', 'OpenVINO, a model of one operation')),
  onOneDNN(python('openvino', "as openvino, with crops as OpenVINO's own Pad takes them", 'openvino-native')),
  compiling(javascript('onnxruntime-node', 'ONNX Runtime, a model of one node', ['onnxruntime-node'])),
  compiling(
    javascript('onnxruntime-web', 'ONNX Runtime compiled to WebAssembly, a model of one node', ['onnxruntime-web']),
  ),
  torchFloat32('torch-float32', "PyTorch's own float32 kernels"),
  torchFloat32('torch-float32-onednn', "as torch-float32, with oneDNN's kernels"),
];

/** Throws UsageError where there is none of that name. */
export function builtInOf(name: string): BuiltIn {
  const found = builtIns.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`unknown backend "${name}": there are ${builtIns.map((one) => one.name).join(', ')}`);
}

/** It takes part in every night, and is on no list. */
export const canary = javascript('canary', 'the reference with one mistake');

/** What a campaign runs where nobody says otherwise. */
export const defaultBackends: readonly string[] = ['reference', 'tfjs-cpu', 'tfjs-wasm', 'tfjs-node'];

/** The oracle's process: PyTorch. */
export function oracleLaunch(): Launch {
  return pythonLaunch('the PyTorch oracle', 'torch_oracle', pythonPath());
}

/** TensorFlow in its place. */
export function tensorflowOracleLaunch(): Launch {
  return tensorflowLaunch('the TensorFlow oracle', 'oracle', false);
}

/** The release of PyTorch whose word counts. */
export const torchVersion = '2.13.0';
