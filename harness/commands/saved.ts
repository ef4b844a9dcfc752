import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { builtIns } from '../backends/index.ts';
import type { Source } from '../backends/source.ts';
import { UsageError } from '../core/errors.ts';
import type { Saved, Store } from '../store/store.ts';

/** A counterexample, and the path by which it was named, if any. */
export type Chosen = Saved & { given?: string };

/** The counterexamples that files and ids name; all of the store without a name. Throws UsageError. */
export function chosen(names: readonly string[], store: Store, cwd: string): Chosen[] {
  if (names.length === 0) return store.list();
  return names.map((name) => {
    const file = resolve(cwd, name);
    if (existsSync(file)) return { ...store.read(file), given: name };
    if (/[\\/]|\.json$/.test(name)) throw new UsageError(`${name}: there is no such file`);
    const matches = store.list().filter(({ counterexample }) => counterexample.id.startsWith(name));
    if (matches.length === 1) return matches[0]!;
    const problem = matches.length === 0 ? 'no counterexample' : 'more than one counterexample';
    throw new UsageError(`${problem} with the id ${name} in ${store.folder}`);
  });
}

/** Where the backend that a counterexample was found in comes from, or why it can't be started. */
export function backendOf({ file, counterexample }: Saved): { start: Source } | { missing: string } {
  const { backend, module, program } = counterexample;
  const remedy = 'name its module with --backend ./file.mjs';
  if (program !== undefined) {
    const folder = resolve(dirname(file), program.folder);
    if (existsSync(folder)) return { start: { kind: 'program', command: program.command, folder } };
    return { missing: `backend "${backend}" ran in ${folder}, which is not there: name its command with --backend` };
  }
  if (module === undefined) {
    const builtIn = builtIns.find(({ name }) => name === backend);
    if (builtIn !== undefined) return { start: { kind: 'built-in', builtIn } };
    return { missing: `backend "${backend}" is not built in: ${remedy}` };
  }
  const path = resolve(dirname(file), module);
  return existsSync(path)
    ? { start: { kind: 'module', path, given: path } }
    : { missing: `the module of backend "${backend}" is not at ${path}: ${remedy}` };
}
