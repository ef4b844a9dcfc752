import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { root } from '../setup.mjs';

test('a campaign of 1,000 cases finds at least 99 of 100 mutants, and never the reference', async () => {
  const script = join(root, 'dist/scripts/bench/power.js');
  const { stdout, exitCode } = await execa(process.execPath, [script, '1', '-2'], { reject: false });
  expect({ stdout, exitCode }).toMatchObject({ exitCode: 0 });
  expect(stdout).toMatch(/^seed -2: 13\d of 13\d found within 1000 cases: \d+\.\d %$/m);
}, 120_000);

test('without an oracle, what results have to do with each other finds at least 95 of 100, and never the reference', async () => {
  const script = join(root, 'dist/scripts/bench/power.js');
  const { stdout, exitCode } = await execa(process.execPath, [script, '--relations', '4'], { reject: false });
  expect({ stdout, exitCode }).toMatchObject({ exitCode: 0 });
  const [, found, of] = /^seed 4: (\d+) of (\d+) found within 1000 cases/m.exec(stdout)!;
  expect(Number(found) / Number(of)).toBeGreaterThanOrEqual(0.95);
}, 120_000);
