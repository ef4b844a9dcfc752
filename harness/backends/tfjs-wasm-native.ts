import { restart } from './runtimes/wasm.ts';
import { nativeBackend } from './tfjs-native.ts';

export default nativeBackend('tfjs-wasm-native', { restart });
