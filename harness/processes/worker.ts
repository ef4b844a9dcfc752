import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Backend } from '../core/backend.ts';
import { gradientOf, type InputName, type Inputs, mapInputs, type OpName, type Params } from '../core/case.ts';
import { messageOf } from '../core/errors.ts';
import { fromJsonParams } from '../core/json.ts';
import { bytesOf, dtypeOf, elementCount, sameShape, type Tensor } from '../core/tensor.ts';
import { encodeFrame, type Frame, FrameReader, type TensorHeader } from './frames.ts';
import { loadBackends } from './module.ts';

/*
 * The process that a JavaScript backend runs in: `node worker.js URL`. Speaks oracles/PROTOCOL.md on file descriptors 3 and 4;
 * what the backend prints goes elsewhere. It ends when its requests end.
 */

const requestsFd = 3;
const repliesFd = 4;

/** Replies are held back until there are so many, it is so long since the first, or there is nothing else to do. */
const heldReplies = 64;
const heldFor_ms = 10;

/** Replies on their way out. A system call for each would cost as much as a small case. */
class Replies {
  #held: Buffer[] = [];
  #since_ms = 0;

  add(frame: Buffer): void {
    if (this.#held.length === 0) this.#since_ms = performance.now();
    this.#held.push(frame);
    if (this.#held.length >= heldReplies || performance.now() - this.#since_ms >= heldFor_ms) this.flush();
  }

  flush(): void {
    const all = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    for (let at = 0; at < all.length; ) at += writeSync(repliesFd, all, at);
  }
}

/** Ends this process, and the group that it leads, when its parent is gone, also while a backend hangs. */
function watchParent(): void {
  const source = `
    const parent = process.ppid;
    const end = () => { try { process.kill(-process.pid, 'SIGKILL'); } catch { process.kill(process.pid, 'SIGKILL'); } };
    setInterval(() => { if (process.ppid !== parent) end(); }, 500);
  `;
  new Worker(source, { eval: true }).unref();
}

/** What of the inputs is not as it came: another shape, or other bytes. */
function changedInputs(inputs: Inputs<Tensor>, frame: Frame): string[] {
  const listed = frame.header.tensors as readonly TensorHeader[];
  return listed
    .filter(({ name, shape }, i) => !isAsItCame(inputs[name as InputName], shape, frame.origins[i]!))
    .map(({ name }) => name);
}

function isAsItCame(tensor: Tensor | undefined, shape: readonly number[], bytes: Buffer): boolean {
  if (tensor === undefined || dtypeOf(tensor.data) === null) return false;
  return sameShape(tensor.shape, shape) && bytes.equals(bytesOf(tensor.data));
}

/** Why this is no tensor, or null where it is one. */
function malformed(value: unknown): { what: 'shape' | 'dtype'; reason: string } | null {
  if (typeof value !== 'object' || value === null) return { what: 'dtype', reason: `returned ${value}, not a tensor` };
  const { dtype, shape, data } = value as Partial<Tensor>;
  const stored = dtypeOf(data);
  if (stored === null)
    return { what: 'dtype', reason: 'returned data that is no Float32Array, Float64Array or Int32Array' };
  if (stored !== dtype) return { what: 'dtype', reason: `returned dtype ${dtype} with data of dtype ${stored}` };
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    return { what: 'shape', reason: `returned the shape ${JSON.stringify(shape)}` };
  }
  if (elementCount(shape) !== data!.length) {
    return { what: 'shape', reason: `returned ${data!.length} elements for the shape ${JSON.stringify(shape)}` };
  }
  return null;
}

async function answer(backend: Backend, frame: Frame): Promise<Buffer> {
  const params = fromJsonParams(frame.header.params as Params);
  const op = frame.header.op as OpName;
  const gradient = gradientOf(op);
  const inputs = frame.tensors as unknown as Inputs<Tensor>;
  const { grad_output: gradOutput, ...operands } = inputs;
  let output: Tensor;
  let seconds = 0;
  try {
    if (backend.supports !== undefined) {
      const shapes = mapInputs(operands, ({ shape }) => [...shape]);
      const dtypes = mapInputs(operands, ({ dtype }) => dtype);
      const supported = backend.supports({ ...(gradient ?? { op }), params, shapes, dtypes });
      if (typeof supported === 'string') return encodeFrame(frame.id, { type: 'unsupported', reason: supported });
      if (supported !== true) throw new Error(`supports gave ${supported}: it must give true, or the reason why not`);
    }
    const started_ms = performance.now();
    if (gradient === null) output = await backend.run({ op, params }, inputs);
    else if (backend.gradients === undefined) {
      return encodeFrame(frame.id, { type: 'unsupported', reason: 'the backend has no gradients' });
    } else output = (await backend.gradients({ ...gradient, params }, operands, gradOutput!))?.[gradient.by] as Tensor;
    seconds = (performance.now() - started_ms) / 1000;
  } catch (error) {
    const changed = changedInputs(inputs, frame);
    if (changed.length > 0) return encodeFrame(frame.id, { type: 'side-effect', changed });
    return encodeFrame(frame.id, { type: 'rejected', reason: messageOf(error) });
  }
  const changed = changedInputs(inputs, frame);
  if (changed.length > 0) return encodeFrame(frame.id, { type: 'side-effect', changed });
  const problem = malformed(output);
  if (problem !== null) return encodeFrame(frame.id, { type: 'malformed', ...problem });
  const { dtype, shape, data } = output;
  return encodeFrame(frame.id, { type: 'ok', seconds }, { output: { dtype, shape, data } });
}

/** Answers requests one after the other, in the order in which they come. */
async function serve(backends: readonly Backend[], replies: Replies): Promise<void> {
  const requests = new Socket({ fd: requestsFd, readable: true, writable: false });
  const reader = new FrameReader();
  for await (const piece of requests) {
    for (const frame of reader.push(piece as Buffer)) {
      const backend = backends[Number(frame.header.backend ?? 0)];
      if (backend === undefined) throw new Error(`no backend ${frame.header.backend}`);
      replies.add(await answer(backend, frame));
    }
    replies.flush();
  }
  for (const backend of backends) await backend.dispose?.();
}

async function main(url: string): Promise<void> {
  watchParent();
  const replies = new Replies();
  let backends: Backend[];
  try {
    backends = await loadBackends(url);
  } catch (error) {
    replies.add(encodeFrame(0, { type: 'failed', reason: messageOf(error) }));
    replies.flush();
    process.exit(1);
  }
  const hello = backends.map((backend) => ({
    name: backend.name,
    version: backend.version,
    strict: backend.strict ?? false,
    flushesDenormals: backend.flushesDenormals ?? false,
    unitRoundoff: backend.unitRoundoff ?? 0,
    amplification: backend.amplification ?? 1,
  }));
  replies.add(encodeFrame(0, { type: 'hello', protocol: 1, backends: hello, versions: { node: process.version } }));
  replies.flush();
  await serve(backends, replies);
  process.exit(0);
}

await main(process.argv[2]!);
