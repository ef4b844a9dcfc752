import type { Tensor } from '../../../harness/core/tensor.ts';
import { layers, type Mutant, mapped, mutant, type Scene } from './mutant.ts';

/* Mistakes that show in certain values only, and in how they are summed. */

/** The input and the weight seen through a function. */
function through(s: Scene, fn: (value: number) => number): Tensor {
  return s.right({}, { input: mapped(s.input, fn), weight: mapped(s.weight, fn) });
}

function onResult(s: Scene, fn: (value: number) => number): Tensor {
  return mapped(s.right(), fn);
}

/** To so many bits of significand. */
function rounded(value: number, bits: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits + 1);
  return Math.round(value / unit) * unit;
}

/** Only so many channels of the input are summed, of all that there are. */
function upTo(s: Scene, kept: (channels: number) => number): Tensor {
  const most = kept(s.input.shape[1]!);
  return s.right({}, { input: mapped(s.input, (v, index) => (index[1]! < most ? v : 0)) });
}

export const numberMutants: readonly Mutant[] = [
  mutant('operands as float16', layers, (s) =>
    through(s, (v) => (Math.abs(v) > 65504 ? Math.sign(v) * Infinity : rounded(v, 11))),
  ),
  mutant('operands as bfloat16', layers, (s) => through(s, (v) => rounded(v, 8))),
  mutant('operands as TensorFloat-32', layers, (s) => through(s, (v) => rounded(v, 11))),
  mutant('result as float16', layers, (s) => onResult(s, (v) => rounded(v, 11))),
  mutant('result with 4 bits too few', layers, (s) => onResult(s, (v) => rounded(v, 20))),
  mutant('operands cut to whole numbers', layers, (s) => through(s, Math.trunc)),
  mutant('result cut to whole numbers', layers, (s) => onResult(s, Math.trunc)),
  mutant('weights in 8 bits: at most ±127', layers, (s) =>
    s.right({}, { weight: mapped(s.weight, (v) => Math.max(-127, Math.min(127, v))) }),
  ),
  mutant('result of at most 65504', layers, (s) =>
    onResult(s, (v) => (Math.abs(v) > 65504 ? Math.sign(v) * 65504 : v)),
  ),
  mutant('NaN in the input taken for 0', layers, (s) =>
    s.right({}, { input: mapped(s.input, (v) => (Number.isNaN(v) ? 0 : v)) }),
  ),
  mutant('NaN in the result taken for 0', layers, (s) => onResult(s, (v) => (Number.isNaN(v) ? 0 : v))),
  mutant('infinities in the result taken for the largest number', layers, (s) =>
    onResult(s, (v) => (Math.abs(v) === Infinity ? Math.sign(v) * 3.4e38 : v)),
  ),
  mutant('zeros in the input skipped, also where a weight is NaN', layers, (s) =>
    s.input.data.includes(0) ? s.right({}, { weight: mapped(s.weight, (v) => (Number.isNaN(v) ? 0 : v)) }) : s.right(),
  ),
  mutant('operands below 1e-6 taken for 0', layers, (s) => through(s, (v) => (Math.abs(v) < 1e-6 ? 0 : v))),
  mutant('channels beyond the 256th left out', layers, (s) => upTo(s, () => 256)),
  mutant('beyond 128 channels, what fills no block of 128 left out', layers, (s) =>
    upTo(s, (channels) => (channels > 128 ? channels - (channels % 128) : channels)),
  ),
  mutant('negative results cut off, as by a fused ReLU', layers, (s) => onResult(s, (v) => (v < 0 ? 0 : v))),
  mutant('results above 6 cut off, as by a fused ReLU6', layers, (s) => onResult(s, (v) => (v > 6 ? 6 : v))),
  mutant('a little is added, as of a batch normalisation', layers, (s) => onResult(s, (v) => v + 1e-5)),
];
