import { status } from '../../scripts/setup.mjs';
import { builtIns, oracleNeeds } from '../backends/index.ts';
import { oracleRemedy, PyTorch } from '../campaign/pytorch.ts';
import { defaultCaseTimeout_ms } from '../campaign/session.ts';
import { messageOf } from '../core/errors.ts';
import { Runner } from '../processes/runner.ts';

interface Finding {
  name: string;
  good: boolean;
  detail: string;
  remedy: string;
}

const remedy = 'run `npm run -s convdiff -- setup`';

async function examineOracle(): Promise<Finding> {
  const name = 'oracle';
  try {
    const oracle = await PyTorch.open(defaultCaseTimeout_ms);
    oracle.close();
    const versions = Object.entries(oracle.versions).map(([what, version]) => `${what} ${version}`);
    return { name, good: true, detail: `works, golden cases right (${versions.join(', ')})`, remedy };
  } catch (error) {
    return { name, good: false, detail: messageOf(error), remedy: oracleRemedy() };
  }
}

async function examineBackend({ name, launch }: (typeof builtIns)[number]): Promise<Finding> {
  const runner = new Runner(launch, { caseTimeout_ms: defaultCaseTimeout_ms, maxDeaths: 1, isolate: false });
  try {
    const { backends } = await runner.start();
    return { name, good: true, detail: `starts (version ${backends[0]!.version})`, remedy };
  } catch (error) {
    return { name, good: false, detail: `does not start: ${messageOf(error)}`, remedy };
  } finally {
    runner.close();
  }
}

/** Says what is installed and what is missing, and starts all that can be started. Installs nothing. Returns the exit code. */
export async function doctor(): Promise<number> {
  const steps = status();
  const done = (needs: readonly string[]) => needs.every((need) => steps.find(({ name }) => name === need)?.done);
  const findings: Finding[] = steps.map((step) => ({
    name: step.title,
    good: step.done,
    detail: step.detail,
    remedy: step.remedy,
  }));
  const missing = (name: string): Finding => ({ name, good: false, detail: 'cannot start: set-up is missing', remedy });
  findings.push(done(oracleNeeds) ? await examineOracle() : missing('oracle'));
  for (const backend of builtIns) {
    findings.push(done(backend.needs) ? await examineBackend(backend) : missing(backend.name));
  }
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, good, detail, remedy: what } of findings) {
    const line = `${good ? 'ok     ' : 'MISSING'}  ${name.padEnd(width)}  ${detail}`;
    process.stdout.write(good ? `${line}\n` : `${line}\n         ${' '.repeat(width)}  → ${what}\n`);
  }
  return findings.every(({ good }) => good) ? 0 : 3;
}
