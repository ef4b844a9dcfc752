import './runtimes/cpu.ts';
import { tfjsBackend } from './tfjs.ts';

export default tfjsBackend('tfjs-cpu-padded', { route: 'pad' });
