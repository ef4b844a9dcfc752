import './runtimes/node.ts';
import { tfjsBackend } from './tfjs.ts';

export default tfjsBackend('tfjs-node', { flushesDenormals: true });
