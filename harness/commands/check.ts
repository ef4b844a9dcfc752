import { resolve } from 'node:path';
import type { Case } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { prepare } from '../operators/call.ts';
import { parseCase, readJson } from '../store/caseFile.ts';
import { counterexampleSchema, parseCounterexample } from '../store/counterexample.ts';
import { knownIssueSchema, readKnownIssue, readKnownIssues } from '../store/knownIssues.ts';
import { reportFor, withSession } from './context.ts';
import { backendsOf, type CommonOptions, caseTimeoutOf_ms, knownIssuesFolder, workingFolder } from './options.ts';
import { CaseRun, type Named } from './runCases.ts';

/** The case in a file: a case file, or a counterexample's or a known issue's case. Throws UsageError. */
export function readCase(file: string, cwd: string): Named {
  const json = readJson(resolve(cwd, file), file);
  const testCase = caseIn(json, file, resolve(cwd, file));
  try {
    return { name: file, call: prepare(testCase) };
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${file}: ${error.message}`) : error;
  }
}

function caseIn(json: unknown, shown: string, file: string): Case {
  const { schema } = (json ?? {}) as { schema?: unknown };
  if (schema === counterexampleSchema) return parseCounterexample(json, shown).case;
  return schema === knownIssueSchema ? readKnownIssue(file, shown).case : parseCase(json, shown);
}

/** Runs case files as they are. Returns the exit code. */
export async function check(files: readonly string[], options: CommonOptions): Promise<number> {
  const cwd = workingFolder();
  const named = files.map((file) => readCase(file, cwd));
  const caseTimeout_ms = caseTimeoutOf_ms(options);
  const report = reportFor(options.format, () => '');
  const run = new CaseRun(report, readKnownIssues(knownIssuesFolder));
  const backends = backendsOf(options);
  return withSession(
    { backends, caseTimeout_ms, cwd, oracle: options.oracle },
    { report, format: options.format, seed: null },
    async (session) => {
      for (const one of named) await run.run(session, one, session.contenders);
      return run.end(null);
    },
  );
}
