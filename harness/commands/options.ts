import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { defaultBackends } from '../backends/index.ts';
import { programPrefix } from '../backends/source.ts';
import { type Shard, wholeCampaign } from '../campaign/campaign.ts';
import { defaultCaseTimeout_ms } from '../campaign/session.ts';
import type { OpName } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import type { OracleName } from '../core/outcome.ts';
import { gradients, isOperator, operators } from '../operators/index.ts';
import { groupDigits } from '../report/words.ts';
import { Store } from '../store/store.ts';

/** What every command that runs cases takes. */
export interface CommonOptions {
  backend?: string[];
  caseTimeout?: string;
  oracle?: OracleName;
  format: 'pretty' | 'jsonl';
}

/** Where the command was typed: npm runs scripts in the package's folder, and says where it was called from. */
export function workingFolder(): string {
  const { INIT_CWD, npm_package_json } = process.env;
  const throughNpm = npm_package_json === resolve(root, 'package.json') && process.cwd() === root;
  return throughNpm && INIT_CWD !== undefined ? INIT_CWD : process.cwd();
}

/** The store where nobody names one. */
const defaultStore = resolve(root, 'reports/counterexamples');
const defaultReport = resolve(root, 'reports/runs/nightly');
export const knownIssuesFolder = resolve(root, 'reports/known-issues');

/** An option that may be repeated or take commas: adds to what was there. */
export function list(value: string, before: string[] | undefined): string[] {
  // A command may hold commas.
  const words = value.startsWith(programPrefix) ? [value] : value.split(',').map((word) => word.trim());
  if (words.some((word) => word === '')) throw new UsageError(`an empty name in "${value}"`);
  return [...(before ?? []), ...words];
}

export function backendsOf({ backend }: Pick<CommonOptions, 'backend'>): readonly string[] {
  return backend ?? defaultBackends;
}

/** The operators that were named, all without a name; for `gradients` theirs in their place. Throws UsageError. */
export function opsOf(names: readonly string[] | undefined, isOfGradients = false): OpName[] {
  for (const name of names ?? []) if (!isOperator(name)) throw unknownOperator(name);
  const chosen = new Set(names ?? operators.map(({ name }) => name));
  if (!isOfGradients) return [...chosen] as OpName[];
  return gradients
    .filter(({ name, gradient }) => chosen.has(gradient!.of.name) || chosen.has(name))
    .map(({ name }) => name);
}

/** The operators of a campaign. Throws UsageError. */
export function campaignOps({ op, gradients: isOfGradients, oracle }: CampaignChoice): OpName[] {
  if (isOfGradients && oracle === 'tensorflow') {
    throw new UsageError('--oracle tensorflow has no gradients: take pytorch, reference or none');
  }
  return opsOf(op, isOfGradients);
}

interface CampaignChoice extends Pick<CommonOptions, 'oracle'> {
  op?: string[];
  gradients?: true;
}

export function unknownOperator(name: string): UsageError {
  return new UsageError(
    `unknown operator "${name}": there are ${operators.map((operator) => operator.name).join(', ')}`,
  );
}

/** The campaign's seed; where nobody gives one, it is drawn. Throws UsageError. */
export function seedOf({ seed }: { seed?: string }): number {
  return seed === undefined ? randomInt(2 ** 31) : integerOf('--seed', seed, Number.MIN_SAFE_INTEGER);
}

/** With more of them batches would be numbered beyond what a number holds, after enough nights. */
const mostShards = 10_000;

/** A shard as `2/5`, the second of five. Throws UsageError. */
export function shardOf({ shard, seed }: { shard?: string; seed?: string }): Shard {
  if (shard === undefined) return wholeCampaign;
  const parsed = /^([1-9]\d*)\/([1-9]\d*)$/.exec(shard);
  const [index, count] = [Number(parsed?.[1]) - 1, Number(parsed?.[2])];
  if (parsed === null || index >= count || count > mostShards) {
    throw new UsageError(
      `--shard must be which one of how many, such as 2/5, of ${groupDigits(mostShards)} at most: got "${shard}"`,
    );
  }
  if (seed === undefined) throw new UsageError('--shard wants a --seed, the same for all shards');
  return { index, count };
}

/** A whole number. Throws UsageError. */
export function integerOf(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < least) {
    const range = least === Number.MIN_SAFE_INTEGER ? 'a whole number' : `a whole number ≥ ${least}`;
    throw new UsageError(`${flag} must be ${range}: got "${text}"`);
  }
  return value;
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** A duration such as 500ms, 90s, 10m, 2h; a bare number is in seconds. Throws UsageError. */
export function durationOf_ms(flag: string, text: string): number {
  const parsed = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?$/.exec(text.trim());
  const duration_ms = parsed === null ? Number.NaN : Number(parsed[1]) * units[parsed[2] ?? 's']!;
  // Longer ones do not fit into a timer.
  if (!(duration_ms > 0 && duration_ms <= 2 ** 31 - 1)) {
    throw new UsageError(`${flag} must be a duration such as 500ms, 90s, 10m or 2h: got "${text}"`);
  }
  return duration_ms;
}

export function caseTimeoutOf_ms({ caseTimeout }: Pick<CommonOptions, 'caseTimeout'>): number {
  return caseTimeout === undefined ? defaultCaseTimeout_ms : durationOf_ms('--case-timeout', caseTimeout);
}

/** Where nights are remembered: the folder that was named, or the usual one. Throws UsageError. */
export function reportFolderOf({ report }: { report?: string }, cwd: string): string {
  if (report?.trim() === '') throw new UsageError('--report must name a folder: got an empty word');
  return report === undefined ? defaultReport : resolve(cwd, report);
}

/** The store that was named, or the usual one. Throws UsageError. */
export function storeOf({ store }: { store?: string }, cwd: string): Store {
  if (store?.trim() === '') throw new UsageError('--store must name a folder: got an empty word');
  return new Store(store === undefined ? defaultStore : resolve(cwd, store));
}
