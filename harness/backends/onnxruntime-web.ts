import { extraPackage, onnxruntimeBackend } from './onnxruntime.ts';

const runtime = extraPackage('onnxruntime-web');
runtime.env.wasm.numThreads = 1;

export default onnxruntimeBackend('onnxruntime-web', runtime.env.versions.web!, runtime);
