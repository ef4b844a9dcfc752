import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, execaSync } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, root } from '../../../scripts/setup.mjs';
import { Session } from '../../campaign/session.ts';
import { caseSchema } from '../../core/case.ts';
import { prepare } from '../../operators/call.ts';

/* What becomes of Chromium's processes, and of those who need them: real ones, killed for real. */

const hasBrowser = chromiumPath() !== null;

interface Process {
  pid: number;
  parent: number;
  command: string;
}

function processes(): Process[] {
  const { stdout } = execaSync('ps', ['-eo', 'pid=,ppid=,args=']);
  return stdout.split('\n').map((line) => {
    const [, pid, parent, command] = /^ *(\d+) +(\d+) (.*)$/.exec(line)!;
    return { pid: Number(pid), parent: Number(parent), command: command! };
  });
}

/** All that a process has started, and what that has started. */
function startedBy(pid: number): Process[] {
  const all = processes();
  const below = (parent: number): Process[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)]);
  return below(pid);
}

function areGone(those: readonly Process[]): boolean {
  const there = processes();
  return !those.some(({ pid, command }) => there.some((one) => one.pid === pid && one.command === command));
}

async function until(condition: () => boolean, within_ms: number): Promise<boolean> {
  const end_ms = performance.now() + within_ms;
  while (!condition() && performance.now() < end_ms) await sleep(100);
  return condition();
}

/** Of what Chromium keeps on disk while it runs. */
function folders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('convdiff-chromium-'));
}

const call = prepare({
  schema: caseSchema,
  op: 'conv1d',
  params: { stride: 2, padding: 1 },
  inputs: {
    input: { dtype: 'float32', shape: [1, 2, 5], data: { kind: 'seeded', values: 'normal', seed: 1 } },
    weight: { dtype: 'float32', shape: [3, 2, 3], data: { kind: 'seeded', values: 'normal', seed: 2 } },
  },
});

describe.skipIf(!hasBrowser).each(['tfjs-webgl', 'tfjs-webgpu'])('%s', (backend) => {
  let before: string[];
  let session: Session;
  beforeAll(async () => {
    before = folders();
    session = await Session.open({ backends: [backend], caseTimeout_ms: 20_000, cwd: root, oracle: 'reference' });
  }, 60_000);
  afterAll(() => session?.close());

  const verdict = async () => (await session.judge(call))[0]!.verdict;

  // A page that crashes does so whatever it runs on.
  const killed = backend === 'tfjs-webgl' ? ['renderer', 'gpu-process'] : ['gpu-process'];
  test.each(killed)(
    'where its %s is killed, nothing is taken for a result, and a new page goes on',
    async (type) => {
      expect(await verdict()).toMatchObject({ verdict: 'agree' });
      const own = startedBy(session.contenders[0]!.runner.pid!).filter(({ command }) =>
        command.includes(`--type=${type}`),
      );
      expect(own).not.toEqual([]);
      for (const { pid } of own) process.kill(pid, 'SIGKILL');
      // The process may have seen it and ended before it is asked.
      const next = await verdict();
      expect(['agree', 'unknown', 'crash']).toContain(next.verdict === 'mismatch' ? next.kind : next.verdict);
      expect(await verdict()).toMatchObject({ verdict: 'agree' });
    },
    90_000,
  );

  test('in the end nobody is left, and no folder', async () => {
    expect(await verdict()).toMatchObject({ verdict: 'agree' });
    const own = startedBy(session.contenders[0]!.runner.pid!);
    expect(own.length).toBeGreaterThan(3);
    await session.close();
    expect(await until(() => areGone(own), 5000)).toBe(true);
    expect(await until(() => folders().every((name) => before.includes(name)), 5000)).toBe(true);
  });
});

test.skipIf(!hasBrowser)(
  'Chromium ends with a command that is killed outright',
  async () => {
    const store = mkdtempSync(join(tmpdir(), 'convdiff-browser-'));
    const script = join(root, 'scripts/convdiff.mjs');
    const args = ['fuzz', '--backend', 'tfjs-webgl', '--oracle', 'reference', '--time', '60s', '--store', store];
    const command = execa(process.execPath, [script, ...args], { reject: false });
    const isUp = () => startedBy(command.pid!).some((one) => one.command.includes('--type=gpu-process'));
    expect(await until(isUp, 40_000)).toBe(true);
    const own = startedBy(command.pid!);
    command.kill('SIGKILL');
    await command;
    expect(await until(() => areGone(own), 5000)).toBe(true);
    rmSync(store, { recursive: true });
  },
  60_000,
);
