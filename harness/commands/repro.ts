import { resolve } from 'node:path';
import { replayOn } from '../campaign/replay.ts';
import { type Contender, Session } from '../campaign/session.ts';
import { UsageError } from '../core/errors.ts';
import { prepare } from '../operators/call.ts';
import type { Finding, RuntimeName } from '../repro/finding.ts';
import { type Language, programsOf } from '../repro/programs.ts';
import { shows } from '../repro/run.ts';
import { readJson } from '../store/caseFile.ts';
import type { Counterexample } from '../store/counterexample.ts';
import { knownIssueSchema, readKnownIssue } from '../store/knownIssues.ts';
import { type CommonOptions, caseTimeoutOf_ms, storeOf, workingFolder } from './options.ts';
import { backendOf, chosen } from './saved.ts';

export interface ReproOptions extends Pick<CommonOptions, 'backend' | 'caseTimeout'> {
  lang: Language;
  store?: string;
}

/** What is to be shown: a case with what runs before it, and the backend that it is to be seen on, as `--backend` has it. */
type Subject = Pick<Counterexample, 'case' | 'before' | 'kind' | 'backend'> & { start: string };

/** The failure that a file or an id names: a counterexample's, or that of a known issue on the first of its backends. */
function subjectOf(name: string, options: ReproOptions): Subject {
  const cwd = workingFolder();
  const given = options.backend?.[0];
  if (/\.json$/.test(name)) {
    const file = resolve(cwd, name);
    const { schema } = (readJson(file, name) ?? {}) as { schema?: unknown };
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

function runtimeOf({ name, module }: Contender): RuntimeName | null {
  if (module !== null) return null;
  return (/^tfjs-(cpu|wasm|node)\b/.exec(name)?.[1] as RuntimeName | undefined) ?? null;
}

/** Sees a saved failure once more, or says why there is nothing to see. Throws UsageError where the backend is not there. */
async function find(subject: Subject, session: Session, asked: boolean): Promise<Finding | string> {
  const own = session.contenders.find(({ name }) => name === subject.backend);
  const contender = own ?? (asked ? session.contenders[0] : undefined);
  if (contender === undefined) throw new UsageError(`the module no longer has a backend "${subject.backend}"`);
  const { want, got, verdict } = await replayOn(subject, contender, session.oracle);
  const { name, version } = contender;
  if (verdict.verdict !== 'mismatch' || got === null) {
    const found = verdict.verdict === 'agree' ? 'it agrees with PyTorch' : `it is ${verdict.verdict}`;
    const reason = 'reason' in verdict ? ` (${verdict.reason})` : '';
    return `there is nothing to show on ${name} ${version}: ${found} now${reason}`;
  }
  return {
    call: prepare(subject.case),
    before: subject.before.map(prepare),
    backend: { name, version, runtime: runtimeOf(contender) },
    mismatch: verdict,
    unstable: subject.kind === 'unstable',
    want,
    got,
    torch: session.oracle.versions.torch!,
  };
}

/** Prints a program that shows a saved failure without this project, and that was seen to show it. Returns the exit code: 4 where it fails no more. */
export async function repro(name: string, options: ReproOptions): Promise<number> {
  const subject = subjectOf(name, options);
  const caseTimeout_ms = caseTimeoutOf_ms(options);
  const session = await Session.open({ backends: [subject.start], caseTimeout_ms, cwd: workingFolder() });
  let finding: Finding | string;
  try {
    finding = await find(subject, session, options.backend !== undefined);
  } finally {
    await session.close();
  }
  if (typeof finding === 'string') {
    process.stderr.write(`convdiff: ${finding}\n`);
    return 4;
  }
  for (const program of programsOf(finding, options.lang)) {
    process.stderr.write('running the program, to see that it shows the failure\n');
    if (await shows(program, options.lang, caseTimeout_ms)) {
      process.stdout.write(program.text);
      return 0;
    }
  }
  throw new Error('a program with the wrong result written in does not show it');
}
