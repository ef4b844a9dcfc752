import { extraPackage, onnxruntimeBackend } from './onnxruntime.ts';

const runtime = extraPackage('onnxruntime-node');

export default onnxruntimeBackend('onnxruntime-node', runtime.env.versions.node!, runtime);
