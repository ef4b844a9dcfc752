import { status } from '../../scripts/setup.mjs';
import { type BuiltIn, builtInOf, builtIns, oracleNeeds } from '../backends/index.ts';
import { FrameworkOracle, oracleRemedy } from '../campaign/framework.ts';
import { defaultCaseTimeout_ms } from '../campaign/session.ts';
import { messageOf } from '../core/errors.ts';
import { Runner } from '../processes/runner.ts';

interface Finding {
  name: string;
  /** `absent`: not there, and only wanted by who asks for it. */
  state: 'ok' | 'absent' | 'MISSING';
  detail: string;
  remedy: string;
}

const setup = 'npm run -s convdiff -- setup';
const remedy = `run \`${setup}\``;

async function examineOracle(): Promise<Finding> {
  const name = 'oracle';
  try {
    const oracle = await FrameworkOracle.pytorch(defaultCaseTimeout_ms);
    oracle.close();
    const versions = Object.entries(oracle.versions).map(([what, version]) => `${what} ${version}`);
    return { name, state: 'ok', detail: `works, golden cases right (${versions.join(', ')})`, remedy };
  } catch (error) {
    return { name, state: 'MISSING', detail: messageOf(error), remedy: oracleRemedy() };
  }
}

async function examineBackend({ name, launch }: BuiltIn): Promise<Finding> {
  const runner = new Runner(launch, { caseTimeout_ms: defaultCaseTimeout_ms, maxDeaths: 1, isolate: false });
  try {
    const { backends } = await runner.start();
    return { name, state: 'ok', detail: `starts (version ${backends[0]!.version})`, remedy };
  } catch (error) {
    return { name, state: 'MISSING', detail: `does not start: ${messageOf(error)}`, remedy };
  } finally {
    runner.close();
  }
}

function installed({ name, title, done, detail, remedy: what, onDemand }: ReturnType<typeof status>[number]): Finding {
  if (done) return { name: title, state: 'ok', detail, remedy: what };
  return onDemand
    ? { name: title, state: 'absent', detail, remedy: `where you want it: \`${setup} ${name}\`` }
    : { name: title, state: 'MISSING', detail, remedy: what };
}

function lengthOf({ length }: string): number {
  return length;
}

/**
 * Says what is installed and what is missing, and starts the oracle and the named backends, or all of them. Installs nothing. Returns
 * the exit code: what only one backend needs may be absent.
 */
export async function doctor(names: readonly string[]): Promise<number> {
  const chosen = names.length === 0 ? builtIns : names.map(builtInOf);
  const isWanted = (step: string) => chosen.some(({ needs }) => needs.includes(step));
  const steps = status().filter(({ name, onDemand }) => !onDemand || isWanted(name));
  const lacking = (needs: readonly string[]) => steps.filter(({ name, done }) => needs.includes(name) && !done);
  const missing = (name: string): Finding => ({
    name,
    state: 'MISSING',
    detail: 'cannot start: set-up is missing',
    remedy,
  });
  const examine = async (backend: BuiltIn): Promise<Finding> => {
    const { name, needs } = backend;
    const left = lacking(needs);
    if (left.length === 0) return examineBackend(backend);
    if (left.some(({ onDemand }) => !onDemand)) return missing(name);
    return { name, state: 'absent', detail: 'not installed', remedy: `run \`${setup} ${name}\`` };
  };
  const width = Math.max(...[...steps.map(({ title }) => title), ...chosen.map(({ name }) => name)].map(lengthOf));
  const findings: Finding[] = [];
  const say = (finding: Finding) => {
    const { name, state, detail, remedy: what } = finding;
    findings.push(finding);
    const line = `${state.padEnd(7)}  ${name.padEnd(width)}  ${detail}`;
    process.stdout.write(state === 'ok' ? `${line}\n` : `${line}\n         ${' '.repeat(width)}  → ${what}\n`);
  };
  for (const step of steps) say(installed(step));
  // The oracle and the backends start, which takes seconds each: two at a time.
  const waiting = [
    () => (lacking(oracleNeeds).length === 0 ? examineOracle() : Promise.resolve(missing('oracle'))),
    ...chosen.map((backend) => () => examine(backend)),
  ];
  for (let next = waiting.shift()?.(); next !== undefined; ) {
    const after = waiting.shift()?.();
    say(await next);
    next = after;
  }
  return findings.some(({ state }) => state === 'MISSING') ? 3 : 0;
}
