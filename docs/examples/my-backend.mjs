// A naive conv1d. `supports` says what is not written yet: such cases count as unsupported, not as mismatches.
export default {
  name: 'my-backend',
  version: '0.1.0',

  supports({ op, params, dtypes }) {
    if (op !== 'conv1d') return `${op} is not written yet`;
    if (params.groups !== 1) return 'groups are not written yet';
    if (typeof params.padding === 'string') return `padding '${params.padding}' is not written yet`;
    return dtypes.input === 'float32' || 'float32 only';
  },

  // input (N, Cin, L), weight (Cout, Cin, K), bias (Cout) or undefined; gives (N, Cout, Lout), row-major.
  run({ params }, { input, weight, bias }) {
    const [[stride], [padding], [dilation]] = [params.stride, params.padding, params.dilation];
    const [batch, inChannels, length] = input.shape;
    const [outChannels, , kernel] = weight.shape;
    const outLength = Math.floor((length + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
    const data = new Float32Array(batch * outChannels * outLength);
    for (let at = 0; at < data.length; at++) {
      const o = at % outLength;
      const co = Math.floor(at / outLength) % outChannels;
      const b = Math.floor(at / (outLength * outChannels));
      let sum = bias === undefined ? 0 : bias.data[co];
      for (let ci = 0; ci < inChannels; ci++) {
        for (let k = 0; k < kernel; k++) {
          const i = o * stride + k * dilation - padding;
          if (i < 0 || i >= length) continue;
          sum += input.data[(b * inChannels + ci) * length + i] * weight.data[(co * inChannels + ci) * kernel + k];
        }
      }
      data[at] = sum;
    }
    return { dtype: 'float32', shape: [batch, outChannels, outLength], data };
  },
};
