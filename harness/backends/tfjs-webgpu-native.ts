import { browserBackend } from './browser/backend.ts';

export default await browserBackend('webgpu', { isNative: true, flushesDenormals: true });
