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
