import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { partsIn, putAway, writeReport } from '../night/folder.ts';
import { historyName, readHistory } from '../night/history.ts';
import { joinParts } from '../night/join.ts';
import { mergeCounterexamples, mergeHistories, rememberAll, settledIn } from '../night/merge.ts';
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
  const leftIn = (folder: string) => ({
    counterexamples: savedIn(folder, store.folder),
    nights: readHistory(join(folder, historyName)),
    parts: partsIn(folder),
  });
  const given = folders.map((name) => ({ name, left: foldersIn(resolve(cwd, name), name).map(leftIn) }));
  const target = [store.folder, report].map(leftIn);
  const all = [...given.flatMap(({ left }) => left), ...target];
  const history = mergeHistories(all.flatMap(({ nights }) => nights));
  const counterexamples = mergeCounterexamples(
    all.flatMap((left) => left.counterexamples),
    history,
  );
  const own = target[1]!.parts;
  const parts = joinParts(all.flatMap((left) => left.parts));
  const files = new Map(counterexamples.map((one) => [one.id, store.put(one)]));
  const isSettled = settledIn(history);
  for (const { file, counterexample } of store.found()) if (isSettled(counterexample)) store.remove(file);
  rememberAll(join(report, historyName), history);
  // What lies there may be an earlier night's.
  const isSame =
    own.length === 0 || own.some(({ night }) => parts.some((part) => part.night.started === night.started));
  if (!isSame) await putAway(report, null);
  const isEmpty = ({ left }: (typeof given)[number]) => left.every((one) => Object.values(one).flat().length === 0);
  for (const { name } of given.filter(isEmpty))
    process.stderr.write(`${name}: nothing of a night or a campaign lies here\n`);
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

/** The counterexamples in a folder, as they are in another: a backend that is a file here is named by its path from there. */
function savedIn(folder: string, target: string): Counterexample[] {
  return new Store(folder).found().map(({ counterexample }) => {
    const { module } = counterexample;
    const file = module === undefined ? null : resolve(folder, module);
    return file !== null && existsSync(file) ? { ...counterexample, module: relative(target, file) } : counterexample;
  });
}
