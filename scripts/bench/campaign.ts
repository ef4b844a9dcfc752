import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Campaign } from '../../harness/campaign/campaign.ts';
import { Session } from '../../harness/campaign/session.ts';
import { operators } from '../../harness/operators/index.ts';
import { Store } from '../../harness/store/store.ts';
import { root } from '../setup.mjs';
import { backend, cases } from './cases.ts';

/*
 * How much of a backend's own speed is left once the oracle, the frames and the comparison are added: the cases per second of a
 * campaign, as a ratio to those of a bare loop over the same cases. The two take turns, on other cases each round, so that a
 * machine that slows down slows both.
 */

const rounds = 5;
/** At least so much of the bare loop's speed. */
const wanted = 0.75;

async function campaignSeconds(seed: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-bench-'));
  const session = await Session.open({ backends: [backend], caseTimeout_ms: 2000, cwd: root });
  try {
    const campaign = new Campaign({
      session,
      ops: operators.map(({ name }) => name),
      seed,
      runs: cases,
      time_ms: null,
      store: new Store(folder),
      knownIssues: [],
      signal: new AbortController().signal,
      onProgress: () => {},
      onFinding: ({ counterexample }) => console.log(`not measured well: it found ${counterexample.signature}`),
    });
    return (await campaign.run()).seconds;
  } finally {
    await session.close();
    rmSync(folder, { recursive: true });
  }
}

async function bareSeconds(seed: number): Promise<number> {
  const { stdout } = await execa(process.execPath, [join(root, 'dist/scripts/bench/bareLoop.js'), String(seed)]);
  return Number(stdout.split('\n').at(-1));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

console.log(`${cases} cases a round on ${backend}; campaign and bare loop take turns`);
const ratios: number[] = [];
for (let round = 1; round <= rounds; round++) {
  const seed = 1000 + round;
  const campaign = cases / (await campaignSeconds(seed));
  const bare = cases / (await bareSeconds(seed));
  ratios.push(campaign / bare);
  const rates = `campaign ${campaign.toFixed(0)} cases/s, bare loop ${bare.toFixed(0)} cases/s`;
  console.log(`round ${round}: ${rates}, ratio ${(campaign / bare).toFixed(2)}`);
}
const result = median(ratios);
console.log(`median ratio ${result.toFixed(2)} (wanted: at least ${wanted})`);
process.exit(result >= wanted ? 0 : 1);
