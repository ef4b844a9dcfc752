import { caseOf, drawBatch } from '../../harness/campaign/plan.ts';
import { type Call, prepare } from '../../harness/operators/call.ts';
import { operators } from '../../harness/operators/index.ts';

/** The backend that both sides of the benchmark run. */
export const backend = 'tfjs-cpu';
export const batches = 80;
export const batchCases = 256;
export const cases = batches * batchCases;

/** The cases of one round, ready to run. */
export function callsOf(seed: number): Call[] {
  const ops = operators.map(({ name }) => name);
  return Array.from({ length: batches }, (_, k) => drawBatch(seed, k, ops))
    .flat()
    .map(({ op, draw }) => prepare(caseOf(op, draw)));
}
