import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HarnessError, UsageError } from '../core/errors.ts';
import { writeAtomically } from './atomic.ts';
import { readJson } from './caseFile.ts';
import { type Counterexample, compareWorth, counterexampleSchema, parseCounterexample } from './counterexample.ts';

/** A counterexample and the file that it is in. */
export interface Saved {
  file: string;
  counterexample: Counterexample;
}

function safe(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 60);
}

/** Makes a folder and those above it. One by one: the recursive mkdirSync never returns where a file system refuses, as /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

/** Makes sure, before any work is done, that a folder can be written: the one that an option names. Throws UsageError. */
export function checkWritable(folder: string, what: string, option: string): void {
  const probe = join(folder, `.probe-${process.pid}`);
  try {
    makeFolder(folder);
    writeAtomically(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new UsageError(
      `the ${what} ${folder} cannot be written (${(error as NodeJS.ErrnoException).code}): name another folder with ${option}`,
    );
  }
}

function isNamed(name: string): boolean {
  return /-[0-9a-f]{12}(\.unshrunk)?\.json$/.test(name);
}

/** A folder of counterexamples, one file a signature. */
export class Store {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes sure, before any work is done, that results can be saved. Throws UsageError. */
  checkWritable(): void {
    checkWritable(this.folder, 'store', '--store');
  }

  /** All that is saved, by file name; an empty list where there is no such folder. Throws UsageError on a bad file. */
  list(): Saved[] {
    return this.#those((name) => name.endsWith('.json'));
  }

  /** The same of a folder in which other files may lie: those that are named as it names them. */
  named(): Saved[] {
    return this.#those(isNamed);
  }

  /** Of such a folder also those that say themselves that they are counterexamples. */
  found(): Saved[] {
    return this.#those((name) => isNamed(name) || (name.endsWith('.json') && this.#saysSo(name)));
  }

  #saysSo(name: string): boolean {
    try {
      const json = JSON.parse(readFileSync(join(this.folder, name), 'utf8')) as { schema?: unknown } | null;
      return json?.schema === counterexampleSchema;
    } catch {
      return false;
    }
  }

  #those(isOne: (name: string) => boolean): Saved[] {
    if (!existsSync(this.folder)) return [];
    let names: string[];
    try {
      names = readdirSync(this.folder);
    } catch (error) {
      throw new UsageError(`the store ${this.folder} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    }
    return names
      .filter(isOne)
      .sort()
      .map((name) => this.read(join(this.folder, name)));
  }

  read(file: string): Saved {
    return { file, counterexample: parseCounterexample(readJson(file, file), file) };
  }

  /** Saves a counterexample under its signature; one that is there already and no worse stays. Returns its file. Throws HarnessError. */
  save(counterexample: Counterexample): string {
    const file = this.#fileOf(counterexample, counterexample.shrunk);
    const before = this.#savedIn(file);
    if (before !== null && compareWorth(before, counterexample) <= 0) return file;
    return this.#write(file, counterexample);
  }

  /** Whether something is saved where a counterexample would be. */
  has(counterexample: Counterexample): boolean {
    return this.#savedIn(this.#fileOf(counterexample, counterexample.shrunk)) !== null;
  }

  /** Saves a counterexample in the place of whatever is there under its signature. Returns its file. Throws HarnessError. */
  put(counterexample: Counterexample): string {
    const file = this.#write(this.#fileOf(counterexample, counterexample.shrunk), counterexample);
    if (counterexample.shrunk) this.remove(this.#fileOf(counterexample, false));
    return file;
  }

  #fileOf({ op, backend, kind, id }: Counterexample, shrunk: boolean): string {
    const stem = `${safe(op)}-${safe(backend)}-${kind}-${id}`;
    return join(this.folder, shrunk ? `${stem}.json` : `${stem}.unshrunk.json`);
  }

  #write(file: string, counterexample: Counterexample): string {
    try {
      writeAtomically(file, `${JSON.stringify(counterexample, null, 1)}\n`);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new HarnessError(
        `the store ${this.folder} cannot be written any more (${code}). This was to be saved:\n${JSON.stringify(counterexample)}`,
      );
    }
    return file;
  }

  /** The counterexample in a file; null where there is none, or none that can be read. */
  #savedIn(file: string): Counterexample | null {
    try {
      return existsSync(file) ? this.read(file).counterexample : null;
    } catch (error) {
      if (error instanceof UsageError) return null;
      throw error;
    }
  }

  remove(file: string): void {
    rmSync(file, { force: true });
  }
}
