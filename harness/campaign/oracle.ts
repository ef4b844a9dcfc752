import { oracleNeeds } from '../backends/index.ts';
import { byWord, type Opinion } from '../compare/judge.ts';
import type { OracleName } from '../core/outcome.ts';
import { opinionByRelations } from '../metamorphic/judge.ts';
import type { Call } from '../operators/call.ts';
import { defined } from './definition.ts';
import { FrameworkOracle } from './framework.ts';

/** Who says what is right. */
export interface Oracle {
  readonly name: OracleName;
  /** Of the framework and what it runs on. */
  readonly versions: Readonly<Record<string, string>>;
  /** Its process, while it has one. */
  readonly pid: number | undefined;
  /** What there is to say of a call; an oracle that takes time begins at once. The opinion may fail with a HarnessError. */
  consult(call: Call): Opinion;
  close(): void;
}

function withoutProcess(name: OracleName, consult: Oracle['consult']): Oracle {
  return { name, versions: {}, pid: undefined, consult, close: () => {} };
}

/** The set-up steps that an oracle needs. */
export function needsOf(name: OracleName): readonly string[] {
  if (name === 'pytorch') return oracleNeeds;
  return name === 'tensorflow' ? ['tensorflow'] : [];
}

/** Starts an oracle. Throws HarnessError. */
export async function openOracle(name: OracleName, caseTimeout_ms: number): Promise<Oracle> {
  switch (name) {
    case 'pytorch':
      return FrameworkOracle.pytorch(caseTimeout_ms);
    case 'tensorflow':
      return FrameworkOracle.tensorflow(caseTimeout_ms);
    case 'reference':
      return withoutProcess(name, (call) => byWord(call, Promise.resolve(defined(call))));
    case 'none':
      return withoutProcess(name, opinionByRelations);
  }
}
