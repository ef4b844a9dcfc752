import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath } from '../../scripts/setup.mjs';
import { Campaign, type CampaignResult } from '../campaign/campaign.ts';
import { Session } from '../campaign/session.ts';
import { knownIssuesFolder } from '../commands/options.ts';
import { type Case, caseSchema, type Params } from '../core/case.ts';
import { prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { Store } from '../store/store.ts';

/* Backends on other frameworks: in a short campaign of all operators nothing but known issues disagrees, and no operator is left out. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-frameworks-'));
afterAll(() => rmSync(folder, { recursive: true }));

function seeded(shape: number[], seed: number) {
  return { dtype: 'float32' as const, shape, data: { kind: 'seeded' as const, values: 'normal' as const, seed } };
}

function testCase(op: Case['op'], params: Params, input: number[], weight?: number[]): Case {
  const inputs = { input: seeded(input, 1), ...(weight === undefined ? {} : { weight: seeded(weight, 2) }) };
  return { schema: caseSchema, op, params, inputs };
}

/** The question that convdiff began with, and what frameworks do otherwise than PyTorch. */
const telling: [string, Case][] = [
  [
    'conv_transpose1d with stride, padding and output_padding',
    testCase('conv_transpose1d', { stride: 3, padding: 2, output_padding: 1 }, [2, 4, 7], [4, 3, 5]),
  ],
  [
    'conv_transpose2d with groups and dilation, axes that differ',
    testCase(
      'conv_transpose2d',
      { stride: [2, 1], padding: [1, 3], output_padding: [1, 0], dilation: [1, 2], groups: 2 },
      [1, 4, 5, 6],
      [4, 3, 2, 3],
    ),
  ],
  [
    "conv2d 'same' with an even kernel",
    testCase('conv2d', { padding: 'same', dilation: [1, 3] }, [2, 3, 6, 9], [4, 3, 3, 2]),
  ],
  [
    'conv3d with strides and groups',
    testCase('conv3d', { stride: [1, 2, 3], padding: 1, groups: 3 }, [1, 3, 4, 5, 6], [6, 1, 2, 3, 3]),
  ],
  [
    'pad of an int32 by nothing, with a value that none holds',
    {
      schema: caseSchema,
      op: 'pad',
      params: { pad: [0, 0], value: -4.2e22 },
      inputs: { input: { dtype: 'int32', shape: [3], data: { kind: 'inline', values: [1, 2, 3] } } },
    },
  ],
  [
    'pad of a float32 with a value that no int64 holds, though JSON writes it as an integer',
    {
      schema: caseSchema,
      op: 'pad',
      params: { pad: [0, 0], value: 60090726570482630000 },
      inputs: { input: { dtype: 'float32', shape: [1], data: { kind: 'inline', values: [0] } } },
    },
  ],
  [
    'pad of an int32 with such a value',
    {
      schema: caseSchema,
      op: 'pad',
      params: { pad: [0, 0], value: 60090726570482630000 },
      inputs: { input: { dtype: 'int32', shape: [3], data: { kind: 'inline', values: [1, 2, 3] } } },
    },
  ],
  ['pad, reflected', testCase('pad', { pad: [2, 1, 1, 3], mode: 'reflect' }, [2, 3, 4, 5])],
];

/** No campaign: each shape that is new has its shaders compiled, which takes a second and more. */
const browsers: [string, number][] = [
  ['tfjs-webgl', 0],
  ['tfjs-webgpu', 0],
];
const inBrowser = chromiumPath() === null ? [] : browsers;

describe.each<[string, number]>([
  ...inBrowser,
  ['tensorflow', 70],
  ['tensorflow-onednn', 70],
  ['jax', 14],
  ['openvino', 70],
  ['onnxruntime-node', 140],
  ['onnxruntime-web', 70],
  ['torch-float32', 700],
  ['torch-float32-onednn', 700],
])('%s', (backend, runs) => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.open({ backends: [backend], caseTimeout_ms: 20_000, cwd: folder });
  });
  afterAll(() => session?.close());

  test('names its release, and what it runs on', () => {
    const { version } = session.contenders[0]!;
    expect(version).toMatch(/^\d+\.\d+/);
    if (runs === 0) expect(version).toMatch(/ on \S/);
  });

  test.each(telling)('%s', async (_, one) => {
    const [judgement] = await session.judge(prepare(one));
    expect(judgement!.verdict).toMatchObject({ verdict: 'agree', vacuous: null });
  });

  if (runs === 0) return;
  test('in a campaign', async () => {
    const store = new Store(join(folder, backend));
    store.checkWritable();
    const knownIssues = readKnownIssues(knownIssuesFolder);
    const result: CampaignResult = await new Campaign({
      session,
      ops: operators.map(({ name }) => name),
      seed: 1,
      runs,
      time_ms: null,
      store,
      knownIssues,
      signal: new AbortController().signal,
      onProgress: () => {},
      onFinding: () => {},
    }).run();
    const fresh = result.findings.filter(({ knownIssue }) => knownIssue === null);
    expect(fresh.map(({ counterexample }) => counterexample)).toEqual([]);
    expect(result.end).toBe('runs');
    const tally = result.tallies.get(backend)!;
    expect(tally.unknown).toBe(0);
    expect(tally.agree).toBeGreaterThan(0.7 * runs);
  }, 120_000);
});
