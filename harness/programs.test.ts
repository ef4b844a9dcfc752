import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { root, venvPython } from '../scripts/setup.mjs';

/*
 * Backends that are programs of any language, by `--backend exec:COMMAND`: the worked examples as they stand in docs/, and the same
 * with a mistake.
 */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-programs-'));
const examples = join(root, 'docs/examples');
afterAll(() => rmSync(folder, { recursive: true }));

function convdiff(args: readonly string[], cwd = folder) {
  return execa(process.execPath, [join(root, 'scripts/convdiff.mjs'), ...args], { cwd, reject: false });
}

interface Example {
  language: string;
  file: string;
  ops: string;
  /** A change that makes it wrong, and the kind of mistake that it is then. */
  mistake: [from: string, to: string];
  /** What is typed after exec: in the folder that holds the file. */
  command(file: string): string;
  build(file: string): Promise<unknown>;
}

const programs: Example[] = [
  {
    language: 'Python',
    file: 'numpy_backend.py',
    ops: 'conv1d,conv2d,conv3d',
    mistake: ['(span // 2, span - span // 2)', '(span - span // 2, span // 2)'],
    command: (file) => `'${venvPython()}' ./${file}`,
    build: async () => {},
  },
  {
    language: 'C',
    file: 'backend.c',
    ops: 'conv1d',
    mistake: ['i < xs[2]', 'i < xs[2] - 1'],
    command: () => './backend',
    build: (file) =>
      execa('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', 'backend', file, '-lz'], { cwd: join(file, '..') }),
  },
];

describe.each(programs)('the example in $language', ({ language, file, ops, mistake, command, build }) => {
  const source = readFileSync(join(examples, file), 'utf8');

  async function made(name: string, text: string): Promise<string> {
    const home = join(folder, `${language}-${name}`);
    mkdirSync(home);
    writeFileSync(join(home, file), text);
    await build(join(home, file));
    return home;
  }

  test('has fewer than 100 lines', () => expect(source.split('\n').length).toBeLessThan(100));

  test('agrees with PyTorch, and says what it cannot do', async () => {
    const home = await made('right', source);
    const about = ['--op', ops, '--runs', '2000', '--seed', '3', '--format', 'jsonl', '--store', 'found'];
    const { stdout, exitCode } = await convdiff(['fuzz', '--backend', `exec:${command(file)}`, ...about], home);
    expect({ stdout, exitCode }).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(stdout).comparisons).toBeGreaterThan(500);
  });

  test('with a mistake, is found; what is saved is replayed from elsewhere, and where it was mended agrees', async () => {
    const [from, to] = mistake;
    expect(source).toContain(from);
    const home = await made('wrong', source.replace(from, to));
    const about = ['--op', ops, '--runs', '500', '--seed', '3', '--store', 'found'];
    const { stdout, exitCode } = await convdiff(['fuzz', '--backend', `exec:${command(file)}`, ...about], home);
    expect({ stdout, exitCode }).toMatchObject({ exitCode: 1 });
    const store = join(home, 'found');
    const [saved] = readdirSync(store).map((name) => JSON.parse(readFileSync(join(store, name), 'utf8')));
    expect(saved).toMatchObject({ kind: 'value', shrunk: true, program: { command: command(file), folder: '..' } });
    expect((await convdiff(['replay', '--store', store])).exitCode).toBe(1);

    writeFileSync(join(home, file), source);
    await build(join(home, file));
    expect((await convdiff(['replay', '--store', store])).exitCode).toBe(0);
  });
});

describe('a command that is no backend is named, with what is wrong', () => {
  test.each([
    ['', /a command must follow/],
    ['no-such-program', /exec:no-such-program does not start in .*no-such-program.*not found/],
    ['true', /exec:true does not start in .*exit code 0/],
    ["echo 'out of memory' >&2; exit 7", /exit code 7: out of memory/],
    ["printf 'this is certainly no frame' >&4; sleep 5", /bytes that do not begin with the magic number|no frame/],
  ])('%s', async (command, complaint) => {
    const { stderr, exitCode } = await convdiff([
      'try',
      'conv1d',
      '--input',
      '1,3',
      '--weight',
      '1,1,2',
      '--backend',
      `exec:${command}`,
    ]);
    expect({ stderr, exitCode }).toMatchObject({ exitCode: 2 });
    expect(stderr).toMatch(complaint);
  });
});
