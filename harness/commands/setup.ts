import { ensure, status, steps } from '../../scripts/setup.mjs';
import { builtIns } from '../backends/index.ts';
import { UsageError } from '../core/errors.ts';

/**
 * Installs what is missing: what the named steps or backends need; without a name all but what only one backend needs. Returns the
 * exit code.
 */
export async function setup(names: readonly string[]): Promise<number> {
  const usual = steps.filter(({ onDemand }) => !onDemand).map(({ name }) => name);
  const wanted = names.length === 0 ? usual : names.flatMap(needsOf);
  await ensure(wanted);
  for (const { name, title, detail, onDemand } of status()) {
    if (!onDemand || wanted.includes(name)) process.stdout.write(`${title}: ${detail}\n`);
  }
  return 0;
}

function needsOf(name: string): readonly string[] {
  if (steps.some((step) => step.name === name)) return [name];
  const backend = builtIns.find((one) => one.name === name);
  if (backend !== undefined) return backend.needs;
  const known = [...new Set([...steps, ...builtIns].map((one) => one.name))].join(', ');
  throw new UsageError(`nothing to set up is called "${name}": there are ${known}`);
}
