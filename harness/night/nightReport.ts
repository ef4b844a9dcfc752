import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Case } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { mismatchKinds } from '../core/verdict.ts';
import { parseCase } from '../store/caseFile.ts';
import { nightObject } from './history.ts';

/* All that a night's pages and files are made of, as one file of JSON: a part for each shard. */

export const nightReportSchema = 'convdiff/night-report@1';

const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const jsonNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])]);
const text = z.string().nullable();

/** A tensor as JSON has it. */
const shown = z.strictObject({
  shape: z.array(count),
  dtype: z.enum(['float32', 'float64', 'int32']),
  values: z.array(jsonNumber),
});

/** A case, of which `parseCase` says what is wrong. */
const anyCase = z.custom<Case>((value) => typeof value === 'object' && value !== null);

/** A bug that the night came upon. */
const finding = z.strictObject({
  id: z.string(),
  signature: z.string(),
  op: z.string(),
  backend: z.string(),
  version: z.string(),
  kind: z.enum(mismatchKinds),
  reason: z.string(),
  elements: count,
  case: anyCase,
  before: z.array(anyCase).readonly(),
  found: z.strictObject({ seed: z.int(), batch: count, index: count }),
  /** Whether it was not there before, was saved before, or is a known issue. */
  standing: z.enum(['fresh', 'old', 'known']),
  /** Where it is saved; null for a known issue. */
  file: text,
  knownIssue: z.strictObject({ id: z.string(), title: z.string(), upstream: text }).nullable(),
  /** How many of the night's cases are cases of it. */
  times: count,
  /** Right, and what the backend gave: where both are small tensors. */
  want: shown.nullable(),
  got: shown.nullable(),
  /** The element that is furthest off, and what it is allowed to be off by; null where all else is wrong. */
  culprit: z.strictObject({ index: z.array(count).readonly(), allowed: z.number() }).nullable(),
  /** Programs that were seen to show it. */
  programs: z.strictObject({ python: text, typescript: text }),
  /** What is typed to see it again. */
  command: z.string(),
});

/** What became of something that was kept. */
const kept = z.strictObject({
  key: z.string(),
  what: z.enum(['counterexample', 'known issue']),
  title: z.string(),
  standing: z.enum(['fails', 'fixed', 'undecided', 'left out']),
  regressed: z.boolean(),
  reason: z.string(),
});

const cell = z.strictObject({
  op: z.string(),
  backend: z.string(),
  agree: count,
  mismatch: count,
  known: count,
  unplaced: count,
  unsupported: count,
  unknown: count,
});

const curve = z.strictObject({
  /** Whose it is, where there are several. */
  name: z.string(),
  points: z.array(z.strictObject({ seconds: z.number(), cases: count, pairs: share, triples: share })).readonly(),
});

const report = z.strictObject({
  schema: z.literal(nightReportSchema),
  night: nightObject,
  /** Why it ended as it did, in words; null where the exit code says all. */
  why: text,
  cells: z.array(cell).readonly(),
  curves: z.array(curve).readonly(),
  findings: z.array(finding).readonly(),
  kept: z.array(kept).readonly(),
});

export type Shown = z.infer<typeof shown>;
export type NightFinding = z.infer<typeof finding>;
export type NightKept = z.infer<typeof kept>;
/** What became of an operator's cases on a backend: see Recorder. */
export type NightReport = z.infer<typeof report>;

/** The parts of the night in a file. None where there is no file. Throws UsageError on a bad one. */
export function readParts(file: string): NightReport[] {
  if (!existsSync(file)) return [];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new UsageError(`${file} is no JSON: delete it`);
  }
  const parsed = z.array(report).min(1).safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UsageError(`${file}: ${issue.path.join('.')}: ${issue.message}`);
  }
  for (const { findings } of parsed.data) {
    for (const { id, case: testCase } of findings) parseCase(testCase, `${file}: the case of ${id}`);
  }
  return parsed.data;
}
