import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { pythonPath, root } from '../scripts/setup.mjs';
import { inTurns } from './testing.ts';

/*
 * The command as it is typed: real processes, the real oracle, real backends. What is promised to those who call it from
 * elsewhere: exit codes, the lines of --format jsonl, messages, files, and that no process stays behind.
 *
 * A scratch folder holds all cases, modules and stores, and is where commands are typed unless a test says otherwise.
 */

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'convdiff-cli-')));
const script = join(root, 'scripts/convdiff.mjs');
const defaults = ['reference', 'tfjs-cpu', 'tfjs-wasm', 'tfjs-node'];
const example = join(root, 'harness/fixtures/example.json');
const lax = join(root, 'harness/fixtures/lax.mjs');
const picky = join(root, 'harness/fixtures/picky.mjs');
const bugs = join(root, 'harness/campaign/fixtures');
/** For what PyTorch has no part in: this one starts at once. */
const quick = ['--oracle', 'reference'];
const correct = pathToFileURL(join(bugs, 'correct.mjs')).href;

// ---------------------------------------------------------------------------------------------------------------- processes

const hasProc = existsSync('/proc/self/environ');
const marks = `convdiff-cli-test-${process.pid}`;
let started = 0;

/** The processes whose environment holds a mark: a command and all that it started, wherever they are in the process tree. */
function processesOf(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
    } catch {
      return false; // It has ended meanwhile.
    }
  });
}

/** Waits until something is so, or so long. */
async function until(condition: () => boolean, within_ms = 30_000): Promise<void> {
  const end_ms = performance.now() + within_ms;
  while (!condition() && performance.now() < end_ms) await sleep(20);
}

async function expectNobodyLeft(mark: string, within_ms: number): Promise<void> {
  if (!hasProc) return;
  await until(() => processesOf(mark).length === 0, within_ms);
  expect(processesOf(mark)).toEqual([]);
}

interface Options {
  cwd?: string;
  env?: Record<string, string>;
  /** Through `npm run`, from outside the project with --prefix. */
  npm?: boolean;
}

/** Starts a process. These tests may run under npm themselves: what it leaves in the environment is not for their commands. */
function spawn(file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}) {
  const mark = `${marks}-${++started}-`;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|NODE_ENV$|VITEST)/i.test(name));
  const child = execa(file, args, {
    cwd,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env, CONVDIFF_TEST_MARK: mark },
    extendEnv: false,
    reject: false,
    timeout: 110_000,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
  });
  return Object.assign(child, { mark });
}

/** Starts the command. */
function start(args: readonly string[], { cwd = folder, env = {}, npm = false }: Options = {}) {
  if (!npm) return spawn(process.execPath, [script, ...args], cwd, env);
  const outside = relative(root, cwd).startsWith('..');
  return spawn('npm', [...(outside ? ['--prefix', root] : []), 'run', '-s', 'convdiff', '--', ...args], cwd, env);
}

interface Said {
  exit: number | undefined;
  out: string;
  err: string;
}

interface Ran extends Said {
  seconds: number;
}

async function ended(child: ReturnType<typeof start>): Promise<Ran> {
  const { exitCode, stdout, stderr, timedOut, durationMs } = await child;
  expect(timedOut, `no end within the time limit: ${stdout}${stderr}`).toBe(false);
  await expectNobodyLeft(child.mark, 1000);
  return { exit: exitCode, out: stdout, err: stderr, seconds: durationMs / 1000 };
}

/** However many tests are under way: there may be no more than two cores. */
const twoAtATime = inTurns(2);

/** Runs the command. */
async function convdiff(args: readonly string[], options: Options = {}): Promise<Ran> {
  return twoAtATime(() => ended(start(args, options)));
}

/** Runs the command with each of these, all in one process: they have to end before anything starts. */
async function inOneProcess(lists: readonly (readonly string[])[]): Promise<Said[]> {
  const fixture = join(root, 'harness/fixtures/in-one-process.mjs');
  const { exit, out, err } = await twoAtATime(() =>
    ended(spawn(process.execPath, [fixture, JSON.stringify(lists)], folder)),
  );
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  return JSON.parse(out);
}

// ------------------------------------------------------------------------------------------------------------- jsonl, letters

const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])]);
const kind = z.enum(['value', 'shape', 'dtype', 'acceptance', 'crash', 'timeout', 'side-effect', 'unstable']);
const count = z.int().min(0);
const tensor = z.object({ dtype: z.string(), shape: z.array(count), data: z.looseObject({ kind: z.string() }) });
const savedCase = z.object({
  schema: z.literal('convdiff/case@1'),
  op: z.string(),
  params: z.record(z.string(), z.unknown()),
  inputs: z.record(z.string(), tensor),
});

const resultLine = z.looseObject({
  schema: z.literal('convdiff/result@1'),
  case: z.string(),
  op: z.string(),
  backend: z.string(),
  verdict: z.enum(['agree', 'mismatch', 'unsupported', 'unknown']),
  kind: kind.nullable(),
  shape: z.array(count).nullable(),
  worst: number.nullable(),
  bound: number.nullable(),
  reason: z.string().nullable(),
});
const counterexampleLine = z.looseObject({
  schema: z.literal('convdiff/counterexample@1'),
  id: z.string(),
  file: z.string(),
  signature: z.string(),
  op: z.string(),
  backend: z.string(),
  kind,
  elements: count,
  case: savedCase,
  before: z.array(savedCase),
});
const summaryLine = z.looseObject({
  schema: z.literal('convdiff/summary@1'),
  seed: z.int().nullable(),
  cases: count,
  comparisons: count,
  seconds: z.number(),
  counterexamples: count,
  known: count,
  exit: z.int(),
});
const line = z.discriminatedUnion('schema', [resultLine, counterexampleLine, summaryLine]);

type Result = z.infer<typeof resultLine>;
type Found = z.infer<typeof counterexampleLine>;

interface Lines extends Ran {
  results: Result[];
  found: Found[];
  summary: z.infer<typeof summaryLine>;
}

/** Reads standard output as lines of the contract, one summary last. */
function linesOf(ran: Ran): Lines {
  const lines = ran.out.split('\n').map((text) => line.parse(JSON.parse(text)));
  const results = lines.filter((one) => one.schema === 'convdiff/result@1');
  const found = lines.filter((one) => one.schema === 'convdiff/counterexample@1');
  const last = lines.at(-1);
  if (last?.schema !== 'convdiff/summary@1') throw new Error(`the last line is no summary: ${ran.out}`);
  expect(results.length + found.length).toBe(lines.length - 1);
  expect(last.exit).toBe(ran.exit);
  for (const { verdict, kind: what } of results) expect(what !== null).toBe(verdict === 'mismatch');
  for (const { case: saved, elements } of found) {
    const sizes = Object.values(saved.inputs).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    expect(elements).toBe(sizes.reduce((a, b) => a + b));
  }
  return { ...ran, results, found, summary: last };
}

async function jsonl(args: readonly string[], options: Options = {}): Promise<Lines> {
  return linesOf(await convdiff([...args, '--format', 'jsonl'], options));
}

// -------------------------------------------------------------------------------------------------------------- files to run

let files = 0;

function write(name: string, text: string): string {
  files += 1;
  const path = join(folder, `${files}-${name}`);
  writeFileSync(path, text);
  return path;
}

type Nested = number | string | Nested[];

/** A tensor of a case file, from nested lists. */
function inline(nested: Nested, dtype = 'float32') {
  const shape: number[] = [];
  for (let inner = nested; Array.isArray(inner); inner = inner[0]!) shape.push(inner.length);
  const values = Array.isArray(nested) ? nested.flat(8) : [nested];
  return { dtype, shape, data: { kind: 'inline', values } };
}

function caseOf(op: string, params: object, input: Nested, weight: Nested) {
  return { schema: 'convdiff/case@1', op, params, inputs: { input: inline(input), weight: inline(weight) } };
}

function caseFile(op: string, params: object, input: Nested, weight: Nested): string {
  return write('case.json', JSON.stringify(caseOf(op, params, input, weight)));
}

const plain = caseFile('conv1d', {}, [[[1, 2, 3]]], [[[1, 10]]]);
const noGroups = caseFile('conv1d', { groups: 0 }, [[[1, 2, 3]]], [[[1, 10]]]);

/** A backend module that can use `broken` and `run` of the fixtures. */
function moduleFile(source: string): string {
  return write('backend.mjs', `import { broken, run } from '${correct}';\n${source}\n`);
}

afterAll(() => {
  if (hasProc) for (const pid of processesOf(marks)) process.kill(Number(pid), 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** One clear message on standard error, with all of these in it, and nothing else anywhere. */
function expectComplaint({ exit, out, err }: Said, code: number, ...says: (string | RegExp)[]): void {
  const lines = err.split('\n').filter((text) => text !== '(add --help for what there is)');
  for (const part of says) expect(lines[0]).toMatch(part);
  expect(err).not.toMatch(/^\s+at /m);
  expect(err).not.toContain('please report it');
  expect(lines).toHaveLength(1);
  expect({ exit, out }).toEqual({ exit: code, out: '' });
}

// ------------------------------------------------------------------------------------------------------------------ the tests

describe.concurrent('check', () => {
  test("the contract's example agrees on the four default backends", async () => {
    const { exit, results, summary, err } = await jsonl(['check', example]);
    expect(exit).toBe(0);
    const line = { case: example, op: 'conv_transpose1d', verdict: 'agree', kind: null, shape: [2, 2, 13] };
    expect(results).toMatchObject(defaults.map((backend) => ({ ...line, backend, worst: 0, bound: 0, reason: null })));
    expect(summary).toMatchObject({ cases: 1, comparisons: 4, counterexamples: 0, known: 0, exit: 0 });
    expect(err).toBe('');
  });

  test('cases that PyTorch refuses are refused by strict backends and withheld from others', async () => {
    const invalid = [
      noGroups,
      caseFile('conv1d', { stride: [1, 1] }, [[[1, 2, 3]]], [[[1]]]),
      caseFile('conv1d', {}, [[[1], [2]]], [[[1]]]),
      caseFile('conv_transpose1d', { output_padding: 1 }, [[[1, 2]]], [[[1]]]),
    ];
    const { exit, results, summary } = await jsonl([
      'check',
      ...invalid,
      '--backend',
      lax,
      ...['--backend', defaults.join()],
    ]);
    expect(exit).toBe(0);
    const refused = defaults.map((backend) => ({ backend, verdict: 'agree', shape: null, reason: null }));
    const withheld = { backend: 'lax', verdict: 'unsupported', shape: null, worst: null, bound: null };
    expect(results).toMatchObject(
      invalid.flatMap((name) => [withheld, ...refused].map((one) => ({ ...one, case: name }))),
    );
    expect(summary).toMatchObject({ cases: 4, comparisons: 16 });
  });

  test('nothing but unsupported cases is undecided', async () => {
    const { exit, results, summary } = await jsonl(['check', noGroups, ...quick, '--backend', lax]);
    expect(exit).toBe(4);
    expect(results).toMatchObject([{ backend: 'lax', verdict: 'unsupported' }]);
    expect(summary).toMatchObject({ cases: 1, comparisons: 0, exit: 4 });
  });

  test('modules get complete parameters and a batch axis, whatever the case has; a module may hold several backends', async () => {
    const batchless = caseFile('conv1d', { padding: 'same' }, [[1, 2, 3]], [[[1, 10]]]);
    const special = caseFile('conv1d', {}, [[['NaN', '-0', 'Infinity', 4]]], [[[1]]]);
    const padded = caseFile('conv_transpose1d', { padding: 1 }, [[[1, 2]]], [[[1, 10]]]);
    const echo = moduleFile(`export default broken('complete', ({ op, params }, inputs, right) => {
      const { stride, dilation, groups, padding, output_padding } = params;
      const lists = [stride, dilation, ...(padding === 'same' ? [] : [padding]), ...(op === 'conv1d' ? [] : [output_padding])];
      if (groups !== 1 || !lists.every((list) => Array.isArray(list) && list.length === 1)) throw new Error(JSON.stringify(params));
      return right();
    });`);
    const { exit, results } = await jsonl(['check', batchless, special, padded, '--backend', `${picky},${echo}`]);
    expect(exit).toBe(0);
    const agree = (shape: number[]) => ({ verdict: 'agree', shape });
    const cannot = { verdict: 'unsupported', reason: 'it cannot pad' };
    expect(results.map(({ backend }) => backend)).toEqual([
      ...['needs-batch', 'no-padding', 'complete'],
      ...['needs-batch', 'no-padding', 'complete'],
      ...['needs-batch', 'no-padding', 'complete'],
    ]);
    expect(results).toMatchObject([
      ...[agree([1, 3]), cannot, agree([1, 3])],
      ...[agree([1, 1, 4]), agree([1, 1, 4]), agree([1, 1, 4])],
      ...[agree([1, 1, 1]), cannot, agree([1, 1, 1])],
    ]);
  });

  test('what supports gives is true or the reason why not', async () => {
    const vague = moduleFile("export default { name: 'vague', version: '1', supports() {}, run: () => {} };");
    const { results } = await jsonl(['check', plain, ...quick, '--backend', vague]);
    const reason = expect.stringContaining('supports gave undefined: it must give true, or the reason why not');
    expect(results).toMatchObject([{ backend: 'vague', verdict: 'mismatch', kind: 'acceptance', reason }]);
  });

  test('every verdict and every kind of mismatch has its line', async () => {
    const verdicts = join(root, 'harness/fixtures/verdicts.mjs');
    const { exit, results, summary } = await jsonl([
      'check',
      plain,
      ...quick,
      '--backend',
      verdicts,
      '--case-timeout',
      '1500ms',
    ]);
    expect(exit).toBe(1);
    const mismatch = (what: string, more = {}) => ({ backend: what, verdict: 'mismatch', kind: what, ...more });
    expect(results).toMatchObject([
      { backend: 'agree', verdict: 'agree', shape: [1, 1, 2] },
      { backend: 'unsupported', verdict: 'unsupported', reason: 'not today' },
      mismatch('value', { worst: 1, bound: 0, reason: expect.stringMatching(/\[0, 0, 0\].*21.*22/) }),
      { backend: 'not-a-number', verdict: 'mismatch', kind: 'value', worst: 'NaN', bound: 0 },
      mismatch('shape'),
      mismatch('dtype'),
      mismatch('acceptance', { reason: expect.stringContaining('too hard') }),
      mismatch('crash'),
      mismatch('timeout', { reason: expect.stringContaining('1500 ms') }),
      mismatch('side-effect', { reason: expect.stringContaining('input') }),
    ]);
    expect(summary).toMatchObject({ comparisons: 9, counterexamples: 8, known: 0 });
  });

  test('a mismatch that a known issue explains is counted and does not fail', async () => {
    const file = caseFile('conv1d', {}, [[['NaN']]], [[[1]]]);
    const { exit, results, summary } = await jsonl(['check', file, '--backend', 'tfjs-wasm']);
    expect(exit).toBe(0);
    expect(results).toMatchObject([{ backend: 'tfjs-wasm', verdict: 'mismatch', kind: 'value' }]);
    expect(summary).toMatchObject({ comparisons: 1, counterexamples: 0, known: 1 });
  });

  test('an unknown verdict is undecided', async () => {
    const env = { CONVDIFF_PYTHON: oracle('dies') };
    const { exit, results } = await jsonl(['check', plain, example, '--backend', 'reference'], { env });
    expect(exit).toBe(4);
    expect(results).toMatchObject([
      { verdict: 'agree' },
      { verdict: 'unknown', shape: null, worst: null, bound: null },
    ]);
  });

  test('is for people unless asked otherwise', async () => {
    const { exit, out } = await convdiff(['check', plain, noGroups, ...quick, '--backend', `${lax},reference`]);
    expect(exit).toBe(0);
    expect(out).toMatch(/agree .*reference .*\[1, 1, 2\]/);
    expect(out).toMatch(/unsupported .*lax .*strict/);
    expect(out).toMatch(/2 cases, 3 comparisons/);
  });
});

describe.concurrent('try', () => {
  test('runs the case that its flags describe', async () => {
    const flags = ['--input', '2,1,7', '--weight', '1,2,3', '--bias', '--stride', '3', '--padding', '5'];
    const more = ['--output_padding', '2', '--dilation', '1,', '--groups', '1', '--values', 'normal', '--seed', '-5'];
    const { exit, results, summary, err } = await jsonl(['try', 'conv_transpose1d', ...flags, ...more]);
    expect(exit).toBe(0);
    expect(results).toMatchObject(
      defaults.map((backend) => ({ op: 'conv_transpose1d', backend, verdict: 'agree', shape: [2, 2, 13] })),
    );
    expect(summary).toMatchObject({ seed: -5, cases: 1, comparisons: 4 });
    expect(err).toMatch(/^conv_transpose1d\(input=\(2, 1, 7\).*seed -5.*bias=\(2\).*stride=3.*dilation=\[1\]/);
  });

  test('has the exit code of what it found', async () => {
    const wrong = moduleFile("export default broken('off', (_, __, right) => ({ ...right(), shape: [1, 5] }));");
    const sizes = ['--input', '1,1,5', '--weight', '1,1,3', '--padding', 'same'];
    const mismatch = convdiff(['try', 'conv1d', ...sizes, ...quick, '--backend', wrong]);
    const undecided = convdiff(['try', 'conv1d', ...sizes, ...quick, '--groups', '0', '--backend', lax]);
    expect(await mismatch).toMatchObject({ exit: 1, out: expect.stringMatching(/MISMATCH .*off {2}shape/) });
    expect(await undecided).toMatchObject({ exit: 4, out: expect.stringContaining('undecided: nothing was compared') });
  });
});

describe.concurrent('wrong usage says what is wrong and what there is', () => {
  const runs = ['--backend', 'reference', '--store', join(folder, 'unused')];
  const sizes = ['--input', '1,1,3', '--weight', '1,1,1'];
  const lines: [string, string[], ...(string | RegExp)[]][] = [
    ['unknown command', ['frobnicate'], 'frobnicate'],
    ['unknown flag', ['fuzz', '--bogus'], '--bogus'],
    ['flag of another command', ['check', plain, '--runs', '3'], '--runs'],
    ['flag without its value', ['fuzz', '--runs'], '--runs'],
    ['too many arguments', ['fuzz', 'conv1d'], 'fuzz'],
    ['check without a file', ['check'], 'files'],
    ['unknown operator of fuzz', ['fuzz', '--op', 'conv9d'], 'conv9d', /conv1d, conv2d, conv3d, conv_transpose1d/],
    [
      'unknown operator among known ones',
      ['fuzz', '--op', 'conv1d,conv9d'],
      'conv9d',
      /conv1d, conv2d, conv3d, conv_transpose1d/,
    ],
    ['unknown operator of try', ['try', 'conv9d', ...sizes], 'conv9d', /conv1d, conv2d, conv3d, conv_transpose1d/],
    ['unknown backend', ['check', plain, '--backend', 'tfjs'], '"tfjs"', /reference.*tfjs-node.*\.\/file\.mjs/],
    ['no name at all', ['fuzz', '--op', 'conv1d,,conv1d'], 'conv1d,,conv1d'],
    ['missing backend file', ['check', plain, '--backend', './nothing.mjs'], './nothing.mjs', 'no such file'],
    ['no runs', ['fuzz', '--runs', '0', ...runs], '--runs', /≥ 1/, '"0"'],
    ['negative runs', ['fuzz', '--runs', '-3', ...runs], '--runs', /≥ 1/, '"-3"'],
    ['runs that are no number', ['fuzz', '--runs', 'many', ...runs], '--runs', 'whole number', '"many"'],
    ...['3/2', '01/2', ' 1/2', '0/2', '1/10001'].map((shard): [string, string[], string, string] => [
      `a shard that is none (${shard})`,
      ['fuzz', '--seed', '1', '--shard', shard],
      '--shard',
      shard,
    ]),
    ['a shard of a seed that nobody knows', ['fuzz', '--shard', '1/2'], '--shard', '--seed'],
    ['half a run', ['fuzz', '--runs', '1.5', ...runs], '--runs', 'whole number', '"1.5"'],
    ['time without a number', ['fuzz', '--time', 'soon', ...runs], '--time', '10m', '"soon"'],
    ['time of an unknown unit', ['fuzz', '--time', '3y', ...runs], '--time', '10m', '"3y"'],
    ['no time', ['fuzz', '--time', '0s', ...runs], '--time', '"0s"'],
    ['seed that is no number', ['fuzz', '--seed', 'abc', ...runs], '--seed', 'whole number', '"abc"'],
    ['seed with a fraction', ['fuzz', '--seed', '1.5', ...runs], '--seed', 'whole number', '"1.5"'],
    ['seed beyond what is exact', ['fuzz', '--seed', '9'.repeat(20), ...runs], '--seed', '"99999999999999999999"'],
    ['case timeout', ['check', plain, '--case-timeout', '-1s'], '--case-timeout', '10m', '"-1s"'],
    ['format', ['check', plain, '--format', 'xml'], '--format', 'xml', 'pretty, jsonl'],
    ['try without sizes', ['try', 'conv1d'], '--input', '2,1,7'],
    ['try without a weight', ['try', 'conv1d', '--input', '1,1,3'], '--weight', '1,2,3'],
    ['shape that is none', ['try', 'conv1d', '--input', '1,x,3', '--weight', '1,1,1'], '--input', '"x"'],
    ['negative size', ['try', 'conv1d', '--input', '1,-1,3', '--weight', '1,1,1'], 'input', '-1'],
    ['absurd size', ['try', 'conv1d', '--input', '1,1,99999999999', '--weight', '1,1,1'], 'input', '99999999999'],
    ['values', ['try', 'conv1d', ...sizes, '--values', 'odd'], '--values', 'lattice, normal, special', '"odd"'],
    ['parameter that it has not', ['try', 'conv1d', ...sizes, '--output_padding', '1'], 'output_padding'],
    ['padding that is none', ['try', 'conv1d', ...sizes, '--padding', 'full'], 'padding', '"same"', '"full"'],
    ['unknown id', ['replay', 'abcdef', '--store', 'nothing'], 'abcdef', join(folder, 'nothing')],
    ['missing counterexample', ['replay', './nothing.json'], './nothing.json', 'no such file'],
    ['repro without a language', ['repro', 'abcdef'], '--lang'],
    ['repro in an unknown language', ['repro', 'abcdef', '--lang', 'cobol'], 'cobol', 'python, typescript'],
    ['repro of an unknown id', ['repro', 'abcdef', '--lang', 'python', '--store', 'nothing'], 'abcdef', 'nothing'],
    ['repro of a case that fails nowhere in particular', ['repro', plain, '--lang', 'python'], '--backend'],
    ['code for an unknown library', ['explain', plain, '--code', 'jax'], 'jax', 'tfjs, tensorflow'],
    ['explain of a file and flags', ['explain', plain, '--stride', '2'], '--stride', plain],
    ['explain with code and a picture', ['explain', plain, '--code', 'tfjs', '--svg', 'a.svg'], '--code', '--svg'],
    ['explain into no folder', ['explain', plain, '--svg', './nowhere/a.svg'], '--svg', 'ENOENT'],
    [
      'repro on two backends',
      ['repro', plain, '--lang', 'python', '--backend', 'reference,tfjs-cpu'],
      '--backend',
      'one',
    ],
    ['unknown set-up step', ['setup', 'coffee'], '"coffee"', 'torch'],
  ];
  let ran: Said[];
  beforeAll(async () => {
    ran = await inOneProcess(lines.map(([, args]) => args));
  }, 120_000);
  test.each(lines.map(([name, , ...says], i) => [name, i, says] as const))('%s', (_, i, says) =>
    expectComplaint(ran[i]!, 2, ...says),
  );

  test.each([lines[1]!, lines[2]!])('%s, in a process of its own', async (_, args, ...says) =>
    expectComplaint(await convdiff(args), 2, ...says),
  );

  test('no command at all', async () => {
    const { exit, out, err } = await convdiff([]);
    expect({ exit, out }).toEqual({ exit: 2, out: '' });
    expect(err).toContain('Usage: convdiff');
  });
});

describe.concurrent('a bad case file is named, with the place and what is wrong', () => {
  type Draft = Record<string, unknown> & { params: Record<string, unknown>; inputs: Record<string, object> };
  const seeded = (shape: unknown, seed: unknown = 1) => ({
    dtype: 'float32',
    shape,
    data: { kind: 'seeded', values: 'lattice', seed },
  });
  /** The plain case with its input changed. */
  const input = (tensor: object) => (draft: Draft) => {
    draft.inputs.input = { ...draft.inputs.input, ...tensor };
  };
  const values = (...list: unknown[]) => input({ data: { kind: 'inline', values: list } });

  const changes: [string, (draft: Draft) => unknown, ...(string | RegExp)[]][] = [
    ['no schema', (draft) => delete draft.schema, 'schema', 'convdiff/case@1'],
    ['another schema', (draft) => Object.assign(draft, { schema: 'convdiff/case@2' }), 'schema', 'case@1', 'case@2'],
    ['unknown key', (draft) => Object.assign(draft, { comment: 'hi' }), 'comment'],
    ['unknown key of a tensor', input({ device: 'cpu' }), 'inputs.input', 'device'],
    [
      'unknown key of data',
      input({ data: { kind: 'inline', values: [1, 2, 3], seed: 1 } }),
      'inputs.input.data',
      'seed',
    ],
    ['unknown parameter', (draft) => Object.assign(draft.params, { strides: 2 }), 'params', 'strides'],
    ['parameter of another operator', (draft) => Object.assign(draft.params, { output_padding: 1 }), 'output_padding'],
    ['unknown operator', (draft) => Object.assign(draft, { op: 'conv9d' }), 'op', 'conv9d', 'conv_transpose1d'],
    ['operator that is no name', (draft) => Object.assign(draft, { op: 1 }), 'op', 'string'],
    ['parameter of the wrong type', (draft) => Object.assign(draft.params, { stride: '2' }), 'stride', '"2"'],
    ['parameter with a fraction', (draft) => Object.assign(draft.params, { dilation: [1.5] }), 'dilation', /1\.5/],
    ['unknown padding', (draft) => Object.assign(draft.params, { padding: 'full' }), 'padding', '"same"', '"full"'],
    ['list of groups', (draft) => Object.assign(draft.params, { groups: [1] }), 'groups'],
    [
      'unknown tensor',
      (draft) => Object.assign(draft.inputs, { kernel: seeded([1]) }),
      'kernel',
      /input, weight, bias/,
    ],
    ['missing tensor', (draft) => delete draft.inputs.weight, 'weight', 'missing'],
    ['unknown dtype', input({ dtype: 'float16' }), 'inputs.input.dtype', 'float32', 'float16'],
    ['dtype of another operator', input({ dtype: 'int32' }), 'inputs.input.dtype', 'conv1d', 'int32'],
    ['negative size', input({ shape: [1, -1, 3] }), 'inputs.input.shape.1', '-1'],
    ['size with a fraction', input({ shape: [1, 1, 1.5] }), 'inputs.input.shape.2', /1\.5/],
    ['size that is no number', input({ shape: [1, 1, '3'] }), 'inputs.input.shape.2', '"3"'],
    ['absurd size', input(seeded([1, 1, 1e15])), 'inputs.input.shape.2', '1000000000000000'],
    ['absurd product of sizes', input(seeded([1e5, 1e5, 1e5])), 'inputs.input.shape', 'elements'],
    ['absurd padding', (draft) => Object.assign(draft.params, { padding: 2 ** 30 }), 'absurd', '1073741824'],
    ['data that does not fill the shape', values(1, 2), 'inputs.input.data.values', '2 values', '[1,1,3]'],
    ['data beyond the shape', values(1, 2, 3, 4), 'inputs.input.data.values', '4 values', '[1,1,3]'],
    ['value that is no number', values(1, 2, 'nan'), 'inputs.input.data.values.2', '"NaN"', '"nan"'],
    ['value that is missing', values(1, null, 3), 'inputs.input.data.values.1', 'null'],
    ['value that no float32 is', values(1, 2, 1e99), 'inputs.input.data.values.2', /1e\+?99/, 'float32'],
    ['unknown kind of data', input({ data: { kind: 'file' } }), 'inputs.input.data.kind', 'file'],
    ['unknown distribution', input({ data: { kind: 'seeded', values: 'uniform', seed: 1 } }), 'lattice', 'uniform'],
    ['seed with a fraction', input(seeded([1, 1, 3], 0.5)), 'inputs.input.data.seed'],
  ];
  const badFiles = changes.map(([, change]) => {
    const draft = caseOf('conv1d', {}, [[[1, 2, 3]]], [[[1]]]) as unknown as Draft;
    change(draft);
    return write('bad.json', JSON.stringify(draft));
  });
  let ran: Said[];
  beforeAll(async () => {
    ran = await inOneProcess(badFiles.map((file) => ['check', plain, file, '--backend', 'reference']));
  }, 120_000);
  test.each(changes.map(([name, , ...says], i) => [name, i, says] as const))('%s', (_, i, says) =>
    expectComplaint(ran[i]!, 2, badFiles[i]!, ...says),
  );

  test.each([
    ['half a file', '{"schema": "convdiff/case@1", "op"', /JSON/],
    ['an empty file', '', /JSON/],
    ['a list', '[]', /object/],
    ['null', 'null', /object/],
    ['__proto__', '{"schema":"convdiff/case@1","op":"conv1d","params":{"__proto__":{}},"inputs":{}}', /__proto__/],
  ])('%s', async (_, text, says) => {
    const file = write('bad.json', text);
    expectComplaint(await convdiff(['check', file]), 2, file, says);
  });

  test('a missing file, and a folder', async () => {
    const missing = convdiff(['check', plain, './none.json', '--format', 'jsonl']);
    const noFile = convdiff(['check', '.']);
    expectComplaint(await missing, 2, './none.json', 'no such file');
    expectComplaint(await noFile, 2, /\.: is a folder: name a file in it/);
  });

  test('a bad counterexample', async () => {
    const bad = write('bad.json', JSON.stringify({ schema: 'convdiff/counterexample@1', id: 'x', kind: 'value' }));
    const other = convdiff(['replay', plain]);
    expectComplaint(await convdiff(['replay', bad]), 2, bad, 'signature');
    expectComplaint(await other, 2, plain, 'convdiff/counterexample@1');
  });
});

describe.concurrent('a backend file that is none is named, with what is wrong', () => {
  test.each<[string, string, ...(string | RegExp)[]]>([
    ['syntax error', 'export default {', /cannot be loaded|Unexpected/],
    ['error while loading', "throw new Error('no graphics card');", 'no graphics card'],
    ['exit while loading', 'process.exit(0);', /load|start|before/],
    ['crash while loading', 'process.abort();', 'SIGABRT'],
    ['missing package', "import 'a-package-that-is-not-there';", 'a-package-that-is-not-there'],
    ['no default export', 'export const run = () => {};', 'default export'],
    ['a number', 'export default 3;', 'default export', 'number'],
    ['a function', 'export default () => {};', 'default export', 'function'],
    ['an empty list', 'export default [];', 'empty'],
    ['a backend without run', "export default { name: 'mine', version: '1' };", 'mine', 'run'],
    ['a backend without a name', "export default { version: '1', run() {} };", 'name'],
    ['a version that is a number', "export default { name: 'mine', version: 1, run() {} };", 'version', 'string'],
    ['a flag that is none', "export default { name: 'mine', version: '1', strict: 1, run() {} };", 'strict', 'mine'],
    ['a name twice', "const b = { name: 'mine', version: '1', run() {} }; export default [b, b];", 'mine', 'two'],
  ])('%s', async (_, source, ...says) => {
    const file = write('bad.mjs', source);
    expectComplaint(await convdiff(['check', plain, ...quick, '--backend', file]), 2, file, ...says);
  });

  test('two modules with the same name', async () => {
    const modules = [1, 2].map(() => moduleFile("export default { name: 'mine', version: '1', run };"));
    expectComplaint(await convdiff(['check', plain, ...quick, '--backend', modules.join()]), 2, 'mine', 'another name');
  });
});

/** An interpreter that runs one of the broken oracles. */
function oracle(mode: string): string {
  return interpreter(`"${join(root, 'harness/fixtures/broken_oracle.py')}" ${mode}`);
}

/** An executable for CONVDIFF_PYTHON: the real Python with these arguments. */
function interpreter(args: string): string {
  const file = write('python', `#!/bin/sh\nexec "${pythonPath()}" ${args}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe.concurrent('without an oracle that can be trusted nothing is said of any backend', () => {
  const check = (python: string) =>
    convdiff(['check', plain, '--backend', 'reference'], { env: { CONVDIFF_PYTHON: python } });

  test('no Python', async () => {
    expectComplaint(await check('/nonexistent/python'), 3, '/nonexistent/python', 'CONVDIFF_PYTHON');
  });

  test('a Python without PyTorch', async () => {
    // -S: without site-packages.
    const python = interpreter('-S "$@"');
    expectComplaint(await check(python), 3, /numpy|torch/, 'CONVDIFF_PYTHON');
  });

  test('a Python that is something else', async () => {
    expectComplaint(await check(process.execPath), 3, process.execPath, 'CONVDIFF_PYTHON');
  });

  test('another release of PyTorch', async () => {
    expectComplaint(await check(oracle('wrong-torch')), 3, /2\.12\.0/, /2\.13\.0/, /setup|CONVDIFF_PYTHON/);
  });

  test('golden cases with wrong answers', async () => {
    expectComplaint(await check(oracle('wrong-golden')), 3, 'cannot be trusted', 'golden', 'CONVDIFF_PYTHON');
  });

  test('an oracle that dies again and again: no campaign goes on, and it ends with a summary', async () => {
    const args = ['fuzz', '--backend', 'reference', '--runs', '50', '--store', 'oracle-dies'];
    const { exit, summary, err } = await jsonl(args, { env: { CONVDIFF_PYTHON: oracle('dies') } });
    expect(exit).toBe(3);
    expect(err).toContain('there is no oracle any more');
    expect(summary.cases).toBeLessThan(50);
  });

  test('an oracle that lies now and then: it is convicted, and no backend is blamed', async () => {
    const args = ['fuzz', '--backend', 'reference,tfjs-cpu', '--runs', '300', '--seed', '1', '--store', 'oracle-lies'];
    const { exit, summary } = await jsonl(args, { env: { CONVDIFF_PYTHON: oracle('lies') } });
    const why = expect.stringMatching(
      /^the oracle cannot be trusted: it was wrong \d+ times; the first: (reference|tfjs-cpu), .* the oracle is wrong: /,
    );
    expect(summary).toMatchObject({ cases: 300, counterexamples: 0, known: 0, exit: 3, why });
    expect({ exit, saved: readdirSync(join(folder, 'oracle-lies')) }).toEqual({ exit: 3, saved: [] });
  });

  test('nor a check, with its results so far and a summary', async () => {
    const env = { CONVDIFF_PYTHON: oracle('dies') };
    const { exit, results } = await jsonl(['check', plain, ...Array(9).fill(example), '--backend', 'reference'], {
      env,
    });
    expect(exit).toBe(3);
    expect(results[0]).toMatchObject({ case: plain, verdict: 'agree' });
    expect(results.length).toBeLessThan(10);
  });

  test('doctor says so too', async () => {
    const { exit, out } = await convdiff(['doctor', 'reference'], {
      env: { CONVDIFF_PYTHON: '/nonexistent/python' },
    });
    expect(exit).toBe(3);
    expect(out).toMatch(/MISSING +oracle .*\/nonexistent\/python/);
    expect(out).toMatch(/→ .*CONVDIFF_PYTHON/);
  });
});

describe.concurrent('a store that cannot be used', () => {
  const file = write('regular-file', '');

  test.each([join(file, 'store'), file])('is refused before anything runs', async (store) => {
    const args = ['fuzz', ...quick, '--runs', '1', '--backend', 'reference', '--store', store];
    expectComplaint(await convdiff(args), 2, store, '--store');
  });

  test('any more: the campaign says so', async () => {
    const store = join(folder, 'store-that-vanishes');
    const vandal = moduleFile(`import { rmSync, writeFileSync } from 'node:fs';
      export default broken('vandal', () => {
        rmSync('${store}', { recursive: true, force: true });
        writeFileSync('${store}', '');
        throw new Error('ha');
      });`);
    const { exit, err } = await convdiff(['fuzz', ...quick, '--backend', vandal, '--runs', '20', '--store', store]);
    expect([2, 3]).toContain(exit);
    expect(err).toContain(store);
    expect(err).not.toMatch(/^\s+at |please report/m);
  });

  test('is refused for replay', async () => {
    expectComplaint(await convdiff(['replay', '--store', file]), 2, file);
  });
});

/** Runs the command that a campaign printed for replaying its first finding, as someone who pastes it into a shell. */
async function printedReplay({ out }: Ran, cwd: string): Promise<Ran> {
  const command = /^ *replay with: (.*)$/m.exec(out)?.[1] ?? 'no command was printed';
  return ended(spawn('sh', ['-c', command], cwd));
}

describe('a bug: found, shrunk, saved, replayed, mended', () => {
  const home = join(folder, 'hunt');
  const module = join(home, 'mine.mjs');
  const store = join(home, 'found');
  const saved = () => readdirSync(store).map((name) => join(store, name));
  const idOf = (file: string): string => JSON.parse(readFileSync(file, 'utf8')).id;
  let hunt: Ran;
  let again: Lines;

  beforeAll(async () => {
    mkdirSync(home);
    const source = readFileSync(join(bugs, 'last-element.mjs'), 'utf8').replace("'./correct.mjs'", `'${correct}'`);
    writeFileSync(module, source);
    const ops = ['--op', 'conv1d,conv_transpose1d'];
    const common = ['--runs', '100', '--seed', '-7', '--backend', './mine.mjs', ...ops];
    [hunt, again] = await Promise.all([
      convdiff(['fuzz', ...common, '--store', './found'], { cwd: home, npm: true }),
      jsonl(['fuzz', ...common, '--store', './again'], { cwd: home }),
    ]);
  });

  test('the campaign says its seed first and ends with its numbers', () => {
    expect(hunt.exit).toBe(1);
    const lines = hunt.out.split('\n');
    expect(lines[0]).toBe('seed -7');
    expect(lines[1]).toBe('conv1d conv_transpose1d on last-element: 100 cases');
    expect(lines.at(-1)).toMatch(/^100 cases, \d+ comparisons in .*: 2 counterexamples, 0 known issues$/);
    expect(hunt.out).toMatch(/last-element +│ +\d+ │ +\d+ │/);
  });

  test('a finding says what disagreed where, the minimal case on a line, and how to replay it', () => {
    for (const op of ['conv1d', 'conv_transpose1d']) {
      expect(hunt.out).toMatch(new RegExp(`^MISMATCH last-element, ${op}: value$`, 'm'));
      expect(hunt.out).toMatch(
        new RegExp(`minimal case \\(4 elements\\): ${op}\\(input=\\[.*weight=\\[.*groups=2\\)$`, 'm'),
      );
    }
    expect(hunt.out).toMatch(/at \[0, 1, 0\]: wanted 0, got 1, allowed difference 0/);
    for (const file of saved()) {
      expect(hunt.out).toContain(file);
      expect(hunt.out).toMatch(new RegExp(`replay ${idOf(file)}`));
    }
  });

  test('the same seed finds the same', () => {
    expect(again.err).toMatch(/^seed -7$/m);
    expect(again.summary).toMatchObject({ seed: -7, cases: 100, counterexamples: 2, known: 0, exit: 1 });
    const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
    // The same to the letter, with the draw that each was found in.
    expect(again.found.map(({ file }) => read(file)).sort((a, b) => (a.op < b.op ? -1 : 1))).toEqual(saved().map(read));
    for (const { file, ...line } of again.found)
      expect(read(file)).toMatchObject({ ...line, schema: expect.anything() });
  });

  test('one signature is one file, with its values inline', () => {
    for (const file of saved()) {
      const { case: minimal } = JSON.parse(readFileSync(file, 'utf8'));
      expect(Object.values(z.record(z.string(), tensor).parse(minimal.inputs)).map(({ data }) => data.kind)).toEqual([
        'inline',
        'inline',
      ]);
    }
  });

  describe.concurrent('replay', () => {
    const fails = { exit: 1, summary: { seed: null, cases: 1, comparisons: 1, counterexamples: 1, known: 0 } };

    test('all that is saved, without a name', async () => {
      const { exit, results, summary } = await jsonl(['replay', '--store', 'found'], { cwd: home });
      expect(exit).toBe(1);
      const names = saved().map((file) => relative(home, file));
      expect(results).toMatchObject(
        names.map((name) => ({ case: name, backend: 'last-element', verdict: 'mismatch', kind: 'value', worst: 1 })),
      );
      expect(summary).toMatchObject({ cases: 2, comparisons: 2, counterexamples: 2 });
    });

    test('one by its id', async () => {
      expect(await jsonl(['replay', idOf(saved()[0]!), ...quick, '--store', store])).toMatchObject(fails);
    });

    test('one by the beginning of its id, with a store relative to where npm was called', async () => {
      const id = idOf(saved()[1]!).slice(0, 5);
      const ran = await jsonl(['replay', id, ...quick, '--store', './found'], { cwd: home, npm: true });
      expect(ran).toMatchObject(fails);
    });

    test('one by its file, from its values alone', async () => {
      const {
        case: minimal,
        found: _,
        reason: __,
        elements: ___,
        ...rest
      } = JSON.parse(readFileSync(saved()[0]!, 'utf8'));
      minimal.inputs.input.data.values = [3, 5];
      minimal.inputs.weight.data.values = [2, 7];
      mkdirSync(join(home, 'moved'));
      writeFileSync(join(home, 'moved/some-name.json'), JSON.stringify({ ...rest, case: minimal }));
      const ran = await jsonl(['replay', './moved/some-name.json', ...quick], { cwd: home });
      expect(ran).toMatchObject({ ...fails, results: [{ reason: expect.stringContaining('wanted 35, got 36') }] });
      expect(ran.results[0]?.case).toBe('./moved/some-name.json');
    });

    test('on another backend, which does not have the bug', async () => {
      const { exit, results } = await jsonl(['replay', '--store', store, '--backend', 'reference']);
      expect(exit).toBe(0);
      expect(results).toMatchObject([{ verdict: 'agree' }, { verdict: 'agree' }]);
    });

    test('needs more than a beginning that fits two', async () => {
      const twins = join(home, 'twins');
      cpSync(saved()[0]!, join(twins, 'a.json'));
      cpSync(saved()[0]!, join(twins, 'b.json'));
      const ran = await convdiff(['replay', idOf(saved()[0]!).slice(0, 3), ...quick, '--store', twins]);
      expectComplaint(ran, 2, 'more than one', twins);
    });
  });

  describe.concurrent('repro', () => {
    test('one by the beginning of its id, in Python', async () => {
      const id = idOf(saved()[0]!).slice(0, 5);
      const { exit, out, err } = await convdiff(['repro', id, '--lang', 'python', '--store', './found'], { cwd: home });
      expect(exit).toBe(0);
      expect(err).toBe('running the program, to see that it shows the failure');
      const program = spawn(pythonPath(), ['-c', out], home);
      const { exitCode, stdout } = await program;
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/got .*: WRONG$/) });
    });

    test('one by its file, in TypeScript', async () => {
      const { exit, out } = await convdiff(['repro', saved()[1]!, '--lang', 'typescript']);
      expect(exit).toBe(0);
      expect(out).toMatch(/^\/\/ conv_transpose1d on last-element .*: a wrong value\.$/m);
    });

    test('of a case file, on the backend that is named', async () => {
      const file = join(home, 'groups.json');
      const inline = (shape: number[], values: number[]) => ({
        dtype: 'float32',
        shape,
        data: { kind: 'inline', values },
      });
      const inputs = { input: inline([1, 2, 1], [1, 2]), weight: inline([2, 1, 1], [3, 4]) };
      writeFileSync(file, JSON.stringify({ schema: 'convdiff/case@1', op: 'conv1d', params: { groups: 2 }, inputs }));
      const ran = await convdiff(['repro', file, '--lang', 'python', '--backend', './mine.mjs'], { cwd: home });
      expect(ran).toMatchObject({ exit: 0, out: expect.stringMatching(/^given = np.array\(\[3, 9\]/m) });
    });

    test('there is none where the backend is right', async () => {
      const ran = await convdiff(['repro', saved()[0]!, '--lang', 'python', '--backend', 'reference']);
      expectComplaint(ran, 4, 'nothing to show on reference', 'agrees with PyTorch');
    });
  });

  test('the printed command replays it where it was printed, here from outside the project', async () => {
    expect(await printedReplay(hunt, home)).toMatchObject({
      exit: 1,
      out: expect.stringMatching(/MISMATCH .*last-element {2}value/),
    });
  });

  test('the printed command replays it in the project, also from a store whose name has a space', async () => {
    const where = ['--backend', module, '--store', join(home, 'my store')];
    const args = ['fuzz', ...quick, ...where, '--op', 'conv1d', '--runs', '40', '--seed', '1'];
    const ran = await convdiff(args, { cwd: root });
    expect(ran.exit).toBe(1);
    expect(await printedReplay(ran, root)).toMatchObject({
      exit: 1,
      out: expect.stringMatching(/MISMATCH .*last-element {2}value/),
    });
  });

  test('what the store has already is reported again, and saved once', async () => {
    const args = ['fuzz', '--backend', './mine.mjs', '--op', 'conv_transpose1d', '--runs', '100', '--seed', '1'];
    const before = saved();
    const { exit, found, summary } = await jsonl([...args, '--store', 'found'], { cwd: home });
    expect(exit).toBe(1);
    expect(found.map(({ op }) => op)).toEqual(['conv_transpose1d']);
    expect(summary).toMatchObject({ cases: 100, counterexamples: 1 });
    expect(before).toContain(found[0]?.file);
    expect(saved()).toEqual(before);
  });

  test('once it is mended, replay agrees', async () => {
    const mended = `import correct from '${correct}'; export default { ...correct, name: 'last-element' };`;
    writeFileSync(module, mended);
    const { exit, results, summary } = await jsonl(['replay', '--store', 'found'], { cwd: home });
    expect(exit).toBe(0);
    expect(results).toMatchObject([{ verdict: 'agree' }, { verdict: 'agree' }]);
    expect(summary).toMatchObject({ cases: 2, comparisons: 2, counterexamples: 0 });
  });

  test('without its module, replay asks for it: a named case is an error, one among all is undecided', async () => {
    rmSync(module);
    const [id] = readdirSync(store).map((name) => /([0-9a-f]{12})\.json$/.exec(name)?.[1] ?? '');
    expectComplaint(await convdiff(['replay', id!, ...quick, '--store', store]), 2, module, '--backend');
    const { exit, results } = await jsonl(['replay', ...quick, '--store', store]);
    expect(exit).toBe(4);
    for (const { verdict, reason } of results) {
      expect(verdict).toBe('unknown');
      expect(reason).toContain(module);
    }
  });
});

describe.each(['reference', 'none'])('where no PyTorch is at hand, with --oracle %s', (oracle) => {
  const store = join(folder, `without-${oracle}`);
  const env = { CONVDIFF_PYTHON: '/nonexistent/python' };
  const fuzz = (fixture: string, runs: number) => {
    const about = [
      '--oracle',
      oracle,
      '--op',
      'conv_transpose1d',
      '--seed',
      '2',
      '--runs',
      `${runs}`,
      '--store',
      store,
    ];
    return jsonl(['fuzz', '--backend', join(bugs, `${fixture}.mjs`), ...about], { env });
  };

  test('what is right is not reported, whatever it is asked', async () => {
    const { exit, found, summary } = await fuzz('correct', 1000);
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
    expect(summary.comparisons).toBeGreaterThan(900);
  });

  test('a bug is found and shrunk, a bug that needs a history as well, and replayed by the same oracle', async () => {
    for (const fixture of ['off-by-one-padding', 'stale-cache']) {
      const { exit, found } = await fuzz(fixture, 200);
      expect(exit).toBe(1);
      for (const one of found) {
        expect(one).toMatchObject({ kind: 'value' });
        expect(one.elements).toBeLessThanOrEqual(10);
        expect(JSON.parse(readFileSync(one.file, 'utf8'))).toMatchObject({ oracle, shrunk: true });
      }
    }
    const { exit, results, summary } = await jsonl(['replay', '--store', store], { env });
    expect(exit).toBe(1);
    expect(results.map(({ verdict }) => verdict)).toEqual(results.map(() => 'mismatch'));
    expect(summary.cases).toBe(readdirSync(store).length);
  });

  test('a program that shows it needs PyTorch', async () => {
    const file = join(store, readdirSync(store)[0]!);
    expectComplaint(await convdiff(['repro', file, '--lang', 'python'], { env }), 3, 'CONVDIFF_PYTHON');
  });

  test('with PyTorch, what was found without it is replayed as well', async () => {
    const { exit } = await jsonl(['replay', '--store', store, '--oracle', 'pytorch']);
    expect(exit).toBe(1);
  });
});

test('an empty store is undecided', async () => {
  const { exit, results, summary } = await jsonl(['replay', '--store', 'nothing-there']);
  expect({ exit, results }).toEqual({ exit: 4, results: [] });
  expect(summary).toMatchObject({ cases: 0, comparisons: 0, exit: 4 });
});

test('a backend of lower precision that declares it is held to that, and no other one is', async () => {
  const half = join(bugs, 'half.mjs');
  const args = ['fuzz', '--backend', half, '--op', 'conv1d', '--runs', '600', '--seed', '1', '--store', 'half'];
  const { exit, found, err } = await jsonl(args);
  expect(err).toContain('half declares a unit roundoff of 0.00048828125: it is allowed that');
  expect({ exit, backends: [...new Set(found.map(({ backend }) => backend))] }).toEqual({
    exit: 1,
    backends: ['half-in-secret'],
  });
});

describe.concurrent('the budget of a campaign', () => {
  test('--runs is reached exactly; --op and --backend may be repeated and take commas', async () => {
    const backends = ['--backend', 'reference,tfjs-cpu', '--backend', lax, '--backend', 'reference'];
    const ops = ['--op', 'conv1d,conv_transpose1d', '--op', 'conv1d'];
    const args = ['fuzz', ...quick, ...backends, ...ops, '--runs', '301', '--store', 'budget'];
    const { exit, out } = await convdiff(args);
    expect(exit).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^seed \d+$/);
    expect(lines[1]).toBe('conv1d conv_transpose1d on reference tfjs-cpu lax: 301 cases');
    expect(lines.at(-1)).toMatch(/^301 cases, /);
  });

  test('--time ends it', async () => {
    const args = ['fuzz', '--backend', 'reference', '--time', '2s', '--store', 'budget'];
    const { exit, summary, err } = await jsonl(args);
    expect(exit).toBe(0);
    expect(summary.seconds).toBeGreaterThanOrEqual(2);
    expect(summary.seconds).toBeLessThan(5);
    expect(summary.cases).toBeGreaterThan(0);
    expect(err).toBe(`seed ${summary.seed}`);
  });

  test('of both, the first to end ends it', async () => {
    const args = ['fuzz', ...quick, '--backend', 'reference', '--store', 'budget', '--seed', '5'];
    const runs = jsonl([...args, '--runs', '20', '--time', '10m']);
    const time = await jsonl([...args, '--runs', '1000000000', '--time', '0.5s']);
    expect(await runs).toMatchObject({ exit: 0, summary: { seed: 5, cases: 20 } });
    expect(time.summary.cases).toBeLessThan(1_000_000_000);
    expect(time.summary.seconds).toBeLessThan(3);
    // The runs that were asked for were not reached.
    expect(time.exit).toBe(4);
  });

  test('a campaign in which nothing could be compared is undecided', async () => {
    const no = moduleFile("export default broken('no', null, { supports: () => 'never' });");
    const { exit, summary } = await jsonl(['fuzz', ...quick, '--backend', no, '--runs', '500', '--store', 'budget']);
    expect(exit).toBe(4);
    // Malformed calls are refused on the backend's behalf, which says nothing of the backend.
    expect(summary.cases).toBe(500);
    expect(summary.comparisons).toBeLessThan(30);
  });

  test('a backend that dies at everything is a finding, and benched after ten times', async () => {
    const dead = moduleFile("export default broken('dead', () => process.exit(1));");
    const args = ['fuzz', ...quick, '--backend', `${dead},reference`, '--op', 'conv1d', '--runs', '30', '--seed', '1'];
    const { exit, found, summary } = await jsonl([...args, '--store', 'dead']);
    expect(exit).toBe(1);
    expect(found).toMatchObject([{ op: 'conv1d', backend: 'dead', kind: 'crash', elements: 2 }]);
    expect(summary).toMatchObject({ cases: 30, counterexamples: 1, benched: ['dead'] });
  });
});

describe('leaving', () => {
  const fuzz = (backend: string, store: string, ...more: string[]) =>
    start(['fuzz', ...quick, '--backend', backend, '--time', '10m', '--seed', '1', '--store', store, ...more]);

  /** What a command has printed so far. */
  function printed(child: ReturnType<typeof start>): () => string {
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
    });
    return () => text;
  }

  /** A backend that hangs, and the file that says that it does. */
  function hanging(): { module: string; sign: string } {
    const sign = join(folder, `hangs-${++files}`);
    const module = moduleFile(`import { writeFileSync } from 'node:fs';
      export default broken('hanging', () => { writeFileSync('${sign}', ''); for (;;); });`);
    return { module, sign };
  }

  test('Ctrl-C ends a campaign with its summary, undecided', async () => {
    const child = fuzz('reference', 'left', '--oracle', 'pytorch');
    const text = printed(child);
    await until(() => text().includes('on reference: 10 min'));
    // Long enough for a case that says something, on a busy machine as well.
    await sleep(3000);
    child.kill('SIGINT');
    const { exit, out, seconds } = await ended(child);
    expect(exit).toBe(4);
    expect(out).toMatch(/reference +│ +\d/);
    expect(out).toMatch(/undecided: interrupted after [\d,]+ cases$/);
    expect(seconds).toBeLessThan(30);
  });

  test('a reader that closes standard output ends it, with a word', async () => {
    const words = ['fuzz', ...quick, '--backend', 'reference', '--runs', '512', '--store', 'left'];
    const line = [process.execPath, script, ...words].map((word) => `'${word}'`).join(' ');
    const { exitCode, stderr } = await execa('bash', ['-o', 'pipefail', '-c', `${line} | true`], {
      cwd: folder,
      reject: false,
    });
    expect(exitCode).toBe(3);
    expect(stderr).toContain('convdiff: nobody reads standard output any more');
  });

  test('Ctrl-C while a case is shrunk saves the best so far', async () => {
    const store = join(folder, 'left-shrinking');
    const child = fuzz(join(bugs, 'off-by-one-padding.mjs'), store, '--op', 'conv_transpose1d', '--format', 'jsonl');
    await until(() => existsSync(store) && readdirSync(store).some((name) => name.endsWith('.json')));
    child.kill('SIGINT');
    const { exit, found, summary } = linesOf(await ended(child));
    expect(exit).toBe(1);
    expect(found.length).toBeGreaterThan(0);
    expect(summary.counterexamples).toBe(found.length);
    expect(readdirSync(store).map((name) => join(store, name))).toEqual(found.map(({ file }) => file).sort());
    // A night goes on with it.
    expect(found.map(({ file }) => JSON.parse(readFileSync(file, 'utf8')).shrunk)).toContain(false);
    const { results } = await jsonl(['replay', '--store', store]);
    expect(results.map(({ verdict, kind: what }) => [verdict, what])).toEqual(found.map(() => ['mismatch', 'value']));
  });

  test.skipIf(!hasProc)('Ctrl-C during a check leaves nobody behind', async () => {
    const { module, sign } = hanging();
    const child = start(['check', plain, '--backend', `${module},reference`, '--case-timeout', '60s']);
    await until(() => existsSync(sign));
    expect(processesOf(child.mark).length).toBeGreaterThan(2);
    child.kill('SIGINT');
    await child;
    await expectNobodyLeft(child.mark, 2000);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s does not wait for a backend that hangs', async (signal) => {
    const { module, sign } = hanging();
    const child = fuzz(module, 'left', '--case-timeout', '60s');
    await until(() => existsSync(sign));
    const from_ms = performance.now();
    child.kill(signal);
    const { exit, out } = await ended(child);
    expect(exit).toBe(4);
    expect(out).toContain('undecided');
    expect(performance.now() - from_ms).toBeLessThan(3000);
  });

  test.skipIf(!hasProc)('when the command is killed outright, all that it started ends by itself', async () => {
    const { module, sign } = hanging();
    const child = fuzz(`${module},reference,tfjs-node`, 'left', '--case-timeout', '60s', '--oracle', 'pytorch');
    await until(() => existsSync(sign));
    expect(processesOf(child.mark)).toHaveLength(5);
    child.kill('SIGKILL');
    await child;
    await expectNobodyLeft(child.mark, 2000);
  });
});

describe.concurrent('through npm, paths begin where the command was typed', () => {
  test('outside the project', async () => {
    const there = join(folder, 'elsewhere');
    mkdirSync(there);
    cpSync(plain, join(there, 'case.json'));
    cpSync(moduleFile("export default { name: 'mine', version: '1', run };"), join(there, 'mine.mjs'));
    const args = ['check', './case.json', '--backend', './mine.mjs', '--format', 'jsonl'];
    const { exit, results } = linesOf(await convdiff(args, { cwd: there, npm: true }));
    expect(exit).toBe(0);
    expect(results).toMatchObject([{ case: './case.json', backend: 'mine', verdict: 'agree', shape: [1, 1, 2] }]);
  });

  test('in a folder of the project', async () => {
    const args = ['check', 'example.json', '--backend', './lax.mjs,../campaign/fixtures/loud.mjs'];
    const { exit, results } = await jsonl(args, { cwd: join(root, 'harness/fixtures'), npm: true });
    expect(exit).toBe(0);
    expect(results).toMatchObject([
      { case: 'example.json', backend: 'lax', verdict: 'agree' },
      { case: 'example.json', backend: 'loud', verdict: 'agree' },
    ]);
  });

  test('with the exit code of the command', async () => {
    const ran = await convdiff(['check', './none.json'], { npm: true });
    expectComplaint(ran, 2, './none.json');
  });
});

describe.concurrent('what there is', () => {
  test('list', async () => {
    const { exit, out, err } = await convdiff(['list']);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    for (const name of ['conv1d', 'conv_transpose1d', ...defaults]) expect(out).toMatch(new RegExp(`^ +${name} `, 'm'));
  });

  test('doctor', async () => {
    // What is installed on demand may be absent.
    const { exit, out } = await convdiff(['doctor'], { env: { CONVDIFF_CHROMIUM: '/nonexistent/chromium' } });
    expect(exit).toBe(0);
    expect(out).not.toContain('MISSING');
    expect(out).toMatch(/^absent +tfjs-webgl /m);
    expect(out).toContain('setup tfjs-webgl');
    for (const name of ['oracle', ...defaults]) expect(out).toMatch(new RegExp(`^ok +${name} `, 'm'));
    expect(out).toMatch(/torch 2\.13\.0/);
  });

  test('doctor, of some backends', async () => {
    const { exit, out } = await convdiff(['doctor', 'tfjs-cpu', 'torch-float32']);
    expect(exit).toBe(0);
    for (const name of ['oracle', 'tfjs-cpu', 'torch-float32']) expect(out).toMatch(new RegExp(`^ok +${name} `, 'm'));
    expect(out).not.toMatch(/^ok +reference /m);
    expect(out).not.toContain('OpenVINO');
    expectComplaint(await convdiff(['doctor', 'caffe']), 2, 'unknown backend "caffe"', 'tfjs-cpu');
  });

  test('a backend that needs a browser, where there is none', async () => {
    const args = ['fuzz', '--backend', 'tfjs-webgl', '--runs', '1'];
    const { exit, out, err } = await convdiff(args, { env: { CONVDIFF_CHROMIUM: '/nonexistent/chromium' } });
    expect({ exit, out }).toEqual({ exit: 3, out: '' });
    expect(err).toContain('CONVDIFF_CHROMIUM is /nonexistent/chromium');
  });

  test('setup of what there is not', async () => {
    expectComplaint(await convdiff(['setup', 'caffe']), 2, '"caffe"', 'tensorflow', 'jax');
  });

  test('setup by the name of a backend', async () => {
    const { exit, out } = await convdiff(['setup', 'torch-float32-onednn']);
    expect({ exit, out }).toEqual({ exit: 0, out: expect.stringMatching(/^PyTorch 2\.13\.0: /m) });
  });

  test('setup, where nothing is missing', async () => {
    const { exit, err, seconds } = await convdiff(['setup']);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(seconds).toBeLessThan(5);
  });

  test.each(['fuzz', 'check', 'try', 'replay', 'list', 'doctor', 'setup'])('%s --help', async (command) => {
    const { exit, out, err } = await convdiff([command, '--help']);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toMatch(new RegExp(`^Usage: convdiff ${command}`));
  });

  test('--help names every command and every exit code', async () => {
    const { exit, out } = await convdiff(['--help']);
    expect(exit).toBe(0);
    for (const command of ['fuzz', 'check', 'try', 'replay', 'list', 'doctor', 'setup']) {
      expect(out).toMatch(new RegExp(`^ +${command}\\b`, 'm'));
    }
    expect(out).toMatch(
      /0 +what was compared agrees[\s\S]*1 +a mismatch[\s\S]*2 +wrong usage[\s\S]*3 +the harness[\s\S]*4 +undecided/,
    );
  });
});

test.skipIf(!hasProc)('no command has left a process behind', () => {
  expect(processesOf(marks)).toEqual([]);
});
