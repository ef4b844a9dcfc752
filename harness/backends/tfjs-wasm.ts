import './runtimes/wasm.ts';
import { tfjsBackend } from './tfjs.ts';

export default tfjsBackend('tfjs-wasm');
