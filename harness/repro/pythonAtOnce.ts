import { execa } from 'execa';
import { pythonPath } from '../../scripts/setup.mjs';
import type { End } from './run.ts';

/* For tests: many programs in one Python, which imports PyTorch once. */

/** Runs each program of a list as if it were the only one. */
const runner = `
import contextlib, io, json, sys, traceback
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
