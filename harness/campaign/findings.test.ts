import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import type { OpName } from '../core/case.ts';
import { Store } from '../store/store.ts';
import { inTurns } from '../testing.ts';
import { Campaign, type Judged } from './campaign.ts';
import type { Finding } from './findings.ts';
import { Session } from './session.ts';

const folder = mkdtempSync(join(tmpdir(), 'convdiff-findings-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Hunt {
  findings: readonly Finding[];
  judged: readonly Judged[];
}

/** More of them at a time, and shrinking would be cut off by its time limit. */
const twoAtATime = inTurns(2);

/** A campaign against our own definition, of a backend that holds these mutants. */
function hunt(op: OpName, names: readonly string[], runs: number): Promise<Hunt> {
  return twoAtATime(() => hunted(op, names, runs));
}

async function hunted(op: OpName, names: readonly string[], runs: number): Promise<Hunt> {
  const here = mkdtempSync(join(folder, 'hunt-'));
  const module = join(here, 'holding.mjs');
  const holding = pathToFileURL(join(root, 'dist/scripts/bench/mutants/holding.js')).href;
  const bugs = names.map((name) => ({ op, name }));
  writeFileSync(
    module,
    `import { holding } from ${JSON.stringify(holding)};\nexport default holding('mine', ${JSON.stringify(bugs)});\n`,
  );
  const store = new Store(join(here, 'store'));
  store.checkWritable();
  // None of them hangs: what takes longer on a busy machine is not to be taken for something else.
  const session = await Session.open({ backends: [module], caseTimeout_ms: 20_000, cwd: here, oracle: 'reference' });
  const judged: Judged[] = [];
  try {
    const result = await new Campaign({
      session,
      ops: [op],
      seed: 3,
      runs,
      time_ms: null,
      store,
      knownIssues: [],
      signal: new AbortController().signal,
      onProgress: () => {},
      onFinding: () => {},
      onCase: (one) => judged.push(one),
    }).run();
    return { findings: result.findings, judged };
  } finally {
    await session.close();
  }
}

const needsOf = ({ findings }: Hunt) =>
  findings.map(({ counterexample }) => counterexample.signature.split('/').at(-1)!).sort();

describe.concurrent('of two bugs in one operator', () => {
  test.each<[OpName, string, string, string[]]>([
    ['conv1d', 'dilation ignored', 'the last tap left out of kernels of 5 and more', ['kernel > 2', 'kernel+dilation']],
    [
      'conv2d',
      'bias forgotten',
      'groups interleaved: channel c belongs to group c mod groups',
      ['bias', 'groups+channels'],
    ],
    ['conv_transpose1d', 'the rest of a row beyond eights left to zero', 'bias forgotten', ['bias', 'plain']],
    ['conv1d', 'dilation ignored', 'the last element left to zero', ['kernel+dilation', 'plain']],
    ['conv_transpose2d', 'padding cropped less by one', 'the first bias for all channels', ['outputs+bias', 'padding']],
    [
      'pad',
      'the last element of what is added left to zero',
      'circular off by one in front',
      ['mode circular+pad in front+unequal ends', 'pad behind'],
    ],
    ['conv_transpose1d', 'dilation ignored', 'the rest of a row beyond eights left to zero', ['dilation', 'plain']],
    [
      'pad',
      'the last column is missing where the mode is constant',
      'the last column is missing where the mode is circular and it pads behind',
      ['constant', 'mode circular+pad behind'],
    ],
    [
      'conv1d',
      'the first element is off by one where the kernel is even and the padding is same',
      'all is twice as much where it is depthwise and there is a stride',
      ['groups+a single channel+stride', 'kernel+even kernel+padding same'],
    ],
    [
      'conv_transpose1d',
      'all is 0 where a group has several outputs',
      'all is twice as much where there are groups and there is padding',
      ['groups+padding', 'outputs a group'],
    ],
    // The smallest case of the first, [0, 1] with a value, fails without its unequal ends by the second.
    ['pad', 'before for both ends', 'value ignored', ['unequal ends', 'value+pad in front']],
    // A crop that is forgotten moves all elements: that is no sign that what is added behind goes wrong where it crops in front.
    [
      'pad',
      'the last element of what is added left to zero',
      'negative pads in front taken for 0',
      ['crop in front', 'pad behind'],
    ],
    ['conv1d', 'kernel flipped', 'kernels of 1 take no stride', ['kernel', 'pointwise+stride']],
  ])('%s: %s, and %s: both are found, and nothing else', async (op, one, other, needs) => {
    expect(needsOf(await hunt(op, [one, other], 384))).toEqual(needs);
  });
});

describe.concurrent('of one bug', () => {
  test.each<[OpName, string, string]>([
    // A stride or a dilation is there because an output_padding needs one.
    [
      'conv_transpose2d',
      'rows run the other way where there is a bias and there is output_padding',
      'bias+output_padding',
    ],
    // Constant pads have a value or zeros.
    ['pad', 'it refuses where the mode is constant and its ends differ', 'refuses+constant+unequal ends'],
    ['pad', 'the first element is off by one where it pads behind', 'pad behind'],
    ['conv2d', 'all is 0 where the kernel is odd', 'kernel > 2'],
    ['conv1d', 'it refuses where a group has several outputs', 'refuses+outputs a group'],
    ['conv2d', 'the first bias for all channels', 'outputs+bias'],
    // Whether it shows hangs on what a stride leaves over.
    ['conv2d', 'output size rounded up', 'stride+remainder'],
    // Where there are as many channels as elements, its shape is right and its values are wrong.
    ['conv1d', 'gives (N, …, C) back', 'plain'],
    // Kernels of 1 have gaps with any stride, and larger ones with a larger stride.
    ['conv_transpose1d', 'gaps between the copies lack the bias', 'bias+stride'],
    ['conv1d', 'padding once, not at both ends', 'padding'],
    ['conv_transpose2d', 'output_padding of the last axis for all', 'unlike axes+output_padding'],
    ['conv_transpose2d', 'dilations of the last two axes exchanged', 'dilation+unlike axes'],
    ['conv_transpose2d', 'the weight as of a convolution: (out, in / groups, …)', 'outputs a group+channels'],
    ['pad', 'value taken for a byte', 'value large+pad'],
  ])('%s: %s: there is one finding', async (op, name, needs) => {
    expect(needsOf(await hunt(op, [name], 768))).toEqual([needs]);
  });
});

describe.concurrent('a failure', () => {
  test('is counted as a case of what it is a case of', async () => {
    const { findings, judged } = await hunt('conv1d', ['bias forgotten', 'dilation ignored'], 768);
    const failed = judged.filter(({ results }) => results[0]!.verdict.verdict === 'mismatch');
    expect(failed.length).toBeGreaterThan(100);
    expect(findings.reduce((sum, { times }) => sum + times, 0)).toBe(
      failed.filter(({ results }) => results[0]!.finding !== null).length,
    );
    for (const { call, results } of failed) {
      const signature = results[0]!.finding!.counterexample.signature;
      const has = call.operator.features(call.spec);
      // With one of the two alone there is nothing to choose.
      if (!has.includes('bias')) expect(signature).toBe('conv1d/mine/value/kernel+dilation');
      if (!has.includes('dilation')) expect(signature).toBe('conv1d/mine/value/bias');
    }
  });

  test('with nearly all elements wrong is none of a bug that leaves a few wrong, and that needs nothing', async () => {
    const names = ['dilation ignored', 'the rest of a row beyond eights left to zero'];
    const { judged } = await hunt('conv_transpose1d', names, 1536);
    const signatures = judged.flatMap(({ results: [result] }) => {
      const verdict = result!.verdict;
      const isNearlyAll = verdict.verdict === 'mismatch' && (verdict.culprit?.share ?? 0) > 0.8;
      return isNearlyAll && result!.finding !== null ? [result!.finding.counterexample.signature] : [];
    });
    expect(signatures.length).toBeGreaterThan(20);
    expect(signatures.filter((one) => one.endsWith('/plain')).length / signatures.length).toBeLessThan(0.1);
  });
});
