import type { Backend } from '../core/backend.ts';
import { messageOf } from '../core/errors.ts';

/** What a backend module's default export must be, said once. */
const expected = 'its default export must be a backend { name, version, run(call, inputs) } or a list of them';

function problemWith(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return `${expected}: got ${value === null ? 'null' : typeof value}`;
  const backend = value as Partial<Record<keyof Backend, unknown>>;
  for (const key of ['name', 'version'] as const) {
    if (typeof backend[key] !== 'string' || backend[key] === '') {
      return `a backend's ${key} must be a string that is not empty: got ${JSON.stringify(backend[key])}`;
    }
  }
  if (typeof backend.run !== 'function') return `backend ${backend.name} has no function run`;
  for (const key of ['supports', 'dispose'] as const) {
    if (backend[key] !== undefined && typeof backend[key] !== 'function') {
      return `${key} of backend ${backend.name} must be a function: got ${typeof backend[key]}`;
    }
  }
  for (const key of ['strict', 'flushesDenormals'] as const) {
    if (backend[key] !== undefined && typeof backend[key] !== 'boolean') {
      return `${key} of backend ${backend.name} must be true or false: got ${JSON.stringify(backend[key])}`;
    }
  }
  for (const [key, least, most] of [
    ['unitRoundoff', 0, 0.5],
    ['amplification', 1, 2 ** 20],
  ] as const) {
    const given = backend[key];
    if (given !== undefined && !(typeof given === 'number' && given >= least && given <= most)) {
      return `${key} of backend ${backend.name} must be a number from ${least} to ${most}: got ${JSON.stringify(given)}`;
    }
  }
  return null;
}

/** The backends that a module exports. Throws an Error that says what is wrong with it. */
export async function loadBackends(url: string): Promise<Backend[]> {
  let loaded: { default?: unknown };
  try {
    loaded = await import(url);
  } catch (error) {
    throw new Error(`it cannot be loaded: ${messageOf(error)}`);
  }
  if (loaded.default === undefined) throw new Error(`it has no default export; ${expected}`);
  const backends: unknown[] = Array.isArray(loaded.default) ? loaded.default : [loaded.default];
  if (backends.length === 0) throw new Error('the list that it exports is empty');
  const names = new Set<string>();
  for (const backend of backends) {
    const problem = problemWith(backend);
    if (problem !== null) throw new Error(problem);
    const { name } = backend as Backend;
    if (names.has(name)) throw new Error(`it exports two backends named ${name}`);
    names.add(name);
  }
  return backends as Backend[];
}
