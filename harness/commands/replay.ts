import { relative } from 'node:path';
import type { Source } from '../backends/source.ts';
import { replayOn } from '../campaign/replay.ts';
import type { Contender, Session } from '../campaign/session.ts';
import { UsageError } from '../core/errors.ts';
import { oracleNames } from '../core/outcome.ts';
import { prepare } from '../operators/call.ts';
import { type Counterexample, oracleOf } from '../store/counterexample.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { reportFor, withSession } from './context.ts';
import { type CommonOptions, caseTimeoutOf_ms, knownIssuesFolder, storeOf, workingFolder } from './options.ts';
import { CaseRun } from './runCases.ts';
import { backendOf, type Chosen, chosen } from './saved.ts';

export interface ReplayOptions extends CommonOptions {
  store?: string;
}

/** A counterexample's own backend, or all where others were asked for. */
function contendersFor(counterexample: Counterexample, session: Session, asked: boolean): readonly Contender[] {
  const own = session.contenders.filter(({ name }) => name === counterexample.backend);
  return asked && own.length === 0 ? session.contenders : own;
}

/** Runs saved counterexamples again. Returns the exit code: 1 where something still fails. */
export async function replay(names: readonly string[], options: ReplayOptions): Promise<number> {
  const cwd = workingFolder();
  const store = storeOf(options, cwd);
  const saved = chosen(names, store, cwd);
  const report = reportFor(options.format, () => '');
  const run = new CaseRun(report, readKnownIssues(knownIssuesFolder));
  if (saved.length === 0) {
    process.stderr.write(`there is nothing to replay in ${store.folder}\n`);
    return run.end(null);
  }
  const shown = ({ file, given }: Chosen) =>
    given ?? (relative(cwd, file).startsWith('..') ? file : relative(cwd, file));
  const { runnable, backends } = sortOut(saved, options, (one, missing) => {
    // Of all that is saved the others can go on; what was asked for by name can't be left out.
    if (names.length > 0) throw new UsageError(`${shown(one)}: ${missing}`);
    run.skip(shown(one), one.counterexample.case.op, one.counterexample.backend, missing);
  });
  const caseTimeout_ms = caseTimeoutOf_ms(options);
  for (const oracle of oracleNames) {
    const ofOracle = runnable.filter(({ counterexample }) => (options.oracle ?? oracleOf(counterexample)) === oracle);
    if (ofOracle.length === 0) continue;
    await withSession(
      { backends, caseTimeout_ms, cwd, oracle },
      { report, format: options.format, seed: null },
      async (session) => {
        for (const one of ofOracle) {
          const { counterexample } = one;
          const call = prepare(counterexample.case);
          run.countCase();
          for (const contender of contendersFor(counterexample, session, options.backend !== undefined)) {
            const { verdict } = await replayOn(counterexample, contender, session.oracle);
            // It failed here once: that it agrees now says something, if only zeros are compared.
            const tells = verdict.verdict === 'agree' && verdict.compared > 0;
            run.take(shown(one), call, contender, tells ? { ...verdict, vacuous: null } : verdict);
          }
        }
      },
    );
  }
  return run.end(null);
}

/** Which counterexamples can be run, and the backends that it takes; `leaveOut` hears of the others. */
function sortOut(
  saved: readonly Chosen[],
  { backend }: ReplayOptions,
  leaveOut: (one: Chosen, missing: string) => void,
): { runnable: Chosen[]; backends: readonly (string | Source)[] } {
  if (backend !== undefined) return { runnable: [...saved], backends: backend };
  const runnable: Chosen[] = [];
  const backends: Source[] = [];
  for (const one of saved) {
    const own = backendOf(one);
    if ('missing' in own) leaveOut(one, own.missing);
    else {
      runnable.push(one);
      backends.push(own.start);
    }
  }
  return { runnable, backends };
}
