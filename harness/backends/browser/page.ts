import * as tf from '@tensorflow/tfjs-core';
import type { ForwardName, Inputs } from '../../core/case.ts';
import { messageOf } from '../../core/errors.ts';
import { fromJsonParams } from '../../core/json.ts';
import type { Tensor } from '../../core/tensor.ts';
import { tfjsBackend } from '../tfjs.ts';
import { nativeBackend } from '../tfjs-native.ts';
import type { Answer, Page, Question, Ready, RuntimeName } from './note.ts';
import { type Parcel, pack, unpack } from './parcel.ts';

/*
 * What runs in the page: the tfjs backend, as it runs in Node, on a runtime that only a browser has.
 */

/** What Chromium has from version 140 on, and this TypeScript does not know yet. */
declare global {
  interface Uint8ArrayConstructor {
    fromBase64(text: string): Uint8Array<ArrayBuffer>;
  }
  interface Uint8Array {
    toBase64(): string;
  }
}

interface Runtime {
  adapter: string;
  lost(): string | null;
}

const { searchParams } = new URL(import.meta.url);
const backend = searchParams.has('native') ? nativeBackend('tfjs') : tfjsBackend('tfjs');
let runtime: Runtime;

async function start(name: RuntimeName): Promise<Ready> {
  if (Uint8Array.fromBase64 === undefined) throw new Error('this Chromium is older than version 140');
  runtime = await import(`../runtimes/${name}.js`);
  return { version: backend.version, adapter: runtime.adapter };
}

async function computed({ note, tensors }: Parcel<Question>): Promise<Tensor> {
  const { grad_output: gradOutput, ...operands } = tensors as unknown as Inputs<Tensor>;
  const params = fromJsonParams(note.params);
  if (note.by === null) return backend.run({ op: note.op, params }, operands);
  const call = { op: note.op as ForwardName, params, by: note.by };
  return (await backend.gradients!(call, operands, gradOutput!))[note.by]!;
}

/** Whether it still computes: the page hears of a GPU that is gone some time afterwards, and reads zeros until then. */
async function isAlive(): Promise<boolean> {
  const two = tf.tidy(() => tf.add(tf.scalar(1), tf.scalar(1)));
  const [value] = await two.data();
  two.dispose();
  return value === 2;
}

async function answer(question: string): Promise<string> {
  let note: Answer = { type: 'ok' };
  const tensors: Record<string, Tensor> = {};
  try {
    tensors.output = await computed(unpack<Question>(Uint8Array.fromBase64(question)));
  } catch (error) {
    note = { type: 'rejected', reason: messageOf(error) };
  }
  // What a lost GPU gives looks like any result.
  const reason = runtime.lost() ?? ((await isAlive()) ? null : 'the GPU was lost');
  const parcel = reason === null ? { note, tensors } : { note: { type: 'lost', reason }, tensors: {} };
  return pack(parcel).toBase64();
}

const page: Page = {
  convdiffReady: start(searchParams.get('runtime') as RuntimeName),
  convdiffAnswer: answer,
};
Object.assign(globalThis, page);
