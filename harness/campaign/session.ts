import { resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ensure } from '../../scripts/setup.mjs';
import { builtIns, moduleLaunch, oracleNeeds } from '../backends/index.ts';
import { type BackendTraits, compare } from '../compare/compare.ts';
import { HarnessError, UsageError } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Call } from '../operators/call.ts';
import { type BackendInfo, type Launch, StartError } from '../processes/channel.ts';
import { type Answer, Benched, type Request, Runner } from '../processes/runner.ts';
import { Oracle } from './oracle.ts';
import { backendRequest } from './request.ts';

/** After so many deaths in a campaign a backend is left out of the rest. */
const maxDeaths = 10;

export const defaultCaseTimeout_ms = 2000;

/** A backend under test and the process that it runs in. */
export interface Contender {
  name: string;
  version: string;
  traits: BackendTraits;
  launch: Launch;
  /** Which one of its module's backends it is. */
  index: number;
  /** Its module's path as it was given, or null where it comes with convdiff. */
  module: string | null;
  runner: Runner;
}

/** A backend's verdict on a call. */
export interface Judgement {
  contender: Contender;
  verdict: Verdict;
  /** What has to run before, in the same process, for a death to happen. */
  before: readonly Request[];
  /** What the backend's process had run before. */
  past(): readonly Request[];
}

export interface SessionOptions {
  backends: readonly string[];
  caseTimeout_ms: number;
  /** Where relative paths of backend modules begin. */
  cwd: string;
}

/** What a backend's process is asked, or what the harness answers on its behalf. */
export function requestFor(call: Call, contender: Pick<Contender, 'traits' | 'index'>): Request | Outcome {
  if (call.strictOnly && !contender.traits.strict) {
    return { kind: 'unsupported', reason: 'only strict backends are given invalid and zero-sized cases' };
  }
  if (call.normalised === null) return { kind: 'rejected', reason: call.refusal?.message ?? 'malformed parameters' };
  return backendRequest(call, contender.index);
}

function isBuiltInName(name: string): boolean {
  return builtIns.some((backend) => backend.name === name);
}

/** Whether a word given for a backend means a file. */
function isPath(name: string): boolean {
  return /[\\/]/.test(name) || /\.[cm]?[jt]s$/.test(name);
}

interface Candidate {
  launch: Launch;
  info: BackendInfo;
  index: number;
  module: string | null;
}

/** The backends behind one word: a built-in one, or all that a module exports. */
async function candidatesOf(name: string, cwd: string): Promise<Candidate[]> {
  const builtIn = builtIns.find((backend) => backend.name === name);
  if (builtIn !== undefined) {
    await ensure(builtIn.needs);
    return probe(builtIn.launch, null, (error) => new HarnessError(`backend ${name} does not start: ${error.message}`));
  }
  if (!isPath(name)) {
    const known = builtIns.map((backend) => backend.name).join(', ');
    throw new UsageError(`unknown backend "${name}": there are ${known}; a file is given by its path, as ./file.mjs`);
  }
  const path = resolve(cwd, name);
  if (!existsSync(path)) throw new UsageError(`backend ${name}: there is no such file`);
  const launch = moduleLaunch(name, pathToFileURL(path).href);
  return probe(launch, path, (error) => new UsageError(`backend ${name}: ${error.message}`));
}

/** Starts a process once to hear which backends it has. */
async function probe(launch: Launch, module: string | null, failure: (error: StartError) => Error): Promise<Candidate[]> {
  const runner = new Runner(launch, { caseTimeout_ms: defaultCaseTimeout_ms, maxDeaths: 1, isolate: false });
  try {
    const { backends } = await runner.start();
    return backends.map((info, index) => ({ launch, info, index, module }));
  } catch (error) {
    throw error instanceof StartError ? failure(error) : error;
  } finally {
    runner.close();
  }
}

function contenderOf({ launch, info, index, module }: Candidate, caseTimeout_ms: number): Contender {
  return {
    name: info.name,
    version: info.version,
    traits: { strict: info.strict, arithmetic: { flushesDenormals: info.flushesDenormals } },
    launch,
    index,
    module,
    runner: new Runner(launch, { caseTimeout_ms, maxDeaths, isolate: true }),
  };
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
  static async open({ backends, caseTimeout_ms, cwd }: SessionOptions): Promise<Session> {
    for (const name of backends) {
      if (!isBuiltInName(name) && !isPath(name)) await candidatesOf(name, cwd);
    }
    await ensure(oracleNeeds);
    const oracle = Oracle.open(caseTimeout_ms);
    oracle.catch(() => {});
    const contenders: Contender[] = [];
    try {
      for (const name of new Set(backends)) {
        for (const candidate of await candidatesOf(name, cwd)) {
          if (contenders.some((other) => other.name === candidate.info.name)) {
            throw new UsageError(`two backends are named ${candidate.info.name}: give one of them another name`);
          }
          contenders.push(contenderOf(candidate, caseTimeout_ms));
        }
      }
      await oracle;
      return new Session(await oracle, contenders);
    } catch (error) {
      for (const { runner } of contenders) runner.close();
      await oracle.then((opened) => opened.close()).catch(() => {});
      throw error;
    }
  }

  /** The verdicts of one call, of every backend that has not been benched. Throws HarnessError. */
  async judge(call: Call, contenders: readonly Contender[] = this.contenders): Promise<Judgement[]> {
    const want = this.oracle.run(call);
    want.catch(() => {});
    const answers = contenders
      .filter(({ runner }) => !runner.benched)
      .map(async (contender) => ({ contender, answer: await ask(call, contender) }));
    const judgements: Judgement[] = [];
    for (const { contender, answer } of await Promise.all(answers)) {
      if (answer === null) continue;
      const verdict = compare(call, await want, answer.outcome, contender.traits);
      judgements.push({ contender, verdict, before: answer.before, past: answer.past });
    }
    await want;
    return judgements;
  }

  close(): void {
    this.oracle.close();
    for (const { runner } of this.contenders) runner.close();
  }
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
