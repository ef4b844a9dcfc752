import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import type { OpName } from '../core/case.ts';
import { gradients } from '../operators/index.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { Store } from '../store/store.ts';
import { Campaign, type CampaignResult } from './campaign.ts';
import { replayOn } from './replay.ts';
import { Session } from './session.ts';

/* Campaigns over gradients, against PyTorch's autograd. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-gradients-'));
const fixtures = join(root, 'harness/campaign/fixtures');

const all = gradients.map((operator) => operator.name);
/** What shrinks quickest. */
const plain = all.filter((name) => /^(conv1d|conv_transpose1d_grad_weight|pad)/.test(name));

afterAll(() => rmSync(folder, { recursive: true }));

async function hunt(
  backends: readonly string[],
  runs: number,
  name: string,
  ops: readonly OpName[] = all,
): Promise<{ session: Session; result: CampaignResult; store: Store }> {
  const session = await Session.open({ backends, caseTimeout_ms: 2000, cwd: root });
  const store = new Store(join(folder, name));
  store.checkWritable();
  const campaign = new Campaign({
    session,
    ops,
    seed: 1,
    runs,
    time_ms: null,
    store,
    knownIssues: readKnownIssues(join(root, 'reports/known-issues')),
    signal: new AbortController().signal,
    onProgress: () => {},
    onFinding: () => {},
  });
  return { session, store, result: await campaign.run() };
}

const kinds: Record<string, string> = {
  'only-the-first-of-the-batch': 'value',
  'mean-for-bias': 'value',
  'kernel-the-wrong-way-round': 'value',
  'nothing-where-dilated': 'value',
  'groups-forgotten': 'value',
  'no-output-padding': 'value',
  'nan-is-0': 'value',
  'edges-once': 'value',
  'a-shape-too-many': 'shape',
  'scales-what-it-is-given': 'side-effect',
  'gives-another-one': 'dtype',
  'takes-any-grad-output': 'acceptance',
};

describe('backends that differentiate wrongly', () => {
  test('are all found within 1,000 cases, each by its kind, and what was found fails again', async () => {
    const { session, store, result } = await hunt([join(fixtures, 'gradients.mjs')], 1000, 'bugs', plain);
    try {
      const found: Record<string, Set<string>> = {};
      for (const { counterexample } of result.findings) {
        found[counterexample.backend] ??= new Set();
        found[counterexample.backend]!.add(counterexample.kind);
      }
      const single = Object.fromEntries(Object.entries(found).map(([name, all]) => [name, [...all].join()]));
      expect(single).toEqual(kinds);
      for (const saved of store.list()) {
        const contender = session.contenders.find(({ name }) => name === saved.counterexample.backend)!;
        const { verdict } = await replayOn(saved.counterexample, contender, session.oracle);
        expect(verdict.verdict).toBe('mismatch');
      }
    } finally {
      await session.close();
    }
  }, 300_000);
});

test('the built-in backends agree with autograd, but for what is known', async () => {
  const names = ['reference', 'tfjs-cpu', 'tfjs-cpu-padded', 'tfjs-wasm', 'tfjs-node'];
  const { session, result } = await hunt(names, 1500, 'built-in');
  await session.close();
  const fresh = result.findings.filter(({ knownIssue }) => knownIssue === null);
  expect(fresh.map(({ counterexample }) => counterexample.signature)).toEqual([]);
  for (const tally of result.tallies.values()) expect(tally.unsupported + tally.unknown).toBe(0);
}, 300_000);

test('a backend without gradients is asked for none', async () => {
  const { session, result } = await hunt([join(root, 'harness/fixtures/lax.mjs')], 30, 'without');
  await session.close();
  expect([...result.tallies.values()].map(({ unsupported }) => unsupported)).toEqual([30]);
}, 60_000);
