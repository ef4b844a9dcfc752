import type { Backend, GradientCall } from '../../core/backend.ts';
import type { Inputs } from '../../core/case.ts';
import { messageOf } from '../../core/errors.ts';
import { toJsonParams } from '../../core/json.ts';
import type { Tensor } from '../../core/tensor.ts';
import { supportedByTfjs } from '../tfjs.ts';
import { supportedNatively } from '../tfjs-native.ts';
import { startChromium } from './chromium.ts';
import type { Answer, Page, Question, RuntimeName } from './note.ts';
import { pack, unpack } from './parcel.ts';
import { openSite } from './site.ts';

/** How long the browser may take to end by itself. */
const close_ms = 800;
/** So many lines of the page's console are kept. */
const keptLines = 4;

/**
 * tfjs on a runtime that only browsers have, in a page of a browser that ends with this process. Where the page crashes or loses
 * its GPU, this process ends too: a fresh one has a fresh page. Throws an Error of one line that says what is missing.
 */
export async function browserBackend(
  runtime: RuntimeName,
  { flushesDenormals, isNative = false }: { flushesDenormals: boolean; isNative?: boolean },
): Promise<Backend> {
  const browser = await startChromium();
  let closing: Promise<unknown> | null = null;
  const close = () => {
    closing ??= Promise.race([
      browser.close().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, close_ms)),
    ]);
    return closing;
  };
  /** Ends this process, with its reason as the last thing that it prints. */
  async function die(reason: string): Promise<never> {
    if (closing === null) {
      await close();
      process.stderr.write(`\n${reason}\n`);
      process.exit(1);
    }
    return new Promise(() => {});
  }

  /** What the console has said since the last question. */
  let said: string[] = [];
  const page = await browser.newPage();
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    process.stderr.write(`${message.text()}\n`);
    said = [...said, message.text().split('\n')[0]!].slice(-keptLines);
  });
  page.on('crash', () => die('the page crashed'));
  browser.on('disconnected', () => die('Chromium ended'));

  const ready = await openSite(page, { runtime, isNative })
    .then(() => page.evaluate(() => (globalThis as unknown as Page).convdiffReady))
    .catch(async (error: unknown) => {
      await close();
      const reason = messageOf(error).replace(/^page\.\w+: (Error: )?/, '');
      throw new Error([reason, ...said].join('; '));
    });

  async function ask(note: Question, tensors: Record<string, Tensor>): Promise<Tensor> {
    said = [];
    const question = Buffer.from(pack({ note, tensors }).buffer).toString('base64');
    const text = await page
      .evaluate((packed) => (globalThis as unknown as Page).convdiffAnswer(packed), question)
      .catch((error: unknown) => die(messageOf(error)));
    const { note: answer, tensors: results } = unpack<Answer>(Buffer.from(text, 'base64'));
    if (answer.type === 'lost') return die(answer.reason);
    if (answer.type === 'rejected') throw new Error([answer.reason, ...said].join('; '));
    return results.output!;
  }

  async function gradients({ op, params, by }: GradientCall, inputs: Inputs<Tensor>, gradOutput: Tensor) {
    const tensors = { ...named(inputs), grad_output: gradOutput };
    return { [by]: await ask({ op, params: toJsonParams(params), by }, tensors) };
  }

  return {
    name: `tfjs-${runtime}${isNative ? '-native' : ''}`,
    version: `${ready.version} on ${ready.adapter}`,
    strict: true,
    flushesDenormals,
    supports: isNative ? supportedNatively : supportedByTfjs,
    run: ({ op, params }, inputs) => ask({ op, params: toJsonParams(params), by: null }, named(inputs)),
    ...(isNative ? {} : { gradients }),
    async dispose() {
      await close();
    },
  };
}

function named(inputs: Inputs<Tensor>): Record<string, Tensor> {
  return inputs as unknown as Record<string, Tensor>;
}
