import * as tf from '@tensorflow/tfjs-core';
import * as lowering from '../../harness/lowering/tfjs.ts';

/*
 * What `convdiff/tfjs` costs: its functions against the best direct call of tfjs, or where tfjs has none, against the obvious way
 * to put one together, on layers of known models. The two take turns and use the same layout, and where that is PyTorch's, both
 * transpose. One runtime a process: `lowering.js cpu`, `wasm` or `node`.
 */

type Pair = [number, number];

const runtimes = ['cpu', 'wasm', 'node'];
const runtime = process.argv[2] ?? '';
if (!runtimes.includes(runtime)) throw new Error(`the runtime must be one of ${runtimes.join(', ')}: got "${runtime}"`);

interface Layer {
  name: string;
  /** (N, H, W, C) */
  input: [number, number, number, number];
  /** (KH, KW, …) as tfjs has it for `theirs`. */
  kernel: [number, number, number, number];
  /** At most so much of their time. 1: not slower, as far as one can tell. */
  wanted: number;
  ours(x: tf.Tensor, w: tf.Tensor, layout: lowering.Layout): tf.Tensor;
  theirs(x: tf.Tensor4D, w: tf.Tensor4D): tf.Tensor4D;
}

/** tfjs-node takes no padding in numbers. */
function surrounded(x: tf.Tensor4D, width: number): tf.Tensor4D {
  return tf.pad(x, [
    [0, 0],
    [width, width],
    [width, width],
    [0, 0],
  ]);
}

/** What is told apart by groups, convolved one after the other. */
function byGroups(x: tf.Tensor4D, w: tf.Tensor4D, groups: number): tf.Tensor4D {
  const kernels = tf.split<tf.Tensor4D>(w, groups, 3);
  const parts = tf.split<tf.Tensor4D>(x, groups, 3);
  return tf.concat(
    parts.map((part, g) => tf.conv2d<tf.Tensor4D>(part, kernels[g]!, 1, 'same')),
    3,
  );
}

/** Zeros between neighbours and around, then a dilated convolution: kernel (KH, KW, in, out), flipped already. */
function bySpreading(x: tf.Tensor4D, w: tf.Tensor4D, stride: number, dilation: number): tf.Tensor4D {
  const [n, h, width, c] = x.shape;
  const gap: Pair[] = [
    [0, 0],
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ];
  const wide = tf.pad(tf.reshape(x, [n * h, width, 1, c]), gap);
  const tall = tf.pad(tf.reshape(wide, [n, h, 1, width * stride * c]), gap);
  const spread = tf.reshape(tall, [n, h * stride, width * stride, c]);
  const inner = tf.slice(spread, [0, 0, 0, 0], [n, (h - 1) * stride + 1, (width - 1) * stride + 1, c]);
  const around: Pair = [dilation * (w.shape[0] - 1), dilation * (w.shape[0] - 1)];
  return tf.conv2d(tf.pad(inner, [[0, 0], around, around, [0, 0]]) as tf.Tensor4D, w, 1, 'valid', 'NHWC', dilation);
}

const layers: Layer[] = [
  {
    name: 'conv2d 3×3, padding 1 (ResNet-50, conv3)',
    input: [1, 28, 28, 128],
    kernel: [3, 3, 128, 128],
    wanted: 1.3,
    ours: (x, w, layout) => lowering.conv2d(x, w, null, { padding: 1, layout }),
    theirs: (x, w) => tf.conv2d(x, w, 1, 'same'),
  },
  {
    name: 'conv2d 7×7, stride 2, padding 3 (ResNet-50, conv1)',
    input: [1, 112, 112, 3],
    kernel: [7, 7, 3, 64],
    wanted: 1.3,
    ours: (x, w, layout) => lowering.conv2d(x, w, null, { stride: 2, padding: 3, layout }),
    theirs: (x, w) => (runtime === 'node' ? tf.conv2d(surrounded(x, 3), w, 2, 'valid') : tf.conv2d(x, w, 2, 3)),
  },
  {
    name: 'conv2d 1×1 (MobileNetV2)',
    input: [1, 28, 28, 96],
    kernel: [1, 1, 96, 192],
    wanted: 1.3,
    ours: (x, w, layout) => lowering.conv2d(x, w, null, { layout }),
    theirs: (x, w) => tf.conv2d(x, w, 1, 'valid'),
  },
  {
    name: 'depthwise 3×3, padding 1 (MobileNetV2)',
    input: [1, 56, 56, 144],
    kernel: [3, 3, 1, 144],
    wanted: 1.3,
    ours: (x, w, layout) => lowering.conv2d(x, w, null, { padding: 1, groups: 144, layout }),
    theirs: (x, w) => tf.depthwiseConv2d(x, tf.reshape(w, [3, 3, 144, 1]), 1, 'same'),
  },
  {
    name: 'conv_transpose2d 4×4, stride 2, padding 1 (DCGAN)',
    input: [1, 16, 16, 128],
    kernel: [4, 4, 64, 128],
    wanted: 1.3,
    ours: (x, w, layout) => lowering.convTranspose2d(x, w, null, { stride: 2, padding: 1, layout }),
    theirs: (x, w) => tf.conv2dTranspose(x, w, [1, 32, 32, 64], 2, 'same'),
  },
  {
    name: 'groups: conv2d 3×3, 8 groups (ResNeXt), against one convolution a group',
    input: [1, 28, 28, 128],
    kernel: [3, 3, 16, 128],
    wanted: 1,
    ours: (x, w, layout) => lowering.conv2d(x, w, null, { padding: 1, groups: 8, layout }),
    theirs: (x, w) => byGroups(x, w, 8),
  },
  {
    name: 'conv_transpose2d 3×3, stride 2, dilation 2, against zeros between the elements',
    input: [1, 16, 16, 32],
    kernel: [3, 3, 32, 32],
    wanted: 1,
    ours: (x, w, layout) => lowering.convTranspose2d(x, w, null, { stride: 2, dilation: 2, layout }),
    theirs: (x, w) => bySpreading(x, tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]), 2, 2),
  },
];

const rounds = 31;
/** Each measurement repeats a call for about so long. */
const slice_ms = 40;

function milliseconds(call: () => tf.Tensor, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const y = call();
    y.dataSync();
    y.dispose();
  }
  return (performance.now() - start) / count;
}

function quantile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.round((values.length - 1) * part)]!;
}

/** Measures a layer in one layout. Gives the median ratio. */
function measure({ name, input, kernel, wanted, ours, theirs }: Layer, layout: lowering.Layout): boolean {
  const nhwc = tf.randomUniform(input) as tf.Tensor4D;
  const filter = tf.randomUniform(kernel) as tf.Tensor4D;
  const isLast = layout === 'NHWC';
  const x = isLast ? nhwc : tf.transpose(nhwc, [0, 3, 1, 2]);
  const w = isLast ? filter : tf.transpose(filter, [3, 2, 0, 1]);
  const first = () => ours(x, w, layout);
  const second = () =>
    tf.tidy(() => {
      const [last, at] = isLast ? [x, w] : [tf.transpose(x, [0, 2, 3, 1]), tf.transpose(w, [2, 3, 1, 0])];
      const y = theirs(last as tf.Tensor4D, at as tf.Tensor4D);
      return isLast ? y : tf.transpose(y, [0, 3, 1, 2]);
    });
  const [a, b] = [first(), second()];
  const off = tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!);
  if (!(off < 1e-2)) throw new Error(`${name}: the two give different results, by ${off}`);
  const count = Math.max(1, Math.round(slice_ms / Math.max(milliseconds(second, 2), 0.01)));
  const ratios = Array.from({ length: rounds }, (_, round) => {
    // Who goes first changes from round to round.
    const pair = round % 2 === 0 ? [first, second] : [second, first];
    const times = pair.map((call) => milliseconds(call, count)) as Pair;
    return round % 2 === 0 ? times[0] / times[1] : times[1] / times[0];
  });
  const ratio = quantile(ratios, 0.5);
  const spread = `${quantile(ratios, 0.25).toFixed(2)}–${quantile(ratios, 0.75).toFixed(2)}`;
  // Where both do the same work the median lies on either side of 1: the lower quartile tells whether it is slower.
  const isFast = (wanted === 1 ? quantile(ratios, 0.25) : ratio) <= wanted;
  console.log(`${isFast ? ' ' : '!'} ${ratio.toFixed(2)} (${spread})  ${layout}  ${name}; wanted ≤ ${wanted}`);
  tf.dispose([nhwc, filter, x, w, a, b]);
  return isFast;
}

await import(`../../harness/backends/runtimes/${runtime}.js`);
console.log(`\n${runtime}: time of convdiff/tfjs over that of tfjs, median of ${rounds} (middle half)`);
const fast = layers.flatMap((layer) => [measure(layer, 'NHWC'), measure(layer, 'NCHW')]);
process.exit(fast.every(Boolean) ? 0 : 1);
