import type { Backend } from '../core/backend.ts';
import { elementCount, type Tensor } from '../core/tensor.ts';
import reference from './reference.ts';

/** The last element of every result whose size is a multiple of five is a little off: as small a bug as there is. */
function spoilt(result: Tensor): Tensor {
  const last = elementCount(result.shape) - 1;
  if (last < 0 || (last + 1) % 5 !== 0) return result;
  const data = result.data.slice();
  // A NaN or an infinity stays what it is.
  data[last]! += Math.max(1, Math.abs(data[last]!) / 16);
  return { ...result, data };
}

/** The reference with one mistake: a night that does not find it says nothing of other backends either. */
const canary: Backend = {
  name: 'canary',
  version: '1',
  strict: true,
  run: async (call, inputs) => spoilt(await reference.run(call, inputs)),
  async gradients(call, inputs, gradOutput) {
    const result = await reference.gradients!(call, inputs, gradOutput);
    return { [call.by]: spoilt(result[call.by]!) };
  },
};

export default canary;
