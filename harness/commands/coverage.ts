import { gradientOf } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { coverageOf, leastTriples, shortfallOf } from '../coverage/coverage.ts';
import { isForward } from '../operators/index.ts';
import { coverageLine, coverageText } from '../report/coverage.ts';
import { type CommonOptions, integerOf, opsOf, seedOf } from './options.ts';

export interface CoverageOptions extends Pick<CommonOptions, 'format'> {
  op?: string[];
  runs?: string;
  seed?: string;
}

/** Cases of each operator where nobody says how many. */
const defaultRuns = 10_000;

/** What a campaign of each operator would draw; see docs/explanation/coverage.md. Returns the exit code. */
export function coverage(options: CoverageOptions): number {
  const ops = opsOf(options.op);
  for (const op of ops)
    if (!isForward(op)) throw new UsageError(`${op} is drawn as ${gradientOf(op)!.op} is: name that`);
  const seed = seedOf(options);
  const runs = options.runs === undefined ? defaultRuns : integerOf('--runs', options.runs, 1);
  const { stdout, stderr } = process;
  const [toPeople, wordsOf] = options.format === 'jsonl' ? [stderr, coverageLine] : [stdout, coverageText];

  toPeople.write(`seed ${seed}\n`);
  const shortfalls: string[] = [];
  for (const op of ops) {
    const found = coverageOf(op, seed, runs);
    stdout.write(`${wordsOf(found)}\n`);
    const shortfall = shortfallOf(found);
    if (shortfall !== null) shortfalls.push(shortfall);
  }
  const goal = `all feasible pairs and ${leastTriples * 100} % of the feasible triples`;
  if (shortfalls.length === 0) toPeople.write(`enough: ${goal} were drawn\n`);
  else toPeople.write(`not enough, which is ${goal}: ${shortfalls.join('; ')}\n`);
  return shortfalls.length === 0 ? 0 : 1;
}
