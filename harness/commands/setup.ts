import { ensure, status, steps } from '../../scripts/setup.mjs';
import { UsageError } from '../core/errors.ts';

/** Installs what is missing: all of it, or the named steps and what they need. Returns the exit code. */
export async function setup(names: readonly string[]): Promise<number> {
  const known = steps.map(({ name }) => name);
  for (const name of names) {
    if (!known.includes(name)) throw new UsageError(`unknown set-up step "${name}": there are ${known.join(', ')}`);
  }
  await ensure(names.length === 0 ? known : names);
  for (const { title, detail } of status()) process.stdout.write(`${title}: ${detail}\n`);
  return 0;
}
