import { execa } from 'execa';
import { pythonPath } from '../../scripts/setup.mjs';
import { mapInputs } from '../core/case.ts';
import { indexOf, type Tensor } from '../core/tensor.ts';
import type { Call } from '../operators/call.ts';
import type { Finding } from './finding.ts';
import type { End } from './run.ts';

/* For tests: findings that are none, and many programs in one Python, which imports PyTorch once. */

/** A finding of a valid call that is none, with the definition's own result as if the backend had failed there. */
export function nothingWrong(call: Call, backend: Finding['backend']): Finding {
  const shape = call.operator.outputShape(call.spec);
  const data = call.operator.evaluate(
    call.spec,
    mapInputs(call.tensors, (tensor) => Float64Array.from(tensor.data)),
  );
  const { input } = call.spec.dtypes;
  const output: Tensor = { dtype: input, shape, data: (input === 'int32' ? Int32Array : Float32Array).from(data) };
  const at = data.length - 1;
  const culprit = { index: indexOf(at, shape), want: data[at]!, got: data[at]!, allowed: 0, ends: [], share: null };
  return {
    call,
    before: [],
    backend,
    mismatch: { verdict: 'mismatch', kind: 'value', reason: '', shape, culprit },
    unstable: false,
    want: { kind: 'ok', output },
    got: { kind: 'ok', output },
    torch: '2.13.0',
  };
}

/** Runs each program of a list as if it were the only one. */
const runner = `
import contextlib, gc, io, json, sys, traceback
gc.disable()
ends = []
for program in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            exec(compile(program, "repro.py", "exec"), {"__name__": "__main__"})
            code = 0
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code)
            code = 1 if isinstance(end.code, str) else end.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    if not ends:
        gc.freeze()
        gc.enable()
    ends.append({"code": code, "timedOut": False, "all": said.getvalue()})
json.dump(ends, sys.stdout)
`;

/** What comes of programs that end, and set the same environment. */
export async function runAtOnce(programs: readonly string[]): Promise<End[]> {
  if (programs.length === 0) return [];
  const env = { TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' };
  const { stdout } = await execa(pythonPath(), ['-c', runner], { input: JSON.stringify(programs), env });
  return JSON.parse(stdout) as End[];
}

/** What a program sets before it imports anything: those for which it is the same may share a process. */
export function environmentOf(program: string): string {
  return (program.match(/^os\.environ.*$/gm) ?? []).join('\n');
}
