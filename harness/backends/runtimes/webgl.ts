import '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';

/*
 * tfjs on WebGL, in a browser's page. What it is asked to compute it computes on the GPU, in 32-bit floats.
 */

/** What is used here of tfjs's backend and of WebGL. */
interface WebGL {
  gpgpu: {
    gl: {
      getExtension(name: string): { UNMASKED_RENDERER_WEBGL: number } | null;
      getParameter(name: number): string;
      isContextLost(): boolean;
      RENDERER: number;
    };
  };
}

// Small tensors, too: tfjs would compute them on the CPU.
tf.env().set('WEBGL_CPU_FORWARD', false);
// tfjs takes 16-bit floats by itself where a device has no other: better to say so than to compare those.
tf.env().set('WEBGL_FORCE_F16_TEXTURES', false);

if (!(await tf.setBackend('webgl'))) throw new Error('this Chromium has no WebGL');
if (!tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) {
  throw new Error('this device has no textures of 32-bit floats that WebGL can render to');
}

const { gl } = (tf.backend() as unknown as WebGL).gpgpu;
const info = gl.getExtension('WEBGL_debug_renderer_info');

/** What computes. */
export const adapter = gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER);

/** Why nothing that it gives can be believed any more, or null: without its context, WebGL reads zeros. */
export function lost(): string | null {
  return gl.isContextLost() ? 'the WebGL context was lost' : null;
}
