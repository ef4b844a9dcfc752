/** Set-up's pure parts, and its lock against real processes. That the steps install anything is seen by whoever runs `npm test`. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { libraryLinks } from './setup/addon.mjs';
import { orphans, sourceFiles } from './setup/build.mjs';
import { runCommand } from './setup/command.mjs';
import { distInfos, forgetBroken } from './setup/distributions.mjs';
import { reasonFrom, SetupError } from './setup/error.mjs';
import { Interrupted } from './setup/interrupt.mjs';
import { takeLock, whileLocked } from './setup/lock.mjs';
import { isNewEnough } from './setup/node-version.mjs';
import { problemOfTree } from './setup/packages.mjs';
import { identityOf, isRunning } from './setup/process-identity.mjs';
import { createProgress } from './setup/progress.mjs';
import { judge } from './setup/python.mjs';
import { count } from './setup/test-run.mjs';
import { ensure, status, steps } from './setup.mjs';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convdiff-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, text = '') {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

describe('steps', () => {
  test('each comes after those that it needs', () => {
    const names = steps.map((step) => step.name);
    const usual = steps.filter(({ onDemand }) => !onDemand).map((step) => step.name);
    expect(usual).toEqual(['packages', 'build', 'python', 'torch', 'tensorflow', 'tfjs-node']);
    for (const [i, step] of steps.entries()) expect(names.slice(0, i)).toEqual(expect.arrayContaining([...step.needs]));
  });

  test('doctor gets a detail and a remedy for each', () => {
    for (const step of status()) expect([step.title, step.detail, step.remedy]).not.toContain('');
  });

  test('a step that is done stays silent', async () => {
    let said = '';
    await ensure(['build'], { progress: { write: (text) => (said += text) } });
    expect(said).toBe('');
  });

  test('an unknown step is named with those that there are', async () => {
    await expect(ensure(['pytorch'])).rejects.toThrow('no such set-up step: pytorch (there are packages, build,');
  });
});

describe('the lock', () => {
  const path = () => join(folder, 'lock');

  test('is held by one at a time, and the other learns by whom', async () => {
    const release = await takeLock(path());
    let heldBy: number | null = null;
    let second = false;
    const waiting = takeLock(path(), { onWait: (pid) => (heldBy = pid) }).then((give) => {
      second = true;
      give();
    });
    await expect.poll(() => heldBy).toBe(process.pid);
    expect(second).toBe(false);
    release();
    await waiting;
    expect(existsSync(path())).toBe(false);
  });

  test('of a process that died is broken', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(path(), JSON.stringify({ pid: dead, start: '1' }));
    (await takeLock(path()))();
  });

  test('of an earlier process with the pid of a running one is broken', async () => {
    writeFileSync(path(), JSON.stringify({ pid: process.pid, start: 'before the reboot' }));
    (await takeLock(path()))();
  });

  test('is taken for something quick as well, also from a process that died, and given back where that throws', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(path(), JSON.stringify({ pid: dead, start: '1' }));
    const work = () => {
      expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ pid: process.pid });
      throw new Error('no space left');
    };
    expect(() => whileLocked(path(), work)).toThrow('no space left');
    expect(existsSync(path())).toBe(false);
  });

  test('that was never filled in is broken only when it is old', async () => {
    writeFileSync(path(), '');
    const soon = AbortSignal.timeout(300);
    await expect(takeLock(path(), { signal: soon })).rejects.toThrow();
    utimesSync(path(), 0, 0);
    (await takeLock(path()))();
  });

  test('stale, and wanted by many processes, goes to one after the other', async () => {
    writeFileSync(path(), JSON.stringify({ pid: process.pid, start: 'before the reboot' }));
    let holders = 0;
    const work = async () => {
      const release = await takeLock(path());
      holders += 1;
      expect(holders).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders -= 1;
      release();
    };
    await Promise.all([work(), work(), work()]);
  });
});

test('a process is told from a later one with its pid', () => {
  const self = identityOf(process.pid)!;
  expect(isRunning(self)).toBe(true);
  expect(isRunning({ ...self, start: 'another time' })).toBe(false);
});

describe('the build', () => {
  test('is made from sources, and from neither fixtures nor data', () => {
    for (const file of ['harness/a.ts', 'scripts/b.mjs', 'harness/fixtures/c.mjs', 'harness/d.json', 'docs/e.ts'])
      put(file);
    expect(sourceFiles(folder)).toEqual(['harness/a.ts', 'scripts/b.mjs']);
  });

  test('leaves nothing of a source that is gone', () => {
    for (const file of ['harness/here.ts', 'scripts/here.mjs']) put(file);
    const kept = [
      'harness/here.js',
      'harness/here.js.map',
      'harness/here.d.ts',
      'scripts/here.mjs',
      'scripts/here.d.mts',
    ];
    const gone = [
      'harness/gone.js',
      'harness/gone.js.map',
      'harness/gone.d.ts',
      'harness/here.mjs',
      'scripts/gone.d.mts',
    ];
    for (const file of [...kept, ...gone, 'data.bin']) put(`dist/${file}`);
    const found = orphans(folder, join(folder, 'dist'));
    expect(found.sort()).toEqual(gone.map((file) => join(folder, 'dist', file)).sort());
  });
});

describe('the installed packages', () => {
  const locked = {
    '': { dependencies: { zod: '1.0.0' }, optionalDependencies: { addon: '2.0.0' } },
    'node_modules/zod': { version: '1.0.0' },
    'node_modules/addon': { version: '2.0.0' },
    'node_modules/other-platform': { version: '3.0.0' },
  };
  const installed = { 'node_modules/zod': { version: '1.0.0' }, 'node_modules/addon': { version: '2.0.0' } };

  test('may lack the binaries of other platforms', () => {
    expect(problemOfTree(locked, installed)).toBeNull();
  });

  test.each([
    ['nothing', null, 'not installed'],
    ['a package left out', { 'node_modules/zod': { version: '1.0.0' } }, 'node_modules/addon is missing'],
    [
      'another version',
      { ...installed, 'node_modules/zod': { version: '0.9.0' } },
      'node_modules/zod is 0.9.0, and 1.0.0',
    ],
    [
      'one too many',
      { ...installed, 'node_modules/old': { version: '1.0.0' } },
      'node_modules/old is 1.0.0, and absent',
    ],
  ])('are not right with %s', (_, tree, problem) => {
    expect(problemOfTree(locked, tree)).toContain(problem);
  });
});

describe("pip's records", () => {
  test('are believed where the files are there in their size, and forgotten where not', () => {
    put('whole.py', 'four');
    put('cut.py', 'fo');
    put('whole-1.0.dist-info/RECORD', 'whole.py,sha256=x,4\n__pycache__/whole.pyc,,\nwhole-1.0.dist-info/RECORD,,\n');
    put('cut-1.0.dist-info/RECORD', 'cut.py,sha256=x,4\n');
    put('gone-1.0.dist-info/RECORD', '"gone,really.py",sha256=x,4\n');
    put('unfinished-1.0.dist-info/METADATA');
    expect(distInfos(folder)).toHaveLength(4);
    forgetBroken(folder);
    expect(distInfos(folder)).toEqual([{ folder: 'whole-1.0.dist-info', version: '1.0' }]);
  });

  test("a name doesn't match a longer one", () => {
    put('torch-2.13.0+cpu.dist-info/RECORD');
    put('torch_geometric-2.0.dist-info/RECORD');
    expect(distInfos(folder, 'torch')).toEqual([{ folder: 'torch-2.13.0+cpu.dist-info', version: '2.13.0+cpu' }]);
  });
});

test.each([
  ['3 12 1', 'good'],
  ['3 14 1', 'no TensorFlow'],
  ['3 9 1', 'is 3.9'],
  ['2 7 0', 'is 2.7'],
  ['3 12 0', '(3.12) lacks the venv module'],
  ['', null],
  ['pyenv: not found', null],
])('a Python that answers "%s" is judged %s', (answer, verdict) => {
  expect(judge(answer)).toBe(verdict);
});

test.each([
  [18, 20, false],
  [20, 18, false],
  [20, 19, true],
  [22, 0, true],
])('Node %i.%i is new enough: %s', (major, minor, enough) => {
  expect(isNewEnough(major, minor)).toBe(enough);
});

test.each(['linux', 'darwin'])('every library that tfjs-node is linked with on %s has its name', (platform) => {
  const links = libraryLinks(platform).map(([link]) => link);
  expect(new Set(links).size).toBe(links.length);
  const suffix = platform === 'darwin' ? '.2.dylib' : '.so.2';
  for (const name of ['tensorflow', 'tensorflow_cc', 'tensorflow_framework'])
    expect(links).toContain(`lib${name}${suffix}`);
});

describe('a command', () => {
  const run = (code: string, signal = new AbortController().signal) =>
    runCommand(process.execPath, ['-e', code], { cwd: folder, log: join(folder, 'log'), signal });

  test('gives its standard output, and logs everything', async () => {
    expect(await run('console.error("aside"); console.log("answer")')).toBe('answer\n');
    expect(readFileSync(join(folder, 'log'), 'utf8')).toMatch(/^\$ .*aside\n.*answer\n|^\$ .*answer\n.*aside\n/s);
  });

  test('that fails says how, and what it said of it', async () => {
    const failing = run('console.log("long story\\nERROR: no such wheel"); process.exitCode = 3');
    await expect(failing).rejects.toThrow(/exited with code 3\nERROR: no such wheel$/);
  });

  test('that is not there is named', async () => {
    const options = { cwd: folder, log: join(folder, 'log'), signal: new AbortController().signal };
    await expect(runCommand('no-such-tool', [], options)).rejects.toThrow('no-such-tool could not be started');
  });

  test('that is interrupted takes along what it has started', async () => {
    const controller = new AbortController();
    const grandchild = 'process.stdout.write(String(process.pid)); setInterval(() => {}, 1000)';
    const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'inherit' })`;
    const pid = new Promise<number>((resolve) => {
      const options = { cwd: folder, log: join(folder, 'log'), signal: controller.signal };
      const onLine = (line: string) => resolve(Number(line));
      runCommand(process.execPath, ['-e', child], { ...options, onLine }).catch(() => {});
    });
    expect(identityOf(await pid)).not.toBeNull();
    controller.abort(new Interrupted('SIGTERM'));
    await expect.poll(async () => identityOf(await pid)).toBeNull();
  });
});

describe('what a user reads', () => {
  test('names the step, the cause, the remedy and the log', () => {
    const parts = {
      step: 'torch',
      title: 'PyTorch',
      reason: 'pip exited with code 1\nERROR: no wheel',
      remedy: 'wait.',
      log: 'a.log',
    };
    expect(new SetupError(parts).message).toBe(
      'Set-up failed at "PyTorch":\n  pip exited with code 1\n  ERROR: no wheel\nWhat to do: wait.\nIts whole output: a.log',
    );
  });

  test('is what speaks of an error, or else the last lines', () => {
    expect(reasonFrom('Collecting torch\nERROR: no wheel\nbye\n')).toBe('ERROR: no wheel');
    expect(reasonFrom('one\ntwo\n')).toBe('one\ntwo');
  });

  test('says that it was the connection, which pip tells in a warning only', () => {
    const output = "WARNING: Retrying after connection broken by 'X': refused\nERROR: ResolutionImpossible\n";
    expect(reasonFrom(output)).toBe(output.trim());
  });

  test('is plain lines where there is no terminal', () => {
    let said = '';
    const progress = createProgress({ write: (text) => (said += text) });
    progress.begin('[1/2] PyTorch');
    progress.end('done');
    expect(said).toMatch(/^\[1\/2\] PyTorch …\n\[1\/2\] PyTorch: done after \d+\.\d s\n$/);
  });
});

test('a test file that breaks before its first test counts as a failure', () => {
  const testResults = [
    { name: 'a', status: 'failed', assertionResults: [] },
    { name: 'b', status: 'failed', assertionResults: [{ fullName: 'one', status: 'failed' }] },
    { name: 'c', status: 'passed', assertionResults: [{ fullName: 'two', status: 'passed' }] },
  ];
  const report = { numPassedTests: 5, numFailedTests: 1, testResults };
  expect(count(report)).toEqual({ passed: 5, failed: 2 });
});
