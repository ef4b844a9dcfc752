import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Shard, wholeCampaign } from '../campaign/campaign.ts';
import { UsageError } from '../core/errors.ts';
import { writeAtomically } from '../store/atomic.ts';
import type { Counterexample } from '../store/counterexample.ts';

export const nightSchema = 'convdiff/night@1';

/** The file in the report's folder. */
export const historyName = 'history.jsonl';

/** So many nights are remembered; older ones are dropped when the next is added. */
export const keptNights = 400;

const count = z.int().nonnegative();
const backend = z.strictObject({
  name: z.string(),
  version: z.string(),
  agree: count,
  mismatch: count,
  unsupported: count,
  unknown: count,
  vacuous: count,
  benched: z.boolean(),
  /** How often its process was too slow or was killed, and answered when asked again. */
  retried: count.optional(),
});
/** `key`: of a counterexample its signature, of a known issue its name and the backend, as `issue@backend`. */
const saved = z.strictObject({ key: z.string(), standing: z.enum(['fails', 'fixed', 'undecided', 'left out']) });
export const nightObject = z.strictObject({
  schema: z.literal(nightSchema),
  /** When it began, in UTC. */
  started: z.iso.datetime(),
  seconds: z.number().nonnegative(),
  seed: z.int(),
  /** Which of how many parts it was, from 1. */
  shard: z.tuple([z.int().positive(), z.int().positive()]),
  /** The first batch that was its to run, and the first that it left to the next night. */
  from: count,
  next: count,
  cases: count,
  /** After how many cases the canary was found; null where it was not. */
  canary: count.nullable(),
  backends: z.array(backend),
  saved: z.array(saved),
  /** What failed, by signature: what is in reports/known-issues/, what the store had before, and what is new. */
  known: z.array(z.string()),
  old: z.array(z.string()),
  fresh: z.array(z.string()),
  /** Counterexamples that had been saved as they stood, and that it has shrunk or explained: see `settledKey`. */
  settled: z.array(z.string()).optional(),
  /** Null where it was cut off: it is remembered as far as it went. */
  exit: z.int().min(0).max(4).nullable(),
});

/** One run of `nightly`, as it is remembered. */
export type Night = z.infer<typeof nightObject>;
export type Standing = Night['saved'][number]['standing'];

/** The nights in a file, oldest first: a JSON object a line. None where there is no file. Throws UsageError on a bad one. */
export function readHistory(file: string): Night[] {
  if (!existsSync(file)) return [];
  const lines = textOf(file).split('\n');
  return lines.flatMap((line, i) => (line.trim() === '' ? [] : [nightOf(line, `${file}, line ${i + 1}`)]));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}): move it away to begin anew`,
    );
  }
}

function nightOf(line: string, where: string): Night {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new UsageError(`${where} is no JSON: mend the line, or move the file away to begin anew`);
  }
  const parsed = nightObject.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UsageError(`${where}: ${issue.path.join('.')}: ${issue.message}`);
}

/** Writes nights, oldest first; the oldest are dropped where there are too many. */
export function writeHistory(file: string, nights: readonly Night[]): void {
  const kept = nights.slice(-keptNights);
  writeAtomically(file, kept.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

/**
 * Where the next night with this seed begins: with the first batch, or the first of a shard's, that is not known to have run. Where
 * nights are forgotten, what they ran is before all that is remembered.
 */
export function nextBatch(history: readonly Night[], seed: number, { index, count }: Shard = wholeCampaign): number {
  const nights = history.filter((one) => one.seed === seed);
  if (nights.length === 0) return index;
  const floor = history.length < keptNights ? 0 : Math.min(...nights.map(({ from }) => from));
  const hasRun = (batch: number) =>
    batch < floor ||
    nights.some(({ shard: [own, of], from, next }) => from <= batch && batch < next && batch % of === own - 1);
  let batch = index;
  while (hasRun(batch)) batch += count;
  return batch;
}

/** What nights have told of, by signature. */
export function toldIn(history: readonly Night[]): Set<string> {
  const ended = history.filter(({ exit }) => exit !== null);
  return new Set(ended.flatMap(({ known, old, fresh }) => [...known, ...old, ...fresh]));
}

/** Signatures that were new in a night that was killed, before it could tell of them, and that no night has told of since. */
export function untoldIn(history: readonly Night[]): Set<string> {
  const untold = history.flatMap(({ exit, fresh }, i) => {
    if (exit !== null) return [];
    const since = toldIn(history.slice(i + 1));
    return fresh.filter((signature) => !since.has(signature));
  });
  return new Set(untold);
}

/** What names a counterexample that was saved as it stood: one with its id that is found elsewhere is another. */
export function settledKey({ id, found: { seed, batch, index } }: Pick<Counterexample, 'id' | 'found'>): string {
  return [id, seed, batch, index].join(' ');
}

/** What a saved failure came to the last time that it was run. */
export function lastStanding(history: readonly Night[], key: string): Standing | null {
  for (const { saved: all } of [...history].reverse()) {
    const found = all.find((one) => one.key === key && (one.standing === 'fails' || one.standing === 'fixed'));
    if (found !== undefined) return found.standing;
  }
  return null;
}
