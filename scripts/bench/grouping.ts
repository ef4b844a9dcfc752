import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Campaign } from '../../harness/campaign/campaign.ts';
import type { Finding } from '../../harness/campaign/findings.ts';
import { FrameworkOracle } from '../../harness/campaign/framework.ts';
import { batchSize, caseOf, drawBatch } from '../../harness/campaign/plan.ts';
import { Session } from '../../harness/campaign/session.ts';
import { compare } from '../../harness/compare/compare.ts';
import type { OpName } from '../../harness/core/case.ts';
import { type Call, prepare } from '../../harness/operators/call.ts';
import { operators } from '../../harness/operators/index.ts';
import { Store } from '../../harness/store/store.ts';
import { type Bug, bugs, mistakeOf, triggers } from './mutants/holding.ts';
import { outcomeOf } from './mutants/outcome.ts';

/*
 * Whether one bug comes out as one group: a backend that holds 25 bugs, chosen at random, is given to a campaign until it has failed
 * 2,000 times. `grouping.js [--triggers] [--op OP] [seed…]`: one backend a seed, of realistic bugs or of made-up ones; or of its bugs only
 * those of one operator, in as many fewer failures, to look into them. What a failure is a case of is known here, from each of the bugs
 * alone.
 *
 * Bugs are chosen such that each of them shows alone often enough: of two that mostly come together nobody could tell which it was.
 * Fails where the groups are not 25 ± 2, or where precision or recall are below 95 %.
 */

const ops: readonly OpName[] = operators.map(({ name }) => name);
const allFailures = 2000;
const wantedBugs = 25;
const slack = 2;
const least = 0.95;
/** So many cases are drawn to see which bugs show alone, and so often each of them has to, at least, and in its cases. */
const trialBatches = 24;
const leastAlone = 5;
const leastAloneShare = 1 / 3;
const traits = { strict: false, arithmetic: { flushesDenormals: false } };
const { values, positionals } = parseArgs({
  options: { triggers: { type: 'boolean' }, op: { type: 'string' } },
  allowPositionals: true,
});
const only = ops.filter((op) => values.op === undefined || op === values.op);
if (only.length === 0) throw new Error(`there is no operator "${values.op}": give one of ${ops.join(', ')}`);
const pool = values.triggers === true ? triggers : bugs;
const given = positionals.map(Number);
const seeds = given.length > 0 ? given : [1, 2, 3];

/** Numbers from 0 to below a limit, from a seed. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % limit;
  };
}

const nameOf = ({ op, name }: Bug) => `${op}: ${name}`;

/** Which of the bugs make a call fail, each by itself. */
async function firing(call: Call, held: readonly Bug[], oracle: FrameworkOracle): Promise<Bug[]> {
  const own = held.filter(({ op }) => op === call.case.op);
  if (own.length === 0 || call.strictOnly) return [];
  const want = await oracle.run(call);
  return own.filter((bug) => compare(call, want, outcomeOf(call, mistakeOf(bug)), traits).verdict === 'mismatch');
}

/** Bugs that show alone, chosen at random, no more of one operator than of another. */
async function choose(seed: number, oracle: FrameworkOracle): Promise<Bug[]> {
  const random = numbers(seed);
  const calls = Array.from({ length: trialBatches }, (_, k) => drawBatch(1_000_000 + seed, k, ops))
    .flat()
    .map(({ op, draw }) => prepare(caseOf(op, draw)));
  const shows = new Map<Bug, Set<Call>>();
  const showing = async (bug: Bug): Promise<Set<Call>> => {
    const known = shows.get(bug);
    if (known !== undefined) return known;
    const found = await Promise.all(calls.map(async (call) => (await firing(call, [bug], oracle)).length > 0));
    const set = new Set(calls.filter((_, i) => found[i]));
    shows.set(bug, set);
    return set;
  };
  const chosen: Bug[] = [];
  for (let turn = 0; chosen.length < wantedBugs; turn++) {
    const op = ops[turn % ops.length]!;
    const left = pool.filter((bug) => bug.op === op && !chosen.includes(bug));
    const bug = left[random(left.length)]!;
    const together = [...chosen.filter((one) => one.op === op), bug];
    const sets = await Promise.all(together.map(showing));
    const alone = sets.map(
      (set, i) => [...set].filter((call) => sets.every((other, j) => j === i || !other.has(call))).length,
    );
    const isEnough = alone.every((count, i) => count >= Math.max(leastAlone, leastAloneShare * sets[i]!.size));
    if (isEnough) chosen.push(bug);
  }
  return chosen;
}

/** A failure of the campaign: the bugs that explain it, and the group that it was put into. */
interface Placed {
  by: readonly Bug[];
  group: Finding | null;
}

interface Outcome {
  groups: readonly Finding[];
  placed: readonly Placed[];
  /** What each group's smallest case shows. */
  meaning: ReadonlyMap<Finding, Bug | null>;
  seconds: number;
  cases: number;
}

async function hunt(seed: number, held: readonly Bug[], oracle: FrameworkOracle): Promise<Outcome> {
  const failures = Math.ceil((allFailures * held.length) / wantedBugs);
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-grouping-'));
  const module = join(folder, 'holding.mjs');
  const url = pathToFileURL(join(import.meta.dirname, 'mutants/holding.js')).href;
  writeFileSync(
    module,
    `import { holding } from ${JSON.stringify(url)};\nexport default holding('holding', ${JSON.stringify(held)});\n`,
  );
  const store = new Store(join(folder, 'store'));
  store.checkWritable();
  const session = await Session.open({ backends: [module], caseTimeout_ms: 2000, cwd: folder });
  const enough = new AbortController();
  const failed: { call: Call; group: Finding | null }[] = [];
  try {
    const result = await new Campaign({
      session,
      ops: only,
      seed,
      runs: 100 * batchSize,
      time_ms: null,
      store,
      knownIssues: [],
      signal: enough.signal,
      onProgress: () => {},
      onFinding: () => {},
      onCase: ({ call, results }) => {
        for (const { verdict, finding } of results) {
          if (verdict.verdict !== 'mismatch' || failed.length >= failures) continue;
          failed.push({ call, group: finding });
        }
        if (failed.length >= failures) enough.abort();
      },
    }).run();
    const placed = await Promise.all(
      failed.map(async ({ call, group }) => ({ by: await firing(call, held, oracle), group })),
    );
    const groups = result.findings;
    const meaning = new Map<Finding, Bug | null>();
    for (const finding of groups) {
      const by = await firing(finding.failure.call, held, oracle);
      meaning.set(finding, by[0] ?? null);
    }
    return { groups, placed, meaning, seconds: result.seconds, cases: result.cases };
  } finally {
    await session.close();
    rmSync(folder, { recursive: true });
  }
}

/** Of failures of a single bug: the share of pairs in one group that are of one bug, and of those of one bug that are in one group. */
function pairwise(placed: readonly Placed[]): { precision: number; recall: number } {
  const single = placed.filter(({ by }) => by.length === 1);
  const pairs = (key: (one: Placed, i: number) => unknown) => {
    const sizes = new Map<unknown, number>();
    for (const [i, one] of single.entries()) sizes.set(key(one, i), (sizes.get(key(one, i)) ?? 0) + 1);
    return [...sizes.values()].reduce((sum, size) => sum + (size * (size - 1)) / 2, 0);
  };
  const groups = new Map<Finding, number>();
  const groupOf = (one: Placed, i: number) => {
    if (one.group === null) return `none ${i}`;
    if (!groups.has(one.group)) groups.set(one.group, groups.size);
    return `group ${groups.get(one.group)}`;
  };
  const bugOf = ({ by }: Placed) => nameOf(by[0]!);
  const both = pairs((one, i) => `${groupOf(one, i)} ${bugOf(one)}`);
  return { precision: both / pairs(groupOf), recall: both / pairs(bugOf) };
}

/** Of all failures: those whose group's smallest case shows one of their bugs, and those that are in the largest group of one of theirs. */
function byMeaning(placed: readonly Placed[], meaning: Outcome['meaning']): { precision: number; recall: number } {
  const sizes = new Map<Finding, number>();
  for (const { group } of placed) if (group !== null) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const largest = new Map<Bug, Finding>();
  for (const [group, size] of sizes) {
    const bug = meaning.get(group);
    if (bug == null) continue;
    const before = largest.get(bug);
    if (before === undefined || size > sizes.get(before)!) largest.set(bug, group);
  }
  const grouped = placed.filter(({ group }) => group !== null);
  const right = grouped.filter(({ by, group }) => by.includes(meaning.get(group!)!));
  const inLargest = placed.filter(({ by, group }) => by.some((bug) => group !== null && largest.get(bug) === group));
  return { precision: right.length / grouped.length, recall: inLargest.length / placed.length };
}

/** A bug's own failures, those that are by no other, in other groups than those that show it: so many in each. */
function elsewhere(bug: Bug, placed: readonly Placed[], meaning: Outcome['meaning']): string {
  const sizes = new Map<string, number>();
  for (const { by, group } of placed) {
    if (by.length !== 1 || by[0] !== bug || (group !== null && meaning.get(group) === bug)) continue;
    const name = group === null ? 'in none' : needsOf(group);
    sizes.set(name, (sizes.get(name) ?? 0) + 1);
  }
  return [...sizes].map(([name, size]) => `${name} ${size}`).join('\n');
}

const needsOf = ({ counterexample }: Finding) => counterexample.signature.split('/').slice(2).join('/');

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const oracle = await FrameworkOracle.pytorch(60_000);
let isGood = true;
for (const seed of seeds) {
  const held = (await choose(seed, oracle)).filter(({ op }) => only.includes(op));
  const outcome = await hunt(seed, held, oracle);
  const { groups, placed, meaning, seconds, cases } = outcome;
  const [pairs, meant] = [pairwise(placed), byMeaning(placed, meaning)];
  const table = new Table({
    head: ['bug', 'failures', 'alone', 'groups', 'alone, elsewhere'],
    style: { head: [], border: [], compact: true },
  });
  for (const bug of held) {
    const own = placed.filter(({ by }) => by.includes(bug));
    const its = groups.filter((group) => meaning.get(group) === bug);
    const sizes = its.map((group) => `${needsOf(group)} ${group.times}`);
    table.push([
      nameOf(bug),
      own.length,
      own.filter(({ by }) => by.length === 1).length,
      sizes.join('\n'),
      elsewhere(bug, placed, meaning),
    ]);
  }
  console.log(String(table));
  const ungrouped = placed.filter(({ group }) => group === null).length;
  console.log(
    `seed ${seed}: ${placed.length} failures in ${cases} cases, ${seconds.toFixed(0)} s: ${groups.length} groups, ${ungrouped} in none; ` +
      `pairs of failures with one bug: precision ${percent(pairs.precision)}, recall ${percent(pairs.recall)}; ` +
      `all: precision ${percent(meant.precision)}, recall ${percent(meant.recall)}`,
  );
  const isEnough = Math.abs(groups.length - held.length) <= slack;
  if (!isEnough || [...Object.values(pairs), ...Object.values(meant)].some((share) => !(share >= least)))
    isGood = false;
}
oracle.close();
process.exit(isGood ? 0 : 1);
