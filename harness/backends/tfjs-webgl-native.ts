import { browserBackend } from './browser/backend.ts';

export default await browserBackend('webgl', { isNative: true, flushesDenormals: true });
