import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tensorflowVersion } from '../../scripts/setup/wheels.mjs';
import { root } from '../../scripts/setup.mjs';
import { oracleLaunch, tensorflowOracleLaunch, torchVersion } from '../backends/index.ts';
import { byWord, type Opinion } from '../compare/judge.ts';
import {
  type Case,
  caseSchema,
  type Inputs,
  mapInputs,
  type OpName,
  type Params,
  type TensorSpec,
} from '../core/case.ts';
import { HarnessError } from '../core/errors.ts';
import type { OracleName, Outcome } from '../core/outcome.ts';
import { sameShape } from '../core/tensor.ts';
import { type Call, prepare, withoutAddedBatch } from '../operators/call.ts';
import { type Launch, StartError } from '../processes/channel.ts';
import { Benched, type Request, Runner } from '../processes/runner.ts';
import { defined } from './definition.ts';
import type { Oracle } from './oracle.ts';
import { float64Request, oracleRequest } from './request.ts';

/** The oracle may take longer than a backend: nobody measures it. */
const leastTimeout_ms = 60_000;
/** After so many deaths its word counts for nothing any more. */
const maxDeaths = 8;

/** What to do where PyTorch can't be had. */
export function oracleRemedy(): string {
  const own = process.env.CONVDIFF_PYTHON;
  if (own === undefined || own === '') return 'Run `npm run -s convdiff -- setup`.';
  return `CONVDIFF_PYTHON is ${own}: point it to a Python ≥ 3.11 that has PyTorch ${torchVersion} and numpy, or unset it.`;
}

type Nested = number | readonly Nested[];

interface Golden {
  why: string;
  op: OpName;
  params: Params;
  inputs: Inputs<Nested>;
  output: Nested | null;
}

function shapeOf(nested: Nested): number[] {
  return typeof nested === 'number' ? [] : [nested.length, ...shapeOf(nested[0]!)];
}

function flat(nested: Nested): number[] {
  return typeof nested === 'number' ? [nested] : nested.flatMap(flat);
}

function goldenCase({ op, params, inputs }: Golden): Case {
  const spec = (nested: Nested): TensorSpec => ({
    dtype: 'float32',
    shape: shapeOf(nested),
    data: { kind: 'inline', values: flat(nested) },
  });
  return { schema: caseSchema, op, params, inputs: mapInputs(inputs, spec) };
}

/** Why an outcome is not a golden case's, or null where it is. */
function wrong(golden: Golden, outcome: Outcome): string | null {
  if (golden.output === null) return outcome.kind === 'rejected' ? null : `took it (${outcome.kind})`;
  if (outcome.kind !== 'ok') return `answered ${outcome.kind}`;
  const { shape, data } = outcome.output;
  const want = flat(golden.output);
  const right = sameShape(shape, shapeOf(golden.output)) && want.every((value, i) => value === data[i]);
  return right ? null : `answered ${JSON.stringify(shape)} ${[...data].slice(0, 12).join(' ')}`;
}

interface Framework {
  name: OracleName;
  launch: Launch;
  /** The release whose word counts, and under what name the process says it. */
  release: { of: string; title: string; version: string };
  request(call: Call): Request;
  /** What to do where it can't be had. */
  remedy(): string;
}

const pytorch: Framework = {
  name: 'pytorch',
  launch: oracleLaunch(),
  release: { of: 'torch', title: 'PyTorch', version: torchVersion },
  request: oracleRequest,
  remedy: oracleRemedy,
};

const tensorflow: Framework = {
  name: 'tensorflow',
  launch: tensorflowOracleLaunch(),
  release: { of: 'tensorflow', title: 'TensorFlow', version: tensorflowVersion },
  request: float64Request,
  remedy: () => 'Run `npm run -s convdiff -- setup tensorflow`.',
};

/** A framework in float64, in a process of its own. */
export class FrameworkOracle implements Oracle {
  readonly name: OracleName;
  readonly versions: Readonly<Record<string, string>>;
  readonly #framework: Framework;
  readonly #runner: Runner;

  private constructor(framework: Framework, runner: Runner, versions: Readonly<Record<string, string>>) {
    this.name = framework.name;
    this.#framework = framework;
    this.#runner = runner;
    this.versions = versions;
  }

  /** PyTorch: what it answers is right. Throws HarnessError. */
  static pytorch(caseTimeout_ms: number, launch = pytorch.launch): Promise<FrameworkOracle> {
    return FrameworkOracle.#open({ ...pytorch, launch }, caseTimeout_ms);
  }

  /** TensorFlow, by padding made explicit; it has no gradients. What it refuses, our definition says. Throws HarnessError. */
  static tensorflow(caseTimeout_ms: number): Promise<FrameworkOracle> {
    return FrameworkOracle.#open(tensorflow, caseTimeout_ms);
  }

  /** Starts it, checks its version, and asks it the golden cases. */
  static async #open(framework: Framework, caseTimeout_ms: number): Promise<FrameworkOracle> {
    const { launch, release, remedy } = framework;
    const runner = new Runner(launch, {
      caseTimeout_ms: Math.max(leastTimeout_ms, caseTimeout_ms),
      maxDeaths,
      isolate: true,
      // Whoever killed it, what it answers the second time is the framework's word.
      forgiving: true,
    });
    try {
      const { versions } = await runner.start();
      const version = versions[release.of] ?? 'none';
      if (version.split('+')[0] !== release.version) {
        throw new HarnessError(
          `the oracle runs ${release.title} ${version}, and convdiff needs ${release.version}. ${remedy()}`,
        );
      }
      const oracle = new FrameworkOracle(framework, runner, versions);
      await oracle.#checkGolden();
      return oracle;
    } catch (error) {
      runner.close();
      if (error instanceof StartError)
        throw new HarnessError(`${launch.name} does not start: ${error.message}. ${remedy()}`);
      throw error;
    }
  }

  /** What is right. Throws HarnessError once the process has died too often. */
  async run(call: Call): Promise<Outcome> {
    if (this.name === 'pytorch') return this.#ask(call);
    // Only PyTorch itself can say what PyTorch refuses, and what the other has no call for, such as no channels, it can't say.
    const outcome = call.refusal === null ? await this.#ask(call) : null;
    if (outcome === null || outcome.kind === 'rejected') return defined(call);
    return outcome.kind === 'ok' ? { ...outcome, output: withoutAddedBatch(call, outcome.output) } : outcome;
  }

  async #ask(call: Call): Promise<Outcome> {
    try {
      return (await this.#runner.run(this.#framework.request(call))).outcome;
    } catch (error) {
      if (error instanceof Benched || error instanceof StartError) {
        throw new HarnessError(`there is no oracle any more: ${error.message}. ${this.#framework.remedy()}`);
      }
      throw error;
    }
  }

  consult(call: Call): Opinion {
    return byWord(call, this.run(call));
  }

  /** Its process, while it has one. */
  get pid(): number | undefined {
    return this.#runner.pid;
  }

  close(): void {
    this.#runner.close();
  }

  async #checkGolden(): Promise<void> {
    const { cases } = JSON.parse(readFileSync(join(root, 'oracles/golden.json'), 'utf8')) as { cases: Golden[] };
    for (const golden of cases) {
      const problem = wrong(golden, await this.run(prepare(goldenCase(golden))));
      if (problem === null) continue;
      throw new HarnessError(
        `the oracle cannot be trusted: of a golden ${golden.op} (${golden.why}) it ${problem}. ${this.#framework.remedy()}`,
      );
    }
  }
}
