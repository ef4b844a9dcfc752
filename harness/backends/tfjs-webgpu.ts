import { browserBackend } from './browser/backend.ts';

export default await browserBackend('webgpu', { flushesDenormals: true });
