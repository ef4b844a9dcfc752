import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { oracleLaunch, torchVersion } from '../backends/index.ts';
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
import type { Outcome } from '../core/outcome.ts';
import { sameShape } from '../core/tensor.ts';
import { type Call, prepare } from '../operators/call.ts';
import { type Launch, StartError } from '../processes/channel.ts';
import { Benched, Runner } from '../processes/runner.ts';
import type { Oracle } from './oracle.ts';
import { oracleRequest } from './request.ts';

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

/** PyTorch in float64, in a process of its own: what it answers is right. */
export class PyTorch implements Oracle {
  readonly name = 'pytorch';
  readonly versions: Readonly<Record<string, string>>;
  readonly #runner: Runner;

  private constructor(runner: Runner, versions: Readonly<Record<string, string>>) {
    this.#runner = runner;
    this.versions = versions;
  }

  /** Starts it, checks its version, and asks it the golden cases. Throws HarnessError. */
  static async open(caseTimeout_ms: number, launch: Launch = oracleLaunch()): Promise<PyTorch> {
    const runner = new Runner(launch, {
      caseTimeout_ms: Math.max(leastTimeout_ms, caseTimeout_ms),
      maxDeaths,
      isolate: true,
      // Whoever killed it, what it answers the second time is PyTorch's word.
      forgiving: true,
    });
    try {
      const { versions } = await runner.start();
      const torch = versions.torch ?? 'none';
      if (torch.split('+')[0] !== torchVersion) {
        throw new HarnessError(
          `the oracle runs PyTorch ${torch}, and convdiff needs ${torchVersion}. ${oracleRemedy()}`,
        );
      }
      const pytorch = new PyTorch(runner, versions);
      await pytorch.#checkGolden();
      return pytorch;
    } catch (error) {
      runner.close();
      if (error instanceof StartError)
        throw new HarnessError(`${launch.name} does not start: ${error.message}. ${oracleRemedy()}`);
      throw error;
    }
  }

  /** PyTorch's outcome. Throws HarnessError once the process has died too often. */
  async run(call: Call): Promise<Outcome> {
    try {
      return (await this.#runner.run(oracleRequest(call))).outcome;
    } catch (error) {
      if (error instanceof Benched || error instanceof StartError) {
        throw new HarnessError(`there is no oracle any more: ${error.message}. ${oracleRemedy()}`);
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
        `the oracle cannot be trusted: of a golden ${golden.op} (${golden.why}) it ${problem}. ${oracleRemedy()}`,
      );
    }
  }
}
