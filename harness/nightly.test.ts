import {
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
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { root } from '../scripts/setup.mjs';
import { idOf } from './campaign/signature.ts';
import { type Night, readHistory } from './night/history.ts';
import { Store } from './store/store.ts';

/* Nights as they are typed: real processes, one after the other in one folder, with a backend that is mended and broken again. */

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'convdiff-nightly-')));
const script = join(root, 'scripts/convdiff.mjs');
const fixtures = join(root, 'harness/campaign/fixtures');
afterAll(() => rmSync(folder, { recursive: true }));

/** A line of cases.jsonl. */
interface Line {
  batch: number;
  index: number;
  results: Record<string, string>;
  failures?: Record<string, { id: string }>;
  case?: object;
}

interface Ran {
  exit: number | undefined;
  out: string;
  err: string;
  night: Night;
}

async function nightly(...args: string[]): Promise<Ran> {
  const common = ['nightly', '--op', 'conv1d', '--oracle', 'reference', '--store', 'store', '--report', 'report'];
  const { exitCode, stdout, stderr } = await execa(process.execPath, [script, ...common, ...args], {
    cwd: folder,
    reject: false,
    env: { NO_COLOR: '1' },
    stdin: 'ignore',
    timeout: 100_000,
  });
  const report = args.includes('--report') ? args[args.indexOf('--report') + 1]! : 'report';
  const history = readHistory(join(folder, report, 'history.jsonl'));
  return { exit: exitCode, out: stdout, err: stderr, night: history.at(-1)! };
}

/** Makes the backend right or wrong. */
function backendIs(fixture: 'correct' | 'last-element'): void {
  const text = readFileSync(join(fixtures, `${fixture}.mjs`), 'utf8')
    .replace('../../../dist', join(root, 'dist'))
    .replace('./correct.mjs', join(fixtures, 'correct.mjs'))
    .replace("name: 'correct'", "name: 'last-element'");
  writeFileSync(join(folder, 'mine.mjs'), text);
}

const signature = 'conv1d/last-element/value/groups';
const mine = ['--backend', './mine.mjs,reference', '--runs', '512'];

describe('a backend that is broken, mended, and broken again', () => {
  let nights: Record<'broken' | 'still' | 'mended' | 'again', Ran>;

  beforeAll(async () => {
    backendIs('last-element');
    const broken = await nightly(...mine);
    const still = await nightly(...mine);
    backendIs('correct');
    const mended = await nightly(...mine);
    backendIs('last-element');
    nights = { broken, still, mended, again: await nightly(...mine) };
  }, 110_000);

  test('is found the first night, and told as new', () => {
    const { exit, out, night } = nights.broken;
    expect(exit).toBe(1);
    expect(out).toContain('MISMATCH last-element, conv1d: value');
    expect(night).toMatchObject({ cases: 512, from: 0, next: 2, fresh: [signature], old: [], saved: [], exit: 1 });
  });

  test('leaves a line for each case, in order, and pages; what nights before left is put away', () => {
    const away = readdirSync(join(folder, 'report/nights'));
    expect(away).toHaveLength(3);
    const first = join(folder, 'report/nights', away.sort()[0]!);
    const lines = gunzipSync(readFileSync(join(first, 'cases.jsonl.gz')))
      .toString()
      .trim()
      .split('\n');
    const cases = lines.map((line) => JSON.parse(line) as Line);
    expect(cases.map(({ batch, index }) => 256 * batch + index)).toEqual(Array.from({ length: 512 }, (_, i) => i));
    for (const one of cases) {
      expect(one).toMatchObject({ schema: 'convdiff/judged@1', seed: 1, op: 'conv1d' });
      expect(Object.keys(one.results)).toEqual(['last-element', 'reference']);
      const hasFailed = one.results['last-element'] === 'mismatch';
      expect(one.failures !== undefined && one.case !== undefined).toBe(hasFailed);
    }
    const failed = cases.filter(({ failures }) => failures !== undefined);
    expect(failed.length).toBe(nights.broken.night.backends[0]!.mismatch);
    const id = idOf(signature);
    expect(new Set(failed.map(({ failures }) => failures!['last-element']!.id))).toEqual(new Set([id]));
    expect(readFileSync(join(first, 'report.html'), 'utf8')).toContain(signature);
    expect(readdirSync(join(folder, 'report')).sort()).toEqual([
      'cases.jsonl',
      'history.jsonl',
      'junit.xml',
      'night.json',
      'nights',
      'report.html',
      'summary.md',
    ]);
    expect(readFileSync(join(folder, 'report/report.html'), 'utf8')).toContain(
      'it had been found fixed, and fails again',
    );
  });

  test('is not new the second, which draws other cases', () => {
    const { exit, out, night } = nights.still;
    expect(exit).toBe(1);
    expect(out).not.toContain('MISMATCH');
    expect(out).toContain('1 of 1 kept failure fails as it did');
    expect(out).toContain(`still there: ${signature}`);
    expect(night).toMatchObject({ from: 2, next: 4, fresh: [], old: [signature] });
    expect(night.saved).toEqual([{ key: signature, standing: 'fails' }]);
  });

  test('is said to be fixed once it is, and passes', () => {
    const { exit, out, night } = nights.mended;
    expect(exit).toBe(0);
    expect(out).toMatch(/^fixed counterexample \w+ \(conv1d\/last-element.*delete its file$/m);
    expect(night).toMatchObject({ from: 4, saved: [{ key: signature, standing: 'fixed' }], exit: 0 });
  });

  test('is a regression when it fails again', () => {
    const { exit, out } = nights.again;
    expect(exit).toBe(1);
    expect(out).toMatch(/^REGRESSION counterexample /m);
    expect(out.indexOf('REGRESSION')).toBeLessThan(out.indexOf('still there'));
  });

  test('the canary was found every night', () => {
    for (const { out, night } of Object.values(nights)) {
      expect(night.canary).toBeGreaterThan(0);
      expect(night.canary).toBeLessThan(512);
      expect(out).not.toContain('canary,');
      expect(night.backends.map(({ name }) => name)).toEqual(['last-element', 'reference']);
    }
  });
});

describe('what a night left unfinished', () => {
  const store = new Store(join(folder, 'left'));
  const line = ['--store', 'left', '--report', 'left-report', '--backend', './mine.mjs', '--seed', '5'];
  const history = join(folder, 'left-report/history.jsonl');
  const found = () => store.list().find(({ counterexample }) => counterexample.signature === signature)!;
  let first: Ran;

  beforeAll(async () => {
    backendIs('last-element');
    store.checkWritable();
    first = await nightly(...line, '--runs', '512');
  }, 60_000);

  test('is shrunk and then deleted, where it was saved as it stood; what comes of it is not new', async () => {
    expect(first.exit).toBe(1);
    const { file, counterexample } = found();
    const large = { ...counterexample.case, inputs: { ...counterexample.case.inputs } };
    const [channels, ...rest] = large.inputs.weight!.shape as [number, number, number];
    large.inputs.weight = {
      dtype: 'float32',
      shape: [2 * channels, ...rest],
      data: { kind: 'seeded', values: 'lattice', seed: 1 },
    };
    const raw = `${signature}+channels`;
    store.save({ ...counterexample, case: large, signature: raw, id: idOf(raw), shrunk: false });
    store.remove(file);
    const lines = readFileSync(history, 'utf8').replaceAll(signature, raw);
    writeFileSync(history, lines);
    const { night, out } = await nightly(...line, '--runs', '1');
    expect(night).toMatchObject({ fresh: [], old: [signature], exit: 1 });
    expect(out).not.toContain('MISMATCH');
    expect(store.list()).toMatchObject([{ file, counterexample: { signature, shrunk: true } }]);
    // Another machine's store may have it still.
    const other = new Store(join(folder, 'left-joined'));
    other.checkWritable();
    const there = other.save({ ...counterexample, case: large, signature: raw, id: idOf(raw), shrunk: false });
    expect(existsSync(there)).toBe(true);
    const target = ['--store', 'left-joined', '--report', 'left-joined'];
    await execa(process.execPath, [script, 'merge', 'left', 'left-report', ...target], { cwd: folder });
    expect(other.found()).toMatchObject([{ counterexample: { signature, shrunk: true } }]);
    // Of one that was killed at once nobody has been told.
    store.save({ ...counterexample, case: large, signature: raw, id: idOf(raw), shrunk: false });
    store.remove(file);
    writeFileSync(history, '');
    const after = await nightly(...line, '--runs', '1', '--format', 'jsonl');
    expect(after.night).toMatchObject({ fresh: [signature], old: [], exit: 1 });
    expect(after.out.split('\n').map((text) => JSON.parse(text) as object)).toMatchObject([
      { signature, standing: 'new' },
      { counterexamples: 1 },
    ]);
  }, 60_000);

  test('is told as new by the next night, where the one that found it was killed', async () => {
    const nights = readHistory(history);
    writeFileSync(history, `${JSON.stringify({ ...nights[0]!, exit: null, fresh: [signature] })}\n`);
    const again = await nightly(...line, '--runs', '1');
    expect(again.out).toContain('MISMATCH last-element');
    expect(readHistory(history).at(-1)).toMatchObject({ fresh: [signature], old: [] });
    await nightly(...line, '--runs', '1');
    expect(readHistory(history).at(-1)).toMatchObject({ fresh: [] });
  }, 60_000);

  test('has a line on standard output each night, also where the hunt does not come upon it', async () => {
    const { exit, out } = await nightly(...line, '--runs', '1', '--format', 'jsonl');
    expect(exit).toBe(1);
    const lines = out.split('\n').map((text) => JSON.parse(text) as object);
    expect(lines).toMatchObject([
      { schema: 'convdiff/counterexample@1', signature, file: found().file, standing: 'old' },
      { schema: 'convdiff/summary@1', counterexamples: 1, exit: 1 },
    ]);
    expect(lines.at(-1)).not.toHaveProperty('regressions');
    const last = readHistory(history).at(-1)!;
    writeFileSync(history, `${JSON.stringify({ ...last, saved: [{ key: signature, standing: 'fixed' }] })}\n`);
    const after = await nightly(...line, '--runs', '1', '--format', 'jsonl');
    expect(after.out.split('\n').map((text) => JSON.parse(text) as object)).toMatchObject([
      { signature, standing: 'regression' },
      { regressions: [signature] },
    ]);
  }, 60_000);
});

describe('a night', () => {
  test('replays the known issues of its backends', async () => {
    const { exit, out, night } = await nightly('--backend', 'tfjs-cpu-native', '--runs', '256', '--seed', '3');
    expect(exit).toBe(0);
    expect(out).toMatch(/\d+ of \d+ kept failures (fail as they|fails as it) did/);
    const keys = night.saved.map(({ key }) => key);
    expect(keys).toContain('tfjs-cpu-pad-negative-zero@tfjs-cpu-native');
    expect(new Set(night.saved.map(({ standing }) => standing))).toEqual(new Set(['fails']));
  });

  test('in shards is the same night: each has its own batches', async () => {
    const shards = [];
    for (const shard of ['1/2', '2/2']) {
      const report = join('shards', shard.replace('/', '-'));
      const { stdout } = await execa(
        process.execPath,
        [script, 'nightly', '--op', 'pad', '--oracle', 'reference', '--backend', 'reference', '--runs', '1000'].concat([
          '--shard',
          shard,
          '--store',
          'store',
          '--report',
          report,
          '--format',
          'jsonl',
        ]),
        { cwd: folder, reject: false },
      );
      shards.push(JSON.parse(stdout.trim().split('\n').at(-1)!) as { cases: number });
    }
    expect(shards.map(({ cases }) => cases)).toEqual([512, 488]);
    const target = ['--store', 'shards/store', '--report', 'shards/report'];
    const { stdout, exitCode } = await execa(
      process.execPath,
      [script, 'merge', 'shards/1-2', 'shards/2-2', ...target],
      {
        cwd: folder,
      },
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^0 counterexamples in .*store\n2 nights in .*history\.jsonl\nthe report is .*report\.html$/,
    );
    const page = readFileSync(join(folder, 'shards/report/report.html'), 'utf8');
    expect(page.match(/[\d,]+ cases [^<]* at most/)?.[0]).toMatch(
      /^1,000 cases of several shards or seeds, in 2 parts of .* at most$/,
    );
    const nights = readHistory(join(folder, 'shards/report/history.jsonl'));
    expect(nights.map(({ shard }) => shard).sort()).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  test('what shards leave is joined: each signature once, its backend still found', async () => {
    const merge = (...args: string[]) =>
      execa(process.execPath, [script, 'merge', ...args], { cwd: folder, reject: false });
    const target = ['--store', 'deep/er/joined', '--report', 'deep/report'];
    const first = await merge('store', 'report', ...target);
    const second = await merge('.', ...target);
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    expect(second.stdout).toMatch(/^1 counterexample in /);
    const [saved] = new Store(join(folder, 'deep/er/joined')).list();
    expect(saved!.counterexample).toMatchObject({ signature, module: '../../../mine.mjs' });
    mkdirSync(join(folder, 'empty/inside'), { recursive: true });
    const nothing = await merge('empty', ...target);
    expect(nothing.exitCode).toBe(0);
    expect(nothing.stderr).toContain('empty: nothing of a night or a campaign lies here');
    writeFileSync(join(folder, 'empty/inside/night.json'), '[]');
    const bad = await merge('empty', ...target);
    expect(bad.exitCode).toBe(2);
    expect(bad.stderr).toContain('empty/inside/night.json');
    const none = await merge('nowhere', ...target);
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain('nowhere: no folder that can be read');
  });

  test('joined tells of what it found by the joined store: its part may be gone', async () => {
    backendIs('last-element');
    await nightly(...mine, '--store', 'part/store', '--report', 'part/report');
    const target = ['--store', 'whole/store', '--report', 'whole/report'];
    await execa(process.execPath, [script, 'merge', 'part', ...target], { cwd: folder });
    const [saved] = new Store(join(folder, 'whole/store')).list();
    const page = readFileSync(join(folder, 'whole/report/report.html'), 'utf8');
    expect(page).toContain(`replay whole/store/${basename(saved!.file)}<`);
  }, 60_000);

  test('that is killed is remembered as far as it went: the next one goes on from there', async () => {
    const report = join(folder, 'killed');
    const words = ['nightly', '--op', 'pad', '--oracle', 'reference', '--backend', 'reference', '--store', 'store'];
    const run = (...args: string[]) =>
      execa(process.execPath, [script, ...words, '--report', report, ...args], {
        cwd: folder,
        reject: false,
        detached: true,
        timeout: 60_000,
      });
    const first = run('--time', '10m');
    const history = () => readHistory(join(report, 'history.jsonl'));
    await vi.waitUntil(() => history().length === 1, { timeout: 40_000, interval: 200 });
    process.kill(-first.pid!, 'SIGKILL');
    await first;
    const { next, exit } = history()[0]!;
    expect({ exit, hasRun: next > 0 }).toEqual({ exit: null, hasRun: true });
    await run('--runs', '256');
    expect(history()).toMatchObject([{ exit: null }, { from: next, next: next + 1, exit: 0 }]);
    expect(readdirSync(join(report, 'nights'))).toHaveLength(1);
  }, 100_000);

  test('that is interrupted says so, also where it has found something', async () => {
    backendIs('last-element');
    const words = ['nightly', '--op', 'conv1d', '--oracle', 'reference', '--backend', './mine.mjs', '--time', '10m'];
    const child = execa(process.execPath, [script, ...words, '--store', 'cut/store', '--report', 'cut/report'], {
      cwd: folder,
      reject: false,
      timeout: 60_000,
    });
    const report = join(folder, 'cut/report');
    await vi.waitUntil(() => readHistory(join(report, 'history.jsonl')).length === 1, {
      timeout: 40_000,
      interval: 200,
    });
    // Execa's own kill would not wait for it.
    process.kill(child.pid!, 'SIGTERM');
    const { exitCode, stdout } = await child;
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^interrupted after [\d,]+ cases$/m);
    expect(readFileSync(join(report, 'report.html'), 'utf8')).toContain('Interrupted after');
  }, 100_000);

  test('at the same time as another one with the same report: both are remembered, and so are their reports', async () => {
    const together = ['--backend', 'reference', '--report', 'both', '--store', 'both-store'];
    const nights = await Promise.all([
      nightly(...together, '--seed', '1', '--time', '8s'),
      nightly(...together, '--seed', '2', '--time', '16s'),
    ]);
    expect(nights.map(({ exit }) => exit)).toEqual([0, 0]);
    const history = readHistory(join(folder, 'both/history.jsonl'));
    expect(history.map(({ seed, exit }) => [seed, exit]).sort()).toEqual([
      [1, 0],
      [2, 0],
    ]);
    const away = readdirSync(join(folder, 'both/nights'));
    expect(away.filter((name) => existsSync(join(folder, 'both/nights', name, 'report.html')))).toHaveLength(1);
    expect(existsSync(join(folder, 'both/report.html'))).toBe(true);
  }, 60_000);

  test('on GitHub annotates the run and writes its summary', async () => {
    const summary = join(folder, 'step-summary.md');
    writeFileSync(summary, 'before\n');
    backendIs('last-element');
    const { stdout } = await execa(
      process.execPath,
      [
        script,
        'nightly',
        '--op',
        'conv1d',
        '--oracle',
        'reference',
        ...mine,
        '--store',
        'gh/store',
        '--report',
        'gh/report',
      ],
      { cwd: folder, reject: false, env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary } },
    );
    expect(stdout).toContain(`::error title=${signature}::`);
    expect(readFileSync(summary, 'utf8')).toMatch(/^before\n## convdiff, night of .*: exit code 1\n/);
  });

  test('of time ends with it', async () => {
    const { exit, night } = await nightly('--backend', 'reference', '--time', '12s', '--seed', '4');
    expect(exit).toBe(0);
    expect(night.cases).toBeGreaterThan(0);
    // The processes' start, what is kept, the hunt and its end are all within it.
    expect(night.seconds).toBeLessThan(12 + 5);
  });

  test('of time ends with it where a backend answers no more; what was found is kept as it stands', async () => {
    const stops = ['--backend', join(fixtures, 'stops.mjs'), '--case-timeout', '10m', '--report', 'stops'];
    const { exit, out, night } = await nightly(...stops, '--time', '12s');
    expect(exit).toBe(1);
    expect(out).toContain('MISMATCH stops, conv1d: value');
    expect(night.fresh).toHaveLength(1);
    const saved = new Store(join(folder, 'store')).list().map(({ counterexample }) => counterexample);
    expect(saved.filter(({ backend }) => backend === 'stops').map(({ shrunk }) => shrunk)).toEqual([false]);
  }, 60_000);

  test('with a history that is none is refused before anything runs', async () => {
    cpSync(join(folder, 'report/history.jsonl'), join(folder, 'kept.jsonl'));
    writeFileSync(join(folder, 'report/history.jsonl'), 'not a night\n');
    const { exitCode, stderr } = await execa(
      process.execPath,
      [script, 'nightly', '--runs', '1', '--store', 'store', '--report', 'report'],
      { cwd: folder, reject: false },
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('history.jsonl, line 1 is no JSON');
  });
});
