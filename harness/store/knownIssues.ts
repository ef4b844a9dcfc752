import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Case } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { mismatchKinds } from '../core/verdict.ts';
import { parseCase, readJson } from './caseFile.ts';

export const knownIssueSchema = 'convdiff/known-issue@1';

const schema = z.strictObject({
  schema: z.literal(knownIssueSchema),
  title: z.string(),
  /** The operators that it shows in. */
  ops: z.array(z.string()),
  /** The backends that it shows on. */
  backends: z.array(z.string()),
  /** Releases of these backends that have it. */
  versions: z.array(z.string()),
  /** What it may come out as. */
  kinds: z.array(z.enum(mismatchKinds)),
  /** What a processor must have for it to show, as Linux calls it, or `not` and what it must not have; left out where any will do. */
  processor: z.string().optional(),
  /** Features that a failing case must have. */
  features: z.array(z.string()),
  /** Features that it must not have. */
  without: z.array(z.string()),
  /** Why it is the backend that is wrong, and how. */
  explanation: z.string(),
  /** Where the backend's authors have it, or null. */
  upstream: z.string().nullable(),
  /** The smallest case that shows it, and what has to run before it in the same process. */
  case: z.unknown(),
  before: z.array(z.unknown()),
});

/** A defect of a released backend that we know of: counted where it shows, and not reported again. */
export interface KnownIssue extends Omit<z.infer<typeof schema>, 'case' | 'before'> {
  /** Its file's name, without the ending. */
  id: string;
  case: Case;
  before: Case[];
}

/** The known issue that a file holds. Throws UsageError, which names the file as `shown`, on a bad one. */
export function readKnownIssue(file: string, shown: string = file): KnownIssue {
  const parsed = schema.safeParse(readJson(file, shown));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UsageError(`${shown}: ${issue.path.join('.')}: ${issue.message}`);
  }
  return {
    ...parsed.data,
    id: basename(file, '.json'),
    case: parseCase(parsed.data.case, `${shown}: case`),
    before: parsed.data.before.map((json, i) => parseCase(json, `${shown}: before[${i}]`)),
  };
}

/** All known issues in a folder. Throws UsageError on a bad file. */
export function readKnownIssues(folder: string): KnownIssue[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readKnownIssue(join(folder, name)));
}

/** What of a failure a known issue is recognised by. */
export interface Recognisable {
  op: string;
  backend: string;
  version: string;
  kind: string;
  features: readonly string[];
}

/** Of a backend's version, what is before the name of the adapter that it runs on. */
export function releaseOf(version: string): string {
  return version.split(' on ')[0]!;
}

/** The known issue that explains a failure, if one does. */
export function recognise(issues: readonly KnownIssue[], failure: Recognisable): KnownIssue | null {
  const explains = (issue: KnownIssue): boolean =>
    issue.ops.includes(failure.op) &&
    issue.backends.includes(failure.backend) &&
    issue.versions.includes(releaseOf(failure.version)) &&
    issue.kinds.some((kind) => kind === failure.kind) &&
    issue.features.every((feature) => failure.features.includes(feature)) &&
    !issue.without.some((feature) => failure.features.includes(feature));
  return issues.find(explains) ?? null;
}
