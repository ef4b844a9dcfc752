import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pythonPath, root } from '../../scripts/setup.mjs';
import { shownHere } from '../backends/here.ts';
import { type Contender, Session } from '../campaign/session.ts';
import { type Case, caseSchema, type InputName, type JsonNumber, type OpName, type Params } from '../core/case.ts';
import { type KnownIssue, readKnownIssues } from '../store/knownIssues.ts';
import { find, type Subject } from './find.ts';
import type { Finding } from './finding.ts';
import { type Language, languages, programsOf } from './programs.ts';
import { shows } from './run.ts';

/* Programs that are printed run as they stand, in a folder that has nothing but the packages that they say they want. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-programs-'));
const issues = readKnownIssues(join(root, 'reports/known-issues'));
const caseTimeout_ms = 1500;

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

const modules = [...new Set(bugs.map(([name]) => join(root, `harness/campaign/fixtures/${name}.mjs`)))];
/** Each program is a process that starts PyTorch: one of an issue's backends says as much as all. */
function toldOf(issue: KnownIssue): string[] {
  return shownHere(issue).slice(0, 1);
}

const builtIn = [...new Set([...issues.flatMap(toldOf), 'tfjs-cpu-native'])];

beforeAll(async () => {
  session = await Session.open({ backends: [...builtIn, ...modules], caseTimeout_ms, cwd: root });
}, 60_000);
afterAll(async () => {
  await session?.close();
  rmSync(folder, { recursive: true });
});

function contenderNamed(name: string): Contender {
  return session.contenders.find((one) => one.name === name)!;
}

async function findingOf(subject: Subject, backend: string): Promise<Finding> {
  const finding = await find(subject, contenderNamed(backend), session.oracle);
  if (typeof finding === 'string') throw new Error(finding);
  return finding;
}

/** The packages that a program says it wants. */
function packagesOf(text: string): string[] {
  const words = /(?:npm|pip) install (.*)/.exec(text)![1]!.split(' ');
  return words.map((word) => word.replace(/(?<=.)(@|==).*/, ''));
}

let programs = 0;

/** Runs a program by itself, with the packages that it wants and no others. */
async function run(text: string, language: Language) {
  programs += 1;
  const own = join(folder, String(programs));
  mkdirSync(own);
  const env = { TF_CPP_MIN_LOG_LEVEL: '3', ...(language === 'python' ? {} : { TF_ENABLE_ONEDNN_OPTS: '0' }) };
  const options = { cwd: own, reject: false, all: true, env } as const;
  if (language === 'python') {
    const imported = [...text.matchAll(/^import (\w+)/gm)].map(([, name]) => name);
    const wanted = new Set(imported.filter((name) => name !== 'os'));
    expect(new Set(packagesOf(text))).toEqual(wanted);
    writeFileSync(join(own, 'repro.py'), text);
    return execa(pythonPath(), ['repro.py'], options);
  }
  for (const name of packagesOf(text)) link(own, name);
  // Modules that are neither imported nor compiled: it is JavaScript as it stands.
  writeFileSync(join(own, 'repro.mjs'), text);
  return execa(process.execPath, ['repro.mjs'], options);
}

function link(project: string, name: string): void {
  const target = join(project, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), target);
}

/** The first of a finding's programs that shows it, which is the one that `repro` prints, and what came of it. */
async function firstThatShows(finding: Finding, language: Language) {
  for (const { text, says } of programsOf(finding, language)) {
    const { exitCode, all } = await run(text, language);
    if (exitCode !== 0 && all.includes(says)) return { text, all };
  }
  throw new Error('no program shows it');
}

const inTypeScript: string[] = [];

describe.each(languages)('in %s', (language) => {
  const known = issues.flatMap((issue) => toldOf(issue).map((backend) => [issue.id, backend, issue] as const));

  test.each(known)(
    '%s shows on %s',
    async (_, backend, issue) => {
      const finding = await findingOf({ ...issue, kind: issue.kinds[0]! }, backend);
      const { text, all } = await firstThatShows(finding, language);
      if (finding.mismatch.kind === 'value') expect(all).toMatch(/: wanted .*, got .*: WRONG/);
      expect(text.split('\n').length).toBeLessThan(60);
      if (language === 'typescript') inTypeScript.push(text);
    },
    60_000,
  );

  test.each(bugs)(
    'what %s does wrong shows (%s)',
    async (fixture, kind, testCase, before = []) => {
      const finding = await findingOf({ case: testCase, before, kind }, fixture);
      expect(finding.mismatch.kind).toBe(kind);
      const { all } = await firstThatShows(finding, language);
      expect(all).toContain('WRONG');
      if (kind === 'value') {
        const { want, got } = finding.mismatch.culprit!;
        const digits = (value: number) => String(value).slice(0, 6);
        expect(all).toMatch(new RegExp(`wanted ${digits(want)}.*got ${digits(got)}`));
      }
    },
    60_000,
  );
});

test('a program in TypeScript has right types', async () => {
  expect(inTypeScript.length).toBeGreaterThan(15);
  const project = join(folder, 'types');
  mkdirSync(project);
  for (const name of ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu', '@tensorflow/tfjs-backend-wasm']) {
    link(project, name);
  }
  for (const name of ['@tensorflow/tfjs-node', '@types/node']) link(project, name);
  for (const [i, text] of inTypeScript.entries()) writeFileSync(join(project, `repro${i}.ts`), text);
  const compilerOptions = { strict: true, noEmit: true, skipLibCheck: true, types: ['node'], target: 'es2022' };
  const config = { compilerOptions: { ...compilerOptions, module: 'nodenext' } };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = await execa(join(root, 'node_modules/.bin/tsc'), ['-p', project], { reject: false });
  expect(stdout).toBe('');
}, 60_000);

describe('one known issue', () => {
  const issue = issues.find(({ id }) => id === 'tfjs-wasm-conv3d-transpose')!;

  test('on a runtime that is right there is nothing to show', async () => {
    const found = await find({ ...issue, kind: 'value' }, contenderNamed('tfjs-cpu-native'), session.oracle);
    expect(found).toBe('there is nothing to show on tfjs-cpu-native 4.22.0: it agrees with PyTorch now');
  });

  test('the page shows the program as it is printed, and what it ends with', async () => {
    const page = readFileSync(join(root, 'docs/how-to/repro.md'), 'utf8');
    const block = (language: string) => new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)![1]!;
    const finding = await findingOf({ ...issue, kind: 'value' }, 'tfjs-wasm-native');
    const { text, all } = await firstThatShows(finding, 'typescript');
    expect(block('ts')).toBe(text);
    expect(all.split('\n').at(-1)).toBe(block('text').trim());
  }, 60_000);

  test('where nothing is wrong, the program says so', async () => {
    const finding = await findingOf({ ...issue, kind: 'value' }, 'tfjs-wasm-native');
    const [program] = programsOf(finding, 'typescript');
    const { exitCode, all } = await run(program!.text.replaceAll('wasm', 'cpu'), 'typescript');
    expect({ exitCode, all }).toMatchObject({ exitCode: 0, all: expect.stringContaining('got 1: right') });
  }, 60_000);

  test('a program that does not show the failure is noticed', async () => {
    const finding = await findingOf({ ...issue, kind: 'value' }, 'tfjs-wasm-native');
    const [program] = programsOf(finding, 'typescript');
    const mended = { ...program!, text: program!.text.replaceAll('wasm', 'cpu') };
    expect(await shows(program!, 'typescript', caseTimeout_ms)).toBe(true);
    expect(await shows(mended, 'typescript', caseTimeout_ms)).toBe(false);
    const broken = { ...program!, text: 'throw new Error("nothing of the sort");' };
    expect(await shows(broken, 'typescript', caseTimeout_ms)).toBe(false);
  }, 60_000);
});
