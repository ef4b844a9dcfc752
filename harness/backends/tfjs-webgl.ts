import { browserBackend } from './browser/backend.ts';

export default await browserBackend('webgl', { flushesDenormals: true });
