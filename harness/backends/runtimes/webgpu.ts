import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';

/*
 * tfjs on WebGPU, in a browser's page. What it is asked to compute it computes on the GPU.
 */

/** What is used here of tfjs's backend and of WebGPU. */
interface WebGPU {
  device: { lost: Promise<{ reason: string; message: string }>; adapterInfo?: Partial<Record<string, string>> };
}

// Small tensors, too: tfjs would compute them on the CPU.
tf.env().set('WEBGPU_CPU_FORWARD', false);

const { gpu } = Reflect.get(globalThis, 'navigator') as { gpu?: { requestAdapter(): Promise<object | null> } };
// tfjs itself would fail with a message that says nothing.
if ((await gpu?.requestAdapter()) == null) throw new Error('this Chromium has no WebGPU adapter');
if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs cannot use the WebGPU adapter');

const { device } = tf.backend() as unknown as WebGPU;
const { vendor, architecture, device: id, description } = device.adapterInfo ?? {};

/** What computes. */
export const adapter = [vendor, architecture, id, description].filter(Boolean).join(' ') || 'an unnamed adapter';

let loss: string | null = null;
device.lost.then(({ reason, message }) => {
  loss = `the WebGPU device was lost (${reason}): ${message}`;
});

/** Why nothing that it gives can be believed any more, or null. */
export function lost(): string | null {
  return loss;
}
