import './runtimes/node.ts';
import { nativeBackend } from './tfjs-native.ts';

export default nativeBackend('tfjs-node-native', { flushesDenormals: true });
