import { ensure } from '../../scripts/setup.mjs';
import { isSameSource, launchOf, nameOf, type Source, sourceOf } from '../backends/source.ts';
import type { BackendTraits } from '../compare/compare.ts';
import type { Opinion } from '../compare/judge.ts';
import type { Case } from '../core/case.ts';
import { HarnessError, UsageError } from '../core/errors.ts';
import type { OracleName, Outcome } from '../core/outcome.ts';
import type { Verdict } from '../core/verdict.ts';
import { type Call, prepare } from '../operators/call.ts';
import { type Launch, StartError } from '../processes/channel.ts';
import { type Answer, Benched, type Request, Runner } from '../processes/runner.ts';
import { needsOf, type Oracle, openOracle } from './oracle.ts';
import { backendRequest } from './request.ts';

export const defaultCaseTimeout_ms = 2000;

/** A backend under test and the process that it runs in. */
export interface Contender {
  name: string;
  version: string;
  /** What it calls itself, where `name` says more. */
  ownName: string;
  traits: BackendTraits;
  launch: Launch;
  /** Which one of its module's backends it is. */
  index: number;
  source: Source;
  runner: Runner;
}

/** A backend's verdict on a call. */
export interface Judgement {
  contender: Contender;
  outcome: Outcome;
  verdict: Verdict;
  /** For a death: what had run before it in a process that died again. */
  before: readonly Request[];
  /** What the backend's process had run before. */
  past(): readonly Request[];
}

export interface SessionOptions {
  /** As people name them, or where they come from. */
  backends: readonly (string | Source)[];
  caseTimeout_ms: number;
  /** Where relative paths of backend modules begin, and commands run. */
  cwd: string;
  /** After so many deaths a backend is left out; 10 where nobody says otherwise. */
  maxDeaths?: number;
  /** Backends may have the same name, as versions of one that are compared. */
  versions?: boolean;
  /** Whose word counts; PyTorch's where nobody says otherwise. */
  oracle?: OracleName | undefined;
}

type Limits = Pick<SessionOptions, 'caseTimeout_ms' | 'maxDeaths'>;

/** What a backend's process is asked, or what the harness answers on its behalf. */
export function requestFor(call: Call, contender: Pick<Contender, 'traits' | 'index'>): Request | Outcome {
  if (call.strictOnly && !contender.traits.strict) {
    return { kind: 'unsupported', reason: 'only strict backends are given invalid and zero-sized cases' };
  }
  if (call.normalised === null) return { kind: 'rejected', reason: call.refusal?.message ?? 'malformed parameters' };
  return backendRequest(call, contender.index);
}

export function isRequest(asked: Request | Outcome): asked is Request {
  return !('kind' in asked);
}

/** How often each of some had to be asked again, because its process had been too slow or killed; those that had to. */
export function retriedOf(contenders: readonly Contender[]): Record<string, number> {
  const counts = contenders.map(({ name, runner }) => [name, runner.retried] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** Earlier cases as they went to a backend's process, without those that never reached it. */
export function historyFor(before: readonly Case[], contender: Contender): Request[] {
  return before.map((earlier) => requestFor(prepare(earlier), contender)).filter(isRequest);
}

/** What becomes of a related call whose turn does not come. */
export const unanswered: Outcome = { kind: 'unsupported', reason: 'the process had died' };

/** The backends behind one source: a built-in one, or all that a module or program has. Throws UsageError or HarnessError. */
async function contendersOf(source: Source, limits: Limits): Promise<Contender[]> {
  const name = nameOf(source);
  return started(source, limits, (error) => {
    switch (source.kind) {
      case 'built-in':
        return new HarnessError(
          `backend ${name} does not start: ${error.message}. Run \`npm run -s convdiff -- doctor\`.`,
        );
      case 'module': {
        const problem = error.refused
          ? error.message
          : `its process ended while the module was being loaded (${error.message})`;
        return new UsageError(`backend ${name}: ${problem}. Mend the module, or name another with --backend.`);
      }
      case 'program':
        return new UsageError(
          `backend ${name} does not start in ${source.folder}: ${error.message}. It is to speak oracles/PROTOCOL.md on its file descriptors 3 and 4.`,
        );
    }
  });
}

/** Starts a process to hear which backends it has. The first of them goes on in it; each other one gets its own. */
async function started(
  source: Source,
  { caseTimeout_ms, maxDeaths = 10 }: Limits,
  failure: (error: StartError) => Error,
): Promise<Contender[]> {
  const launch = launchOf(source);
  const newRunner = () => new Runner(launch, { caseTimeout_ms, maxDeaths, isolate: true });
  const first = newRunner();
  try {
    const { backends } = await first.start();
    return backends.map(({ name, version, strict, ...arithmetic }, index) => ({
      name,
      version,
      ownName: name,
      traits: { strict, arithmetic },
      launch,
      index,
      source,
      runner: index === 0 ? first : newRunner(),
    }));
  } catch (error) {
    first.close();
    throw error instanceof StartError ? failure(error) : error;
  }
}

/** All that were fulfilled and the first error, if any: nothing that was started is lost sight of. */
async function settle<T>(promises: readonly Promise<T>[]): Promise<{ values: T[]; error: unknown }> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === 'rejected');
  return {
    values: results.filter((result) => result.status === 'fulfilled').map(({ value }) => value),
    error: failed?.reason ?? null,
  };
}

function distinct(sources: readonly Source[]): Source[] {
  return sources.filter((source, i) => sources.findIndex((other) => isSameSource(source, other)) === i);
}

/** Versions of one backend, each called by name and version, or by where it comes from where that is the same as well. */
function toldApart(contenders: readonly Contender[]): Contender[] {
  const isAlone = (one: Contender, name: (of: Contender) => string) =>
    !contenders.some((other) => other !== one && name(other) === name(one));
  const withVersion = ({ name, version }: Contender) => `${name} ${version}`;
  return contenders.map((one) => {
    if (isAlone(one, ({ name }) => name)) return one;
    return { ...one, name: isAlone(one, withVersion) ? withVersion(one) : `${one.name} (${nameOf(one.source)})` };
  });
}

function checkNames(contenders: readonly Contender[]): void {
  const names = new Set<string>();
  for (const { name } of contenders) {
    if (names.has(name)) throw new UsageError(`two backends are named ${name}: give one of them another name`);
    names.add(name);
  }
}

/** The oracle and the backends under test, running. */
export class Session {
  readonly oracle: Oracle;
  readonly contenders: readonly Contender[];

  private constructor(oracle: Oracle, contenders: readonly Contender[]) {
    this.oracle = oracle;
    this.contenders = contenders;
  }

  /** Sets up what is missing and starts everything. Throws UsageError or HarnessError. */
  static async open({
    backends,
    cwd,
    oracle = 'pytorch',
    versions = false,
    ...options
  }: SessionOptions): Promise<Session> {
    const sources = distinct(backends.map((one) => (typeof one === 'string' ? sourceOf(one, cwd) : one)));
    const needs = sources.flatMap((source) => (source.kind === 'built-in' ? source.builtIn.needs : []));
    await ensure([...needsOf(oracle), ...needs]);
    const opening = settle([openOracle(oracle, options.caseTimeout_ms)]);
    const opened = await settle(sources.map((source) => contendersOf(source, options)));
    const contenders = versions ? toldApart(opened.values.flat()) : opened.values.flat();
    const { values: oracles, error } = await opening;
    try {
      if (opened.error !== null) throw opened.error;
      if (error !== null) throw error;
      checkNames(contenders);
      return new Session(oracles[0]!, contenders);
    } catch (problem) {
      for (const { runner } of contenders) runner.close();
      for (const one of oracles) one.close();
      throw problem;
    }
  }

  /** The verdicts of one call, of every backend that has not been benched. Throws HarnessError. */
  async judge(call: Call, contenders: readonly Contender[] = this.contenders): Promise<Judgement[]> {
    const opinion = this.oracle.consult(call);
    const asked = contenders.filter(({ runner }) => !runner.benched);
    const judgements = await Promise.all(asked.map((contender) => judgement(call, opinion, contender)));
    return judgements.filter((one) => one !== null);
  }

  /** Ends all processes; backends that have nothing to do get to dispose of what they hold. */
  async close(): Promise<void> {
    this.oracle.close();
    await Promise.all(this.contenders.map(({ runner }) => runner.finish()));
  }
}

/** A backend's verdict on a call, or null where it is benched by now. */
async function judgement(call: Call, opinion: Opinion, contender: Contender): Promise<Judgement | null> {
  const asked = ask(call, contender);
  const related = await Promise.all(opinion.related.map((one) => ask(one, contender)));
  const answer = await asked;
  if (answer === null) return null;
  const { outcome, before, past } = answer;
  const verdict = await opinion.of(
    outcome,
    related.map((one) => one?.outcome ?? unanswered),
    contender.traits,
  );
  return { contender, outcome, verdict, before, past };
}

/** A backend's answer, or null where it is benched by now. */
async function ask(call: Call, contender: Contender): Promise<Answer | null> {
  const request = requestFor(call, contender);
  if ('kind' in request) return { outcome: request, before: [], past: () => [] };
  try {
    return await contender.runner.run(request);
  } catch (error) {
    if (error instanceof Benched || error instanceof StartError) return null;
    throw error;
  }
}
