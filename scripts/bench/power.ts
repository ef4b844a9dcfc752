import Table from 'cli-table3';
import { FrameworkOracle } from '../../harness/campaign/framework.ts';
import { caseOf, drawBatch } from '../../harness/campaign/plan.ts';
import { compare } from '../../harness/compare/compare.ts';
import type { Outcome } from '../../harness/core/outcome.ts';
import type { Verdict } from '../../harness/core/verdict.ts';
import { opinionByRelations } from '../../harness/metamorphic/judge.ts';
import { type Call, prepare } from '../../harness/operators/call.ts';
import { operators } from '../../harness/operators/index.ts';
import { mutants } from './mutants/index.ts';
import type { Mutant } from './mutants/mutant.ts';
import { outcomeOf } from './mutants/outcome.ts';

/*
 * How soon a campaign over all operators finds a mistake: mutants of the reference, each with one, against PyTorch, on the cases that
 * `fuzz --seed S` draws first. `power.js [--relations] [seed…]`. Fails where fewer than 99 in 100 are found within 1,000 cases, with
 * any seed, or where the reference itself is.
 *
 * With `--relations` the oracle is none but what results have to do with each other. That says less: there is no least score.
 */

const cases = 1000;
const words = process.argv.slice(2);
const isByRelations = words[0] === '--relations';
const given = isByRelations ? words.slice(1) : words;
const wanted = isByRelations ? 0 : 0.99;
const seeds = given.length > 0 ? given.map(Number) : [1, 2, 3, -4, 5];
const traits = { strict: true, arithmetic: { flushesDenormals: false } };

/** The unmutated reference: whoever "finds" it raises a false alarm. */
const control: Mutant = {
  name: 'the reference',
  ops: operators.map(({ name }) => name),
  start: () => (scene) => scene.right(),
};

interface Drawn {
  call: Call;
  /** What PyTorch gives, where it is asked. */
  want: Outcome | null;
}

async function draw(oracle: FrameworkOracle | null, seed: number): Promise<Drawn[]> {
  const ops = operators.map(({ name }) => name);
  const drawn = Array.from({ length: Math.ceil(cases / 256) }, (_, k) => drawBatch(seed, k, ops)).flat();
  const calls = drawn.slice(0, cases).map(({ op, draw }) => prepare(caseOf(op, draw)));
  return Promise.all(calls.map(async (call) => ({ call, want: oracle === null ? null : await oracle.run(call) })));
}

async function byRelations(call: Call, got: Outcome, run: (related: Call) => Outcome): Promise<Verdict> {
  const opinion = opinionByRelations(call);
  return opinion.of(got, opinion.related.map(run), traits);
}

/** The number of cases until a mutant is found, and as what; null where it is not. */
async function casesUntilFound(
  mutant: Mutant,
  drawn: readonly Drawn[],
): Promise<{ cases: number; kind: string; reason: string } | null> {
  const mistake = mutant.start();
  const run = (related: Call) =>
    outcomeOf(related, mutant.ops.includes(related.case.op) ? mistake : (scene) => scene.right());
  for (const [i, { call, want }] of drawn.entries()) {
    if (!mutant.ops.includes(call.case.op)) continue;
    const got = outcomeOf(call, mistake);
    const verdict = want === null ? await byRelations(call, got, run) : compare(call, want, got, traits);
    if (verdict.verdict === 'mismatch') return { cases: i + 1, kind: verdict.kind, reason: verdict.reason };
  }
  return null;
}

const oracle = isByRelations ? null : await FrameworkOracle.pytorch(60_000);
const found = new Map<Mutant, (number | null)[]>(mutants.map((mutant) => [mutant, []]));
let isGood = true;
for (const seed of seeds) {
  const drawn = await draw(oracle, seed);
  const alarm = await casesUntilFound(control, drawn);
  if (alarm !== null) {
    console.log(`seed ${seed}: the reference is "found" at case ${alarm.cases}: ${alarm.kind}, ${alarm.reason}`);
    isGood = false;
  }
  for (const [mutant, until] of found) until.push((await casesUntilFound(mutant, drawn))?.cases ?? null);
  const missed = [...found].filter(([, until]) => until.at(-1) === null).length;
  const score = 1 - missed / mutants.length;
  if (score < wanted) isGood = false;
  console.log(
    `seed ${seed}: ${mutants.length - missed} of ${mutants.length} found within ${cases} cases: ${(100 * score).toFixed(1)} %`,
  );
}
oracle?.close();

const worst = (until: readonly (number | null)[]) => Math.max(...until.map((one) => one ?? Number.POSITIVE_INFINITY));
const table = new Table({ head: ['mutant', ...seeds.map((seed) => `seed ${seed}`)], style: { head: [] } });
for (const [mutant, until] of [...found].sort((a, b) => worst(b[1]) - worst(a[1]))) {
  table.push([mutant.name, ...until.map((one) => one ?? 'missed')]);
}
console.log(`cases until each is found, the slowest first\n${table}`);
process.exit(isGood ? 0 : 1);
