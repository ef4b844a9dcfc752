import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

/*
 * Between a process that needs a browser and the browser: `node keeper.js PARENT FOLDER PROGRAM ARG…`. Starts the program, which
 * talks with the parent through the file descriptors 3 and 4. When it ends, or its parent does, however that happens, the
 * program, all that it started and the folder are gone, and so is this process.
 *
 * It leads a process group of its own, and so does the program: whoever kills the parent's group does not reach them.
 */

const lookEvery_ms = 100;

const [parent, folder, program, ...args] = process.argv.slice(2) as [string, string, string, ...string[]];

// A temporary folder of the program's lies in its own one, for that is taken away.
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 3, 4], detached: true });

function end(code: number): void {
  if (child.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  }
  // What was killed may write for a moment yet.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  process.exit(code);
}

child.on('error', ({ message }) => {
  process.stderr.write(`${program} could not be started: ${message}\n`);
  end(1);
});
child.on('exit', (code) => end(code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(1));
setInterval(() => {
  if (process.ppid !== Number(parent)) end(0);
}, lookEvery_ms);
