import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';

/** Runs the command where neither PyTorch nor a Python to install it with can be found. */
async function coverage(...args: string[]) {
  const script = join(root, 'scripts/convdiff.mjs');
  const env = { CONVDIFF_PYTHON: '/nonexistent', NO_COLOR: '1' };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [script, 'coverage', ...args], {
    env,
    reject: false,
  });
  return { exit: exitCode, out: stdout, err: stderr };
}

test('prints the seed first, then what was drawn of each operator, and ends well', async () => {
  const { exit, out, err } = await coverage('--op', 'conv1d,pad', '--seed', '-3');
  expect([exit, err]).toEqual([0, '']);
  const lines = out.split('\n');
  expect(lines[0]).toBe('seed -3');
  expect(lines[1]).toMatch(/^conv1d: 507 of 507 pairs \(100 %\), 4,\d+ of 4,396 triples \([\d.]+ %\) in 10,000 cases$/);
  expect(out).toMatch(/^pad: 365 of 365 pairs/m);
  expect(out).toMatch(/│ stride +│ 1: [\d,]+ +2: [\d,]+ +> 2: [\d,]+ +> kernel: [\d,]+ +│/);
  expect(out).toMatch(/│ break stride ≥ 1 +│ \d+ +\d+ +\d+ +\d+ +│/);
  expect(lines.at(-1)).toBe('enough: all feasible pairs and 95 % of the feasible triples were drawn');
});

test('a seed that nobody gives is drawn, and can be given', async () => {
  const drawn = await coverage('--op', 'pad', '--runs', '500');
  const [, seed] = /^seed (\d+)$/m.exec(drawn.out)!;
  expect((await coverage('--op', 'pad', '--runs', '500', '--seed', seed!)).out).toBe(drawn.out);
});

test('names what too few cases lack, with exit code 1', async () => {
  const { exit, out } = await coverage('--op', 'conv_transpose2d', '--runs', '40', '--seed', '1');
  expect(exit).toBe(1);
  const [, pairs] = /^missing pairs:\n((?: {2}.*\n)+)/m.exec(out)!;
  const [, triples] = /^missing triples:\n((?: {2}.*\n)+)/m.exec(out)!;
  const lacking = pairs!.trimEnd().split('\n');
  expect(lacking.every((line) => /^ {2}[a-z_]+ .+, [a-z_]+ .+$/.test(line))).toBe(true);
  expect(triples!.trimEnd().split('\n').length).toBe(21);
  expect(triples).toMatch(/… and [\d,]+ others\n$/);
  expect(out).toMatch(/^never broken or bent: break /m);
  expect(out).toContain(`not enough, which is all feasible pairs and 95 % of the feasible triples`);
  expect(out).toContain(`conv_transpose2d lacks ${lacking.length} of 550 pairs`);
});

test('gives programs a line an operator, and people the rest', async () => {
  const { exit, out, err } = await coverage(
    '--op',
    'conv1d',
    '--op',
    'pad',
    '--runs',
    '300',
    '--seed',
    '1',
    '--format',
    'jsonl',
  );
  expect([exit, err.split('\n')[0]]).toEqual([1, 'seed 1']);
  const lines = out.split('\n').map((line) => JSON.parse(line));
  expect(lines.map(({ op }) => op)).toEqual(['conv1d', 'pad']);
  for (const line of lines) {
    expect(line).toMatchObject({ schema: 'convdiff/coverage@1', seed: 1, cases: 300 });
    for (const { feasible, drawn, missing } of [line.pairs, line.triples])
      expect(drawn).toBe(feasible - missing.length);
    expect(Object.keys(line.triples.missing[0]).length).toBe(3);
    expect(Object.values(line.classes.data).length).toBe(3);
    expect(Object.keys(line.twists).length).toBeGreaterThan(30);
  }
});

test.each([
  [['--runs', '0'], '--runs must be a whole number ≥ 1: got "0"'],
  [['--seed', 'x'], '--seed must be a whole number: got "x"'],
  [['--op', 'conv4d'], 'unknown operator "conv4d"'],
  [['--format', 'xml'], "option '--format <format>' argument 'xml' is invalid"],
  [['--backend', 'reference'], "unknown option '--backend'"],
])('%j is wrong usage', async (args, message) => {
  const { exit, out, err } = await coverage(...args);
  expect([exit, out]).toEqual([2, '']);
  expect(err).toContain(message);
});
