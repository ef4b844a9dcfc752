import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { tfjsBackend } from './tfjs.ts';

await tf.setBackend('cpu');

export default tfjsBackend('tfjs-cpu');
