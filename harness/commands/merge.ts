import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { partsIn, putAway, writeReport } from '../night/folder.ts';
import { historyName, readHistory, writeHistory } from '../night/history.ts';
import { joinParts } from '../night/join.ts';
import { mergeCounterexamples, mergeHistories, settledIn } from '../night/merge.ts';
import type { NightFinding } from '../night/nightReport.ts';
import { plural } from '../report/words.ts';
import type { Counterexample } from '../store/counterexample.ts';
import { checkWritable, Store } from '../store/store.ts';
import { commandPrefix, quoted } from './context.ts';
import { reportFolderOf, storeOf, workingFolder } from './options.ts';

export interface MergeOptions {
  store?: string;
  report?: string;
}

/**
 * Joins the counterexamples and histories of folders with those of the store and the report; see docs/how-to/nightly.md. Returns the
 * exit code. Throws UsageError on what cannot be read, before anything is written.
 */
export async function merge(folders: readonly string[], options: MergeOptions): Promise<number> {
  const cwd = workingFolder();
  const store = storeOf(options, cwd);
  const report = reportFolderOf(options, cwd);
  store.checkWritable();
  checkWritable(report, 'report', '--report');
  const all = [
    ...new Set([...folders.flatMap((given) => foldersIn(resolve(cwd, given), given)), store.folder, report]),
  ];
  const found = all.flatMap((folder) => savedIn(folder, store.folder));
  const history = mergeHistories(all.flatMap((folder) => readHistory(join(folder, historyName))));
  const counterexamples = mergeCounterexamples(found, history);
  const own = partsIn(report);
  const parts = joinParts(all.flatMap(partsIn));
  for (const counterexample of counterexamples) store.put(counterexample);
  const isSettled = settledIn(history);
  for (const { file, counterexample } of store.found()) if (isSettled(counterexample)) store.remove(file);
  writeHistory(join(report, historyName), history);
  // What lies there may be an earlier night's.
  const isSame =
    own.length === 0 || own.some(({ night }) => parts.some((part) => part.night.started === night.started));
  if (!isSame) await putAway(report, null);
  for (const given of folders.filter((one) => !foldersIn(resolve(cwd, one), one).some(holdsAnything)))
    process.stderr.write(`${given}: nothing of a night or a campaign lies here\n`);
  const files = new Map(store.found().map(({ file, counterexample }) => [counterexample.id, file]));
  // Its part's store may be gone.
  const toldOf = (finding: NightFinding): NightFinding => {
    const file = finding.file === null ? undefined : files.get(finding.id);
    if (file === undefined) return finding;
    return { ...finding, file, command: `${commandPrefix(cwd)} replay ${quoted(relative(cwd, file))}` };
  };
  const page = parts.length === 0 ? '' : `\nthe report is ${writeReport(report, parts, history, toldOf)}`;
  process.stdout.write(
    `${plural(counterexamples.length, 'counterexample')} in ${store.folder}\n${plural(history.length, 'night')} in ${join(report, historyName)}${page}\n`,
  );
  return 0;
}

/** A folder, and those in it: what one shard leaves, a store and a report, is named by the folder that holds both. */
function foldersIn(folder: string, given: string): string[] {
  try {
    const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [folder, ...inside.map(({ name }) => join(folder, name))];
  } catch (error) {
    throw new UsageError(`${given}: no folder that can be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function holdsAnything(folder: string): boolean {
  return (
    new Store(folder).found().length > 0 ||
    readHistory(join(folder, historyName)).length > 0 ||
    partsIn(folder).length > 0
  );
}

/** The counterexamples in a folder, as they are in another: a backend that is a file here is named by its path from there. */
function savedIn(folder: string, target: string): Counterexample[] {
  return new Store(folder).found().map(({ counterexample }) => {
    const { module } = counterexample;
    const file = module === undefined ? null : resolve(folder, module);
    return file !== null && existsSync(file) ? { ...counterexample, module: relative(target, file) } : counterexample;
  });
}
