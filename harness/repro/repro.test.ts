import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import { shownHere } from '../backends/here.ts';
import { type Contender, Session } from '../campaign/session.ts';
import { type Case, caseSchema, type InputName, type JsonNumber, type OpName, type Params } from '../core/case.ts';
import { prepare } from '../operators/call.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { inTurns } from '../testing.ts';
import { find, type Subject, seenIn } from './find.ts';
import type { Finding } from './finding.ts';
import { type Language, languages, programsOf } from './programs.ts';
import { type End, isShownBy, link, packagesOf, run, shows } from './run.ts';
import { environmentOf, runAtOnce } from './testing.ts';

/* Programs that are printed run as they stand, in a folder that has nothing but the packages that they say they want. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-programs-'));
const issues = readKnownIssues(join(root, 'reports/known-issues'));
const caseTimeout_ms = 4000;

let session: Session;

type Data = [shape: number[], values: readonly JsonNumber[]];

function caseWith(op: OpName, params: Params, inputs: Partial<Record<InputName, Data>>): Case {
  const tensors = Object.entries(inputs).map(([name, [shape, values]]) => {
    return [name, { dtype: 'float32', shape, data: { kind: 'inline', values } }];
  });
  return { schema: caseSchema, op, params, inputs: Object.fromEntries(tensors) };
}

const count = (length: number) => Array.from({ length }, (_, i) => i + 1);
const conv = (input: Data, weight: Data, params: Params = {}, bias?: Data) =>
  caseWith('conv1d', params, { input, weight, ...(bias === undefined ? {} : { bias }) });
const grouped = conv(
  [
    [1, 2, 2],
    [1, 2, 3, 4],
  ],
  [
    [2, 1, 1],
    [1, 1],
  ],
  { groups: 2 },
);
const plain = conv(
  [
    [1, 1, 2],
    [1, 2],
  ],
  [[1, 1, 1], [3]],
);
const otherWeight = conv(
  [
    [1, 1, 2],
    [1, 2],
  ],
  [[1, 1, 1], [5]],
);
// More than fits into a comment, with values that take all the digits.
const fractions = count(200).map((i) => Math.fround(i / 7));
const long = conv(
  [[1, 2, 100], fractions],
  [
    [2, 1, 2],
    [1, 2, 3, 4],
  ],
  { groups: 2 },
);

/** Backends with one bug each: by kind of failure, a case that shows it. */
const bugs: [fixture: string, kind: Subject['kind'], Case, before?: Case[]][] = [
  ['last-element', 'value', grouped],
  ['last-element', 'value', long],
  [
    'last-element',
    'value',
    conv(
      [
        [2, 2],
        [1, 2, 3, 4],
      ],
      [
        [2, 1, 1],
        [1, 1],
      ],
      { groups: 2 },
    ),
  ],
  ['stale-cache', 'value', otherWeight, [plain]],
  [
    'wrong-shape',
    'shape',
    conv(
      [
        [1, 1, 3],
        [1, 2, 3],
      ],
      [[1, 1, 1], [1]],
      { stride: 2 },
    ),
  ],
  [
    'wrong-dtype',
    'dtype',
    conv(
      [
        [1, 1, 2],
        [1, 2],
      ],
      [[1, 1, 1], [1]],
      {},
      [[1], [1]],
    ),
  ],
  [
    'refuses',
    'acceptance',
    conv(
      [
        [1, 1, 3],
        [1, 2, 3],
      ],
      [
        [1, 1, 2],
        [1, 1],
      ],
      { stride: 2, dilation: 2 },
    ),
  ],
  [
    'takes-anything',
    'acceptance',
    conv(
      [
        [1, 1, 2],
        [1, 2],
      ],
      [[1, 1, 1], [1]],
      { stride: 0 },
    ),
  ],
  [
    'exits',
    'crash',
    conv(
      [
        [1, 1, 2],
        [1, 2],
      ],
      [
        [1, 1, 3],
        [1, 2, 3],
      ],
      { padding: 1 },
    ),
  ],
  [
    'hangs',
    'timeout',
    conv(
      [
        [1, 1, 4],
        [1, 2, 3, 4],
      ],
      [
        [1, 1, 2],
        [1, 2],
      ],
      { dilation: 3 },
    ),
  ],
  ['changes-input', 'side-effect', grouped],
  [
    'reflect-as-replicate',
    'value',
    caseWith(
      'pad',
      { pad: [1, 0], mode: 'reflect' },
      {
        input: [
          [1, 2],
          [1, 2],
        ],
      },
    ),
  ],
];

/** One of an issue's backends says as much as all. */
const known = issues.flatMap((issue) =>
  shownHere(issue)
    .slice(0, 1)
    .map((backend) => ({ name: issue.id, backend, subject: { ...issue, kind: issue.kinds[0]! } })),
);
const ofBugs = bugs.map(([fixture, kind, testCase, before = []], i) => ({
  name: `${i + 1}. what ${fixture} does wrong (${kind})`,
  backend: fixture,
  subject: { case: testCase, before, kind },
}));
const all = [...known, ...ofBugs];

beforeAll(async () => {
  const modules = [...new Set(bugs.map(([name]) => join(root, `harness/campaign/fixtures/${name}.mjs`)))];
  const builtIn = [...new Set([...known.map(({ backend }) => backend), 'tfjs-cpu-native'])];
  session = await Session.open({ backends: [...builtIn, ...modules], caseTimeout_ms, cwd: root });
  const twoAtATime = inTurns(2);
  const found = all.map(({ subject, backend }) => twoAtATime(() => look(subject, contenderNamed(backend))));
  for (const [i, finding] of (await Promise.all(found)).entries()) findings.set(all[i]!.name, finding);
  await runPython([...findings.values()].filter((finding) => typeof finding !== 'string'));
}, 240_000);
afterAll(async () => {
  await session?.close();
  rmSync(folder, { recursive: true });
});

/** What leaves its process alive and needs no other cases before it is seen in the one that the backend has already. */
async function look(subject: Subject, contender: Contender): Promise<Finding | string> {
  const { oracle } = session;
  if (subject.before.length > 0 || !['value', 'shape', 'dtype', 'acceptance'].includes(subject.kind))
    return find(subject, contender, oracle);
  const call = prepare(subject.case);
  const [judgement] = await session.judge(call, [contender]);
  const { outcome: got, verdict } = judgement!;
  return seenIn({ opinion: oracle.consult(call), got, verdict }, subject, contender, oracle);
}

function contenderNamed(name: string): Contender {
  return session.contenders.find((one) => one.name === name)!;
}

/** What was found of each of `all`, or why nothing was. */
const findings = new Map<string, Finding | string>();

function findingOf(name: string): Finding {
  const finding = findings.get(name)!;
  if (typeof finding === 'string') throw new Error(finding);
  return finding;
}

/** How programs in Python came to their end that ran in one process: those that leave it alive. */
const ends = new Map<string, End>();

async function runPython(all: readonly Finding[]): Promise<void> {
  const byEnvironment = new Map<string, string[]>();
  for (const finding of all) {
    for (const { text, ends: how } of programsOf(finding, 'python')) {
      if (how !== 'with 1' && finding.mismatch.kind !== 'acceptance') continue;
      const environment = environmentOf(text);
      byEnvironment.set(environment, [...(byEnvironment.get(environment) ?? []), text]);
    }
  }
  for (const texts of byEnvironment.values()) {
    for (const [i, end] of (await runAtOnce(texts)).entries()) ends.set(texts[i]!, end);
  }
}

/** The first of a finding's programs that shows it, which is the one that `repro` prints, and what came of it. */
async function firstThatShows(finding: Finding, language: Language) {
  for (const program of programsOf(finding, language)) {
    const { text } = program;
    if (language === 'python') {
      const imported = [...text.matchAll(/^import (\w+)/gm)].map(([, name]) => name);
      expect(new Set(packagesOf(text))).toEqual(new Set(imported.filter((name) => name !== 'os')));
    }
    // What writes beyond its memory mostly dies of it, and sometimes hangs.
    const tries = finding.mismatch.kind === 'crash' ? 3 : 1;
    const timeout_ms = program.ends === 'never' ? 8000 : 60_000 / tries;
    for (let i = 0; i < tries; i++) {
      const end = ends.get(text) ?? (await run(text, language, timeout_ms));
      if (isShownBy(program, end)) return { program, all: end.all };
    }
  }
  throw new Error('no program shows it');
}

const inTypeScript: string[] = [];

describe.each(languages)('in %s', (language) => {
  test.each(known)('$name shows on $backend', async ({ name, backend, subject }) => {
    const finding = findingOf(name);
    const { program, all } = await firstThatShows(finding, language);
    if (finding.mismatch.kind === 'value') expect(all).toMatch(/: wanted .*, got .*: WRONG/);
    // A page takes some lines to open.
    expect(program.text.split('\n').length).toBeLessThan(program.text.includes('async function inPage') ? 80 : 60);
    if (language === 'typescript') inTypeScript.push(program.text);
    // What the lowering does for a gradient, over a dilated depth, and with groups, is not what it prints.
    const toldOnly = [
      'tfjs-wasm-nan-in-dilated-conv3d',
      'tfjs-webgl-conv-epsilon',
      'tfjs-webgl-conv-epsilon-of-tiny-terms',
    ];
    const isTold = subject.case.op.includes('_grad_') || toldOnly.includes(name);
    const runsIt = language === 'python' ? /^(tensorflow|jax|openvino)/ : /^(tfjs|onnxruntime)/;
    if (runsIt.test(backend) && !isTold) expect(program.text).not.toContain('it is not run here');
  });

  test.each(ofBugs)('$name shows', async ({ name, subject }) => {
    const finding = findingOf(name);
    expect(finding.mismatch.kind).toBe(subject.kind);
    const { all } = await firstThatShows(finding, language);
    expect(all).toContain('WRONG');
    if (subject.kind === 'value') {
      const { want, got } = finding.mismatch.culprit!;
      const digits = (value: number) => String(value).slice(0, 6);
      expect(all).toMatch(new RegExp(`wanted ${digits(want)}.*got ${digits(got)}`));
    }
  });
});

test('a program in TypeScript has right types', async () => {
  expect(inTypeScript.length).toBeGreaterThan(15);
  const project = join(folder, 'types');
  mkdirSync(project);
  for (const name of new Set(inTypeScript.flatMap(packagesOf))) link(project, name);
  link(project, '@types/node');
  for (const [i, text] of inTypeScript.entries()) writeFileSync(join(project, `repro${i}.ts`), text);
  const compilerOptions = { strict: true, noEmit: true, skipLibCheck: true, types: ['node'], target: 'es2022' };
  const config = { compilerOptions: { ...compilerOptions, module: 'nodenext' } };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = await execa(join(root, 'node_modules/.bin/tsc'), ['-p', project], { reject: false });
  expect(stdout).toBe('');
}, 60_000);

describe('one known issue', () => {
  const issue = issues.find(({ id }) => id === 'tfjs-wasm-conv3d-transpose')!;
  const finding = () => findingOf(issue.id);

  test('on a runtime that is right there is nothing to show', async () => {
    const found = await find({ ...issue, kind: 'value' }, contenderNamed('tfjs-cpu-native'), session.oracle);
    expect(found).toBe('there is nothing to show on tfjs-cpu-native 4.22.0: it agrees with PyTorch now');
  });

  test('the page shows the program as it is printed, and what it ends with', async () => {
    const page = readFileSync(join(root, 'docs/how-to/repro.md'), 'utf8');
    const block = (language: string) => new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)![1]!;
    const { program, all } = await firstThatShows(finding(), 'typescript');
    expect(block('ts')).toBe(program.text);
    expect(all.split('\n').at(-1)).toBe(block('text').trim());
  });

  test('where nothing is wrong, the program says so', async () => {
    const [program] = programsOf(finding(), 'typescript');
    const { code, all } = await run(program!.text.replaceAll('wasm', 'cpu'), 'typescript', 40_000);
    expect({ code, all }).toMatchObject({ code: 0, all: expect.stringContaining('got 1: right') });
  });

  test('a program that does not show the failure is noticed', async () => {
    const [program] = programsOf(finding(), 'typescript');
    const mended = { ...program!, text: program!.text.replaceAll('wasm', 'cpu') };
    expect(await shows(program!, 'typescript', caseTimeout_ms)).toBe(true);
    expect(await shows(mended, 'typescript', caseTimeout_ms)).toBe(false);
    const broken = { ...program!, text: '// npm install none\nthrow new Error("nothing of the sort");' };
    expect(await shows(broken, 'typescript', caseTimeout_ms)).toBe(false);
  });

  test('in a Python of its own a program shows it as among others', async () => {
    const [program] = programsOf(finding(), 'python');
    expect(await shows(program!, 'python', caseTimeout_ms)).toBe(true);
  });
});
