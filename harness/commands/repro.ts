import { resolve } from 'node:path';
import type { Source } from '../backends/source.ts';
import { Session } from '../campaign/session.ts';
import { caseSchema } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { find, type Subject } from '../repro/find.ts';
import type { Finding } from '../repro/finding.ts';
import type { Language } from '../repro/programs.ts';
import { provenProgram } from '../repro/run.ts';
import { parseCase, readJson } from '../store/caseFile.ts';
import { knownIssueSchema, readKnownIssue } from '../store/knownIssues.ts';
import { type CommonOptions, caseTimeoutOf_ms, storeOf, workingFolder } from './options.ts';
import { backendOf, chosen } from './saved.ts';

export interface ReproOptions extends Pick<CommonOptions, 'backend' | 'caseTimeout'> {
  lang: Language;
  store?: string;
}

/**
 * The failure that a file or an id names: a counterexample's, that of a known issue on the first of its backends, or of a case on the
 * backend that is asked for. `start` is what `--backend` would say of the backend.
 */
function subjectOf(name: string, options: ReproOptions): Subject & { backend: string; start: string | Source } {
  const cwd = workingFolder();
  const given = options.backend?.[0];
  if ((options.backend?.length ?? 0) > 1)
    throw new UsageError('--backend must name one backend: a program shows it on one');
  if (/\.json$/.test(name)) {
    const file = resolve(cwd, name);
    const json = readJson(file, name);
    const { schema } = (json ?? {}) as { schema?: unknown };
    if (schema === caseSchema) {
      if (given === undefined)
        throw new UsageError(`${name}: is a case: name the backend that fails it with --backend`);
      return { case: parseCase(json, name), before: [], kind: 'value', backend: given, start: given };
    }
    if (schema === knownIssueSchema) {
      const issue = readKnownIssue(file, name);
      const backend = issue.backends[0]!;
      return { ...issue, kind: issue.kinds[0]!, backend, start: given ?? backend };
    }
  }
  const [saved] = chosen([name], storeOf(options, cwd), cwd);
  const { counterexample } = saved!;
  if (given !== undefined) return { ...counterexample, start: given };
  const own = backendOf(saved!);
  if ('missing' in own) throw new UsageError(`${name}: ${own.missing}`);
  return { ...counterexample, start: own.start };
}

/** Prints a program that shows a saved failure without this project, and that was seen to show it. Returns the exit code: 4 where it fails no more. */
export async function repro(name: string, options: ReproOptions): Promise<number> {
  const subject = subjectOf(name, options);
  const caseTimeout_ms = caseTimeoutOf_ms(options);
  const session = await Session.open({ backends: [subject.start], caseTimeout_ms, cwd: workingFolder() });
  let finding: Finding | string;
  try {
    const own = session.contenders.find(({ name: known }) => known === subject.backend);
    const contender = own ?? (options.backend === undefined ? undefined : session.contenders[0]);
    if (contender === undefined) throw new UsageError(`the module no longer has a backend "${subject.backend}"`);
    finding = await find(subject, contender, session.oracle);
  } finally {
    await session.close();
  }
  if (typeof finding === 'string') {
    process.stderr.write(`convdiff: ${finding}\n`);
    return 4;
  }
  const program = await provenProgram(finding, options.lang, caseTimeout_ms, () =>
    process.stderr.write('running the program, to see that it shows the failure\n'),
  );
  process.stdout.write(program.text);
  return 0;
}
