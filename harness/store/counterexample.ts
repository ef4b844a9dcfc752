import { relative } from 'node:path';
import type { Source } from '../backends/source.ts';
import type { Case } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { type OracleName, oracleNames } from '../core/outcome.ts';
import { elementCount } from '../core/tensor.ts';
import { type MismatchKind, mismatchKinds } from '../core/verdict.ts';
import { parseCase } from './caseFile.ts';

export const counterexampleSchema = 'convdiff/counterexample@1';

/** A saved failure. The case and what has to run before it are the truth; the rest says what was seen, and where. */
export interface Counterexample {
  schema: typeof counterexampleSchema;
  id: string;
  signature: string;
  op: string;
  backend: string;
  /** The backend's version when it was found. */
  version: string;
  kind: MismatchKind;
  /** What was wrong, in words. */
  reason: string;
  /** The number of tensor elements in all inputs. */
  elements: number;
  case: Case;
  /** Cases to run first, in the same process. */
  before: readonly Case[];
  /** False for a failing case that was saved as it stood. */
  shrunk: boolean;
  /** A hint for the release that found it: which draw of which campaign it was. */
  found: { seed: number; batch: number; index: number };
  /** Whose word it was found by, where it was not PyTorch's. */
  oracle?: OracleName;
  /** The backend module's path from the store's folder, where it is a file. */
  module?: string;
  /** The backend's command and where it runs, from the store's folder, where it is a program. */
  program?: { command: string; folder: string };
}

/** What a counterexample in a store's folder says of where its backend comes from. */
export function originOf(source: Source, storeFolder: string): Pick<Counterexample, 'module' | 'program'> {
  switch (source.kind) {
    case 'built-in':
      return {};
    case 'module':
      return { module: relative(storeFolder, source.path) };
    case 'program':
      return { program: { command: source.command, folder: relative(storeFolder, source.folder) } };
  }
}

/** Whose word it was found by. */
export function oracleOf({ oracle = 'pytorch' }: Pick<Counterexample, 'oracle'>): OracleName {
  return oracle;
}

/** Which of two counterexamples of one signature is worth more, below 0 for the first: PyTorch's word before that of others, shrunk before not, then the smaller. */
export function compareWorth(one: Counterexample, other: Counterexample): number {
  const ranks = (counterexample: Counterexample) => [
    oracleOf(counterexample) === 'pytorch' ? 0 : 1,
    counterexample.shrunk ? 0 : 1,
    counterexample.elements,
  ];
  const [a, b] = [ranks(one), ranks(other)];
  const at = a.findIndex((rank, i) => rank !== b[i]);
  return at === -1 ? 0 : a[at]! - b[at]!;
}

export function elementsOf(testCase: Case): number {
  return Object.values(testCase.inputs).reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

function isKind(value: unknown): value is MismatchKind {
  return (mismatchKinds as readonly unknown[]).includes(value);
}

function isProgram(value: unknown): value is Counterexample['program'] {
  const { command, folder } = (value ?? {}) as Record<string, unknown>;
  return typeof command === 'string' && typeof folder === 'string';
}

/** The counterexample that parsed JSON holds. Throws UsageError, which names `where`. */
export function parseCounterexample(json: unknown, where: string): Counterexample {
  if (typeof json !== 'object' || json === null) throw new UsageError(`${where}: must be an object`);
  const { schema, id, signature, backend, kind, before, oracle, program } = json as Record<string, unknown>;
  if (schema !== counterexampleSchema) {
    throw new UsageError(`${where}: schema must be "${counterexampleSchema}": got ${JSON.stringify(schema)}`);
  }
  for (const [name, value] of Object.entries({ id, signature, backend })) {
    if (typeof value !== 'string')
      throw new UsageError(`${where}: ${name} must be a string: got ${JSON.stringify(value)}`);
  }
  if (!isKind(kind)) {
    throw new UsageError(`${where}: kind must be one of ${mismatchKinds.join(', ')}: got ${JSON.stringify(kind)}`);
  }
  if (oracle !== undefined && !(oracleNames as readonly unknown[]).includes(oracle)) {
    throw new UsageError(`${where}: oracle must be one of ${oracleNames.join(', ')}: got ${JSON.stringify(oracle)}`);
  }
  if (program !== undefined && !isProgram(program)) {
    throw new UsageError(`${where}: program must have a command and a folder: got ${JSON.stringify(program)}`);
  }
  if (before !== undefined && !Array.isArray(before)) throw new UsageError(`${where}: before must be a list of cases`);
  return {
    ...(json as Counterexample),
    case: parseCase((json as Record<string, unknown>).case, `${where}: case`),
    before: (before ?? []).map((earlier: unknown, i: number) => parseCase(earlier, `${where}: before.${i}`)),
  };
}
