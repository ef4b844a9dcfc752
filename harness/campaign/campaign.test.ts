import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import { type Case, caseSchema, type OpName } from '../core/case.ts';
import { elementCount } from '../core/tensor.ts';
import type { KnownIssue } from '../store/knownIssues.ts';
import { Store } from '../store/store.ts';
import { Campaign, type CampaignOptions, type CampaignResult, type Judged, type Shard } from './campaign.ts';
import { replayOn } from './replay.ts';
import { retriedOf, Session } from './session.ts';

/*
 * Backends with one bug each: every bug is found with the right kind, shrunk, saved once, and fails again from its saved values
 * alone. Some of them against PyTorch, the others against our own definition, which starts at once.
 */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-campaign-'));
const fixtures = join(root, 'harness/campaign/fixtures');
const both: OpName[] = ['conv1d', 'conv_transpose1d'];
const caseTimeout_ms = 1000;

afterAll(() => rmSync(folder, { recursive: true }));

interface Hunt {
  session: Session;
  store: Store;
  result: CampaignResult;
}

/** A campaign over both operators without a limit, that tells nobody; a test changes what it is about. */
function campaignOf(options: Pick<CampaignOptions, 'session' | 'store' | 'seed'> & Partial<CampaignOptions>): Campaign {
  return new Campaign({
    ops: both,
    runs: null,
    time_ms: null,
    knownIssues: [],
    signal: new AbortController().signal,
    onProgress: () => {},
    onFinding: () => {},
    ...options,
  });
}

const againstPyTorch = ['off-by-one-padding', 'takes-anything', 'stale-cache', 'pad-from-the-front', 'correct'];

async function hunt(name: string, runs: number, ops: readonly OpName[] = both): Promise<Hunt> {
  const backends = [join(fixtures, `${name}.mjs`)];
  // Nothing but waiting is in these.
  const isWaiting = name === 'hangs' || name === 'never-resolves';
  const oracle = againstPyTorch.includes(name) ? 'pytorch' : 'reference';
  const session = await Session.open({ backends, caseTimeout_ms: isWaiting ? 500 : caseTimeout_ms, cwd: root, oracle });
  const store = new Store(join(folder, name));
  store.checkWritable();
  const campaign = campaignOf({ session, store, seed: 1, runs, ops });
  try {
    return { session, store, result: await campaign.run() };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** [fixture, kind, cases to draw, elements of the smallest counterexample at most, cases in its history at most, operators] */
const bugs: [string, string, number, number, number, OpName[]?][] = [
  ['off-by-one-padding', 'value', 256, 8, 0],
  ['output-padding-in-front', 'value', 256, 2, 0],
  ['last-element', 'value', 256, 4, 0],
  ['wrong-shape', 'shape', 256, 2, 0],
  ['wrong-dtype', 'dtype', 256, 3, 0],
  ['no-tensor', 'dtype', 256, 3, 0],
  ['refuses', 'acceptance', 256, 2, 0],
  ['takes-anything', 'acceptance', 512, 2, 0],
  ['changes-input', 'side-effect', 256, 4, 0],
  ['exits', 'crash', 64, 3, 0],
  ['segfaults', 'crash', 64, 2, 0],
  ['aborts', 'crash', 24, 8, 0],
  ['hangs', 'timeout', 16, 2, 0],
  ['never-resolves', 'timeout', 64, 4, 0],
  ['third-call', 'value', 64, 2, 2],
  ['stale-cache', 'value', 256, 2, 1],
  ['changes-its-mind', 'unstable', 2048, 30, 0, ['conv1d']],
  ['looks-back', 'unstable', 4096, 30, 1, ['conv1d']],
  ['kernel-transposed', 'value', 256, 8, 0, ['conv2d', 'conv3d', 'conv_transpose2d']],
  ['reflect-as-replicate', 'value', 256, 2, 0, ['pad']],
  ['pad-from-the-front', 'shape', 256, 1, 0, ['pad']],
];

describe.each(bugs)('a backend that %s', (name, kind, runs, elements, history, ops) => {
  let found: Hunt;

  beforeAll(async () => {
    found = await hunt(name, runs, ops);
  }, 120_000);
  afterAll(() => found?.session.close());

  it(`is found, as ${kind} and nothing else`, () => {
    const kinds = new Set(found.result.findings.map(({ counterexample }) => counterexample.kind));
    expect([...kinds]).toEqual([kind]);
  });

  it(`is shrunk to at most ${elements} elements after at most ${history} other cases`, () => {
    const smallest = Math.min(...found.result.findings.map(({ counterexample }) => counterexample.elements));
    expect(smallest).toBeLessThanOrEqual(elements);
    for (const { counterexample } of found.result.findings) {
      expect(counterexample.before.length).toBeLessThanOrEqual(history);
    }
  });

  if (kind === 'crash') {
    it('is shrunk to zeros, since none of these dies of its values', () => {
      for (const { counterexample } of found.result.findings) {
        for (const { shape, data } of Object.values(counterexample.case.inputs)) {
          expect(data).toEqual({ kind: 'inline', values: new Array(elementCount(shape)).fill(0) });
        }
      }
    });
  }

  if (name === 'segfaults') {
    it('is one finding, with a stride as with a dilation, one of which output_padding takes', () => {
      const signatures = found.result.findings.map(({ counterexample }) => counterexample.signature);
      expect(signatures).toEqual(['conv_transpose1d/segfaults/crash/output_padding']);
    });
  }

  it('is saved once a signature, shrunk, and nothing else is left in the store', () => {
    const signatures = found.result.findings.map(({ counterexample }) => counterexample.signature);
    const saved = found.store.list().map(({ counterexample }) => counterexample);
    expect(new Set(signatures).size).toBe(signatures.length);
    expect(saved.map(({ signature }) => signature).sort()).toEqual([...signatures].sort());
    expect(saved.every(({ shrunk }) => shrunk)).toBe(true);
  });

  it('fails again from its saved values alone', async () => {
    const [contender] = found.session.contenders;
    for (const { counterexample } of found.store.list()) {
      const { verdict } = await replayOn(counterexample, contender!, found.session.oracle);
      expect(verdict).toMatchObject({ verdict: 'mismatch', kind });
    }
  });
});

describe('a campaign', () => {
  it.each(['correct', 'loud', 'not-strict'])('finds nothing in a backend that is %s', async (name) => {
    const { session, result, store } = await hunt(name, 2000);
    await session.close();
    expect(result.findings).toEqual([]);
    expect(store.list()).toEqual([]);
    const [tally] = [...result.tallies.values()];
    expect(tally).toMatchObject({ mismatch: 0, unknown: 0, benched: false });
    expect(tally!.agree + tally!.unsupported).toBe(2000);
  });

  it('gives a backend that is not strict no invalid case', async () => {
    const { session, result } = await hunt('not-strict', 1024);
    await session.close();
    const [tally] = [...result.tallies.values()];
    expect(tally!.unsupported).toBeGreaterThan(50);
    expect(tally!.unsupported).toBeLessThan(200);
  });

  it('judges the answer of the second time where a process was too slow once', async () => {
    const { mark } = (await import(join(fixtures, 'late-once.mjs'))) as { mark(pid: number): string };
    const backends = [join(fixtures, 'late-once.mjs')];
    rmSync(mark(process.pid), { force: true });
    const session = await Session.open({ backends, caseTimeout_ms: 3000, cwd: root, oracle: 'reference' });
    const store = new Store(join(folder, 'late-once'));
    store.checkWritable();
    let wrong = 0;
    const onCase = ({ call }: Judged) => {
      if (call.refusal === null && call.spec.shapes.bias != null) wrong += 1;
    };
    try {
      const result = await campaignOf({ session, store, seed: 3, runs: 64, onCase }).run();
      expect(wrong).toBeGreaterThan(9);
      expect(result.tallies.get('late-once')).toMatchObject({ mismatch: wrong, unknown: 0 });
      expect(retriedOf(session.contenders)).toEqual({ 'late-once': 1 });
    } finally {
      await session.close();
      rmSync(mark(process.pid), { force: true });
    }
  });

  it('goes on when the oracle is killed, with the same result', async () => {
    const session = await Session.open({ backends: ['reference'], caseTimeout_ms, cwd: root });
    let kills = 0;
    const campaign = campaignOf({
      session,
      store: new Store(folder),
      seed: 3,
      runs: 4096,
      onProgress: ({ cases }) => {
        if (cases < 1024 * (kills + 1) || kills >= 2) return;
        kills += 1;
        process.kill(session.oracle.pid!, 'SIGKILL');
      },
    });
    const result = await campaign.run();
    await session.close();
    expect(kills).toBe(2);
    expect(result).toMatchObject({ end: 'runs', cases: 4096, findings: [] });
    expect(result.tallies.get('reference')).toMatchObject({ agree: 4096, unknown: 0 });
  });

  it('saves what has failed when someone leaves in the middle', async () => {
    const controller = new AbortController();
    const backends = [join(fixtures, 'hangs.mjs')];
    const session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference' });
    const store = new Store(join(folder, 'left'));
    store.checkWritable();
    const campaign = campaignOf({ session, store, seed: 1, signal: controller.signal });
    setTimeout(() => controller.abort(), 4500);
    const result = await campaign.run();
    await session.close();
    expect(result.end).toBe('interrupted');
    expect(store.list().map(({ counterexample }) => counterexample.kind)).toContain('timeout');
  });

  it('benches a backend that dies too often and goes on with the others', async () => {
    const backends = [join(fixtures, 'segfaults.mjs'), 'reference'];
    const session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference', maxDeaths: 3 });
    const store = new Store(join(folder, 'benched'));
    store.checkWritable();
    const campaign = campaignOf({ session, store, seed: 1, runs: 256, ops: ['conv_transpose1d'] });
    const result = await campaign.run();
    await session.close();
    expect(result.tallies.get('segfaults')).toMatchObject({ benched: true });
    expect(result.tallies.get('reference')).toMatchObject({ benched: false, agree: 256 });
  });

  it('is all of its shards together', async () => {
    const backends = [join(fixtures, 'last-element.mjs'), 'reference'];
    const session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference' });
    const run = async (name: string, shard?: Shard) => {
      const store = new Store(join(folder, name));
      store.checkWritable();
      const campaign = campaignOf({ session, store, seed: 5, runs: 800, ...(shard === undefined ? {} : { shard }) });
      const { cases, tallies, findings } = await campaign.run();
      const found = findings.map(({ counterexample: { found: at } }) => at.batch);
      return { cases, mismatch: tallies.get('last-element')!.mismatch, found };
    };
    const whole = await run('whole');
    const shards = await Promise.all([0, 1, 2].map((index) => run(`shard ${index}`, { index, count: 3 })));
    await session.close();
    const sum = (what: 'cases' | 'mismatch') => shards.reduce((all, one) => all + one[what], 0);
    expect(whole.cases).toBe(800);
    expect([sum('cases'), sum('mismatch')]).toEqual([whole.cases, whole.mismatch]);
    for (const [index, { found, mismatch }] of shards.entries()) {
      expect(mismatch).toBeGreaterThan(0);
      expect(found.every((batch) => batch % 3 === index)).toBe(true);
    }
  });

  it('ends in the middle of a batch where time is up, and goes on from there', async () => {
    const backends = [join(fixtures, 'slow.mjs')];
    const session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference' });
    const store = new Store(folder);
    const first = await campaignOf({ session, store, seed: 5, runs: 256, from: 7 }).run();
    expect(first).toMatchObject({ end: 'runs', cases: 256, next: 8 });
    const cut = await campaignOf({ session, store, seed: 5, time_ms: 1000, from: 8 }).run();
    expect(cut).toMatchObject({ end: 'time', next: 8 });
    expect(cut.cases).toBeGreaterThan(0);
    expect(cut.cases).toBeLessThan(256);
    await session.close();
  });

  it('does not wait for a process to start once time is up', async () => {
    const { mark } = (await import(join(fixtures, 'starts-once.mjs'))) as { mark(pid: number): string };
    rmSync(mark(process.pid), { force: true });
    const backends = [join(fixtures, 'starts-once.mjs')];
    const session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference' });
    const store = new Store(join(folder, 'starts-once'));
    store.checkWritable();
    try {
      const result = await campaignOf({ session, store, seed: 1, time_ms: 2000 }).run();
      expect(result.end).toBe('time');
      expect(result.findings.map(({ counterexample: { kind, shrunk } }) => ({ kind, shrunk }))).toContainEqual({
        kind: 'value',
        shrunk: false,
      });
      expect(store.list().map(({ counterexample }) => counterexample)).toEqual(
        result.findings.map(({ counterexample }) => counterexample),
      );
    } finally {
      await session.close();
      rmSync(mark(process.pid), { force: true });
    }
  }, 60_000);

  it('goes on with a backend that dies of what is known', async () => {
    const maxDeaths = 3;
    const backends = [join(fixtures, 'exits-seldom.mjs')];
    const session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference', maxDeaths });
    const known: KnownIssue = {
      schema: 'convdiff/known-issue@1',
      id: 'exits-seldom',
      title: 'it exits',
      ops: both,
      backends: ['exits-seldom'],
      versions: [session.contenders[0]!.version],
      kinds: ['crash'],
      features: [],
      without: [],
      explanation: '',
      upstream: null,
      case: { schema: caseSchema, op: 'conv1d', params: {}, inputs: {} as Case['inputs'] },
      before: [],
    };
    const campaign = campaignOf({ session, store: new Store(folder), seed: 1, runs: 4096, knownIssues: [known] });
    const result = await campaign.run();
    await session.close();
    const tally = result.tallies.get('exits-seldom')!;
    expect(tally.mismatch).toBeGreaterThan(maxDeaths);
    expect(tally).toMatchObject({ benched: false });
    expect(result.findings.every(({ knownIssue }) => knownIssue === known)).toBe(true);
  });
});

it('a bug that kills in invalid calls as well is one finding', async () => {
  const backends = [join(fixtures, 'dies-of-invalid.mjs')];
  const options = { backends, caseTimeout_ms, cwd: root, oracle: 'reference' as const, maxDeaths: 1000 };
  const session = await Session.open(options);
  const store = new Store(join(folder, 'dies-of-invalid'));
  store.checkWritable();
  const judged: Judged[] = [];
  const onCase = (one: Judged) => judged.push(one);
  const result = await campaignOf({ session, store, seed: 4, runs: 128, ops: ['conv1d'], onCase }).run();
  await session.close();
  const died = judged.filter(({ results }) => results[0]!.verdict.verdict === 'mismatch');
  expect(died.filter(({ call }) => call.refusal !== null).length).toBeGreaterThan(0);
  expect(result.findings.map(({ counterexample }) => counterexample.signature)).toEqual([
    'conv1d/dies-of-invalid/crash/dilation > 2',
  ]);
}, 120_000);

it('a backend that is left out for its deaths is still looked into: one bug is one finding', async () => {
  const { result, session } = await hunt('dies-often', 1024, ['conv1d', 'conv2d']);
  await session.close();
  expect(result.tallies.get('dies-often')!.benched).toBe(true);
  expect(result.findings.map(({ counterexample }) => counterexample.signature).sort()).toEqual([
    'conv1d/dies-often/crash/stride > 2',
    'conv2d/dies-often/value/groups+bias',
  ]);
}, 120_000);
