import { oracleNeeds } from '../backends/index.ts';
import { byWord, type Opinion } from '../compare/judge.ts';
import { mapInputs } from '../core/case.ts';
import type { OracleName, Outcome } from '../core/outcome.ts';
import { allocate } from '../core/tensor.ts';
import { opinionByRelations } from '../metamorphic/judge.ts';
import type { Call } from '../operators/call.ts';
import { PyTorch } from './pytorch.ts';

/** Who says what is right. */
export interface Oracle {
  readonly name: OracleName;
  /** Of PyTorch and what it runs on. */
  readonly versions: Readonly<Record<string, string>>;
  /** Its process, while it has one. */
  readonly pid: number | undefined;
  /** What there is to say of a call; an oracle that takes time begins at once. The opinion may fail with a HarnessError. */
  consult(call: Call): Opinion;
  close(): void;
}

/** What the operator's definition gives, in float64; padding stays in the dtype that it copies. */
async function defined({ refusal, operator, spec, tensors }: Call): Promise<Outcome> {
  if (refusal !== null) return { kind: 'rejected', reason: refusal.message };
  const result = operator.evaluate(
    spec,
    mapInputs(tensors, ({ data }) => data),
  );
  const dtype = operator.rounding === null ? tensors.input.dtype : 'float64';
  const data = allocate(dtype, result.length);
  data.set(result);
  return { kind: 'ok', output: { dtype, shape: operator.outputShape(spec), data } };
}

function withoutProcess(name: OracleName, consult: Oracle['consult']): Oracle {
  return { name, versions: {}, pid: undefined, consult, close: () => {} };
}

/** The set-up steps that an oracle needs. */
export function needsOf(name: OracleName): readonly string[] {
  return name === 'pytorch' ? oracleNeeds : [];
}

/** Starts an oracle. Throws HarnessError. */
export async function openOracle(name: OracleName, caseTimeout_ms: number): Promise<Oracle> {
  switch (name) {
    case 'pytorch':
      return PyTorch.open(caseTimeout_ms);
    case 'reference':
      return withoutProcess(name, (call) => byWord(call, defined(call)));
    case 'none':
      return withoutProcess(name, opinionByRelations);
  }
}
