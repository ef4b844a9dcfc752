import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { execa } from 'execa';
import { pythonPath } from '../../scripts/setup.mjs';
import type { Finding, Program } from './finding.ts';
import { type Language, programsOf } from './programs.ts';

/** What a program may take to start; then it is taken to hang. */
const start_ms = 20_000;

/** A program that shows a finding, and that was seen to do so; `onRun` hears of each that is tried. */
export async function provenProgram(
  finding: Finding,
  language: Language,
  caseTimeout_ms: number,
  onRun: () => void = () => {},
): Promise<Program> {
  for (const program of programsOf(finding, language)) {
    onRun();
    if (await shows(program, language, caseTimeout_ms)) return program;
  }
  throw new Error('a program with the wrong result written in does not show it');
}

/** The folder that npm has put TensorFlow.js into. */
function packagesFolder(): string {
  const path = createRequire(import.meta.url).resolve('@tensorflow/tfjs-core');
  return path.slice(0, path.lastIndexOf(`node_modules${sep}@tensorflow`) + 'node_modules'.length);
}

/** Whether a program, run in a folder of its own, shows what it is to show. */
export async function shows(program: Program, language: Language, caseTimeout_ms: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-repro-'));
  try {
    const name = language === 'python' ? 'repro.py' : 'repro.mjs';
    writeFileSync(join(folder, name), program.text);
    if (language === 'typescript') symlinkSync(packagesFolder(), join(folder, 'node_modules'));
    const run = await execa(language === 'python' ? pythonPath() : process.execPath, [name], {
      cwd: folder,
      env: { TF_CPP_MIN_LOG_LEVEL: '3', TF_ENABLE_ONEDNN_OPTS: '0' },
      reject: false,
      all: true,
      stdin: 'ignore',
      timeout: start_ms + caseTimeout_ms,
      killSignal: 'SIGKILL',
    });
    if (program.ends === 'never' || run.timedOut) return program.ends === 'never' && run.timedOut;
    const ended = program.ends === 'with 1' ? run.exitCode === 1 : run.exitCode !== 0;
    return ended && run.all.includes(program.says);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
