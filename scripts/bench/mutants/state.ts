import type { Tensor } from '../../../harness/core/tensor.ts';
import { convolutions, layers, type Mistake, type Mutant, mapped } from './mutant.ts';

/* Mistakes that come from call to call: caches, buffers, counters. */

function remembering(name: string, ops: Mutant['ops'], start: () => Mistake): Mutant {
  return { name, ops, start };
}

const bump = (y: Tensor): Tensor => mapped(y, (v, index) => (index.every((i) => i === 0) ? v + 1 : v));

export const stateMutants: readonly Mutant[] = [
  remembering('keeps the first weight of each shape', layers, () => {
    const seen = new Map<string, Tensor>();
    return (s) => {
      const key = s.weight.shape.join();
      const weight = seen.get(key) ?? { ...s.weight, data: s.weight.data.slice() };
      seen.set(key, weight);
      return s.right({}, { weight });
    };
  }),
  remembering('keeps the weight where only its first element is looked at', layers, () => {
    const seen = new Map<string, Tensor>();
    return (s) => {
      const key = `${s.weight.shape.join()}:${s.weight.data[0]}`;
      const weight = seen.get(key) ?? { ...s.weight, data: s.weight.data.slice() };
      seen.set(key, weight);
      return s.right({}, { weight });
    };
  }),
  remembering('plans kept by shapes, without the stride', convolutions, () => {
    const seen = new Map<string, number[]>();
    return (s) => {
      const key = [s.input.shape, s.weight.shape].join(':');
      const stride = seen.get(key) ?? s.list('stride');
      seen.set(key, stride);
      return s.fitted({ stride });
    };
  }),
  remembering('plans kept by shapes, without the dilation', layers, () => {
    const seen = new Map<string, number[]>();
    return (s) => {
      const key = [s.op, s.input.shape, s.weight.shape].join(':');
      const dilation = seen.get(key) ?? s.list('dilation');
      seen.set(key, dilation);
      return s.fitted({ dilation });
    };
  }),
  remembering('wrong in each third call', layers, () => {
    let calls = 0;
    return (s) => {
      calls += 1;
      return calls % 3 === 0 ? bump(s.right()) : s.right();
    };
  }),
  remembering('wrong from the fortieth call on', layers, () => {
    let calls = 0;
    return (s) => {
      calls += 1;
      return calls >= 40 ? bump(s.right()) : s.right();
    };
  }),
  remembering('the accumulator is not cleared after a larger result', layers, () => {
    let last: Tensor | null = null;
    return (s) => {
      const y = s.right();
      const old = last;
      last = y;
      if (old === null || old.data.length <= y.data.length) return y;
      return { ...y, data: y.data.map((v, i) => (i === y.data.length - 1 ? v + old.data[i]! : v)) };
    };
  }),
  remembering('the bias of the call before', layers, () => {
    let last: Tensor | undefined;
    return (s) => {
      const bias = last?.shape[0] === s.bias?.shape[0] ? last : s.bias;
      last = s.bias === undefined ? undefined : { ...s.bias, data: s.bias.data.slice() };
      return s.bias === undefined ? s.right() : s.right({}, { bias: bias! });
    };
  }),
];
