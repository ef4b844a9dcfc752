import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { execa } from 'execa';
import { chromiumPath, pythonPath, root } from '../../scripts/setup.mjs';
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

/** Whether a program shows what it is to show. */
export async function shows(program: Program, language: Language, caseTimeout_ms: number): Promise<boolean> {
  return isShownBy(program, await run(program.text, language, start_ms + caseTimeout_ms));
}

/** How a program came to its end: `code` is null where a signal ended it, or time was up. */
export interface End {
  code: number | null;
  timedOut: boolean;
  /** All that it printed. */
  all: string;
}

export function isShownBy({ ends, says }: Program, { code, timedOut, all }: End): boolean {
  if (ends === 'never' || timedOut) return ends === 'never' && timedOut;
  return (ends === 'with 1' ? code === 1 : code !== 0) && all.includes(says);
}

/** The packages that a program says it wants. */
export function packagesOf(text: string): string[] {
  const words = /(?:npm|pip) install (.*)/.exec(text)![1]!.split(' ');
  return words.map((word) => word.replace(/(?<=.)(@|==).*/, ''));
}

/** Runs a program in a folder of its own, with the npm packages that it wants and no others. */
export async function run(text: string, language: Language, timeout_ms: number): Promise<End> {
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-repro-'));
  try {
    // Modules that are neither imported nor compiled: what is printed is JavaScript as it stands.
    const name = language === 'python' ? 'repro.py' : 'repro.mjs';
    writeFileSync(join(folder, name), text);
    if (language === 'typescript') {
      for (const one of packagesOf(text)) link(folder, one);
    }
    const { exitCode, timedOut, all } = await execa(language === 'python' ? pythonPath() : process.execPath, [name], {
      cwd: folder,
      env: { TF_CPP_MIN_LOG_LEVEL: '3', TF_ENABLE_ONEDNN_OPTS: '0', CHROMIUM: chromiumPath() ?? undefined },
      reject: false,
      all: true,
      stdin: 'ignore',
      timeout: timeout_ms,
      killSignal: 'SIGKILL',
    });
    return { code: exitCode ?? null, timedOut, all };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes an installed package one of a folder's own. */
export function link(folder: string, name: string): void {
  const installed = [packagesFolder(), join(root, '.extras', name, 'node_modules')].find((modules) =>
    existsSync(join(modules, name)),
  );
  if (installed === undefined) return;
  const target = join(folder, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(installed, name), target);
}

/** The folder that npm has put TensorFlow.js into. */
function packagesFolder(): string {
  const path = createRequire(import.meta.url).resolve('@tensorflow/tfjs-core');
  return path.slice(0, path.lastIndexOf(`node_modules${sep}@tensorflow`) + 'node_modules'.length);
}
