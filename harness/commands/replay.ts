import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { builtIns } from '../backends/index.ts';
import { replayOn } from '../campaign/replay.ts';
import { type Contender, Session } from '../campaign/session.ts';
import { UsageError } from '../core/errors.ts';
import type { Counterexample } from '../store/counterexample.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { type Saved, Store } from '../store/store.ts';
import { reportFor } from './context.ts';
import { type CommonOptions, caseTimeoutOf_ms, defaultStore, knownIssuesFolder, workingFolder } from './options.ts';
import { CaseRun, prepareNamed } from './runCases.ts';

export interface ReplayOptions extends CommonOptions {
  store?: string;
}

/** The counterexamples that files and ids name; all of the store without a name. Throws UsageError. */
function chosen(names: readonly string[], store: Store, cwd: string): Saved[] {
  if (names.length === 0) return store.list();
  return names.map((name) => {
    const file = resolve(cwd, name);
    if (existsSync(file)) return store.read(file);
    if (/[\\/]|\.json$/.test(name)) throw new UsageError(`${name}: there is no such file`);
    const matches = store.list().filter(({ counterexample }) => counterexample.id.startsWith(name));
    if (matches.length === 1) return matches[0]!;
    const problem = matches.length === 0 ? 'no counterexample' : 'more than one counterexample';
    throw new UsageError(`${problem} with the id ${name} in ${store.folder}`);
  });
}

/** How to start the backend that a counterexample was found in. Throws UsageError. */
function backendOf({ file, counterexample }: Saved): string {
  const { backend, module } = counterexample;
  if (module === undefined) {
    if (builtIns.some(({ name }) => name === backend)) return backend;
    throw new UsageError(`${file}: backend "${backend}" is not built in: name its module with --backend ./file.mjs`);
  }
  const path = resolve(dirname(file), module);
  if (existsSync(path)) return path;
  throw new UsageError(
    `${file}: the module of backend "${backend}" is not at ${path} any more: name it with --backend`,
  );
}

/** A counterexample's own backend, or all where others were asked for. */
function contendersFor(counterexample: Counterexample, session: Session, asked: boolean): readonly Contender[] {
  const own = session.contenders.filter(({ name }) => name === counterexample.backend);
  return asked && own.length === 0 ? session.contenders : own;
}

/** Runs saved counterexamples again. Returns the exit code: 1 where something still fails. */
export async function replay(names: readonly string[], options: ReplayOptions): Promise<number> {
  const cwd = workingFolder();
  const store = new Store(options.store === undefined ? defaultStore : resolve(cwd, options.store));
  const saved = chosen(names, store, cwd);
  const run = new CaseRun(
    reportFor(options.format, () => ''),
    readKnownIssues(knownIssuesFolder),
  );
  if (saved.length === 0) {
    process.stderr.write(`there is nothing to replay in ${store.folder}\n`);
    return run.end(null);
  }
  const backends = options.backend ?? [...new Set(saved.map(backendOf))];
  const session = await Session.open({ backends, caseTimeout_ms: caseTimeoutOf_ms(options), cwd });
  try {
    for (const { file, counterexample } of saved) {
      const shown = relative(cwd, file).startsWith('..') ? file : relative(cwd, file);
      const named = prepareNamed(shown, counterexample.case);
      run.countCase();
      for (const contender of contendersFor(counterexample, session, options.backend !== undefined)) {
        run.take(named.name, named.call, contender, await replayOn(counterexample, contender, session.oracle));
      }
    }
    return run.end(null);
  } finally {
    await session.close();
  }
}
