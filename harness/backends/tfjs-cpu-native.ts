import './runtimes/cpu.ts';
import { nativeBackend } from './tfjs-native.ts';

export default nativeBackend('tfjs-cpu-native');
