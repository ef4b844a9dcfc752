import tfjs from '../../harness/backends/tfjs-cpu.ts';
import { backendTensors } from '../../harness/operators/call.ts';
import { callsOf } from './cases.ts';

/*
 * The other side of the benchmark: the same cases in one process that only calls the same lowering. Prints the seconds that
 * the loop took; making the tensors is not counted.
 */
const work = callsOf(Number(process.argv[2])).flatMap((call) =>
  call.normalised === null
    ? []
    : [{ call: { op: call.case.op, params: call.normalised }, inputs: backendTensors(call) }],
);
const started_ms = performance.now();
for (const { call, inputs } of work) {
  try {
    await tfjs.run(call, inputs);
  } catch {
    // Some cases are invalid on purpose.
  }
}
console.log((performance.now() - started_ms) / 1000);
