import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { summaryMarkdown } from '../report/github.ts';
import { junitXml } from '../report/junit.ts';
import { nightPage } from '../report/nightPage.ts';
import { writeAtomically } from '../store/atomic.ts';
import type { Night } from './history.ts';
import { wholeNight } from './join.ts';
import { type NightFinding, type NightReport, readParts } from './nightReport.ts';

/*
 * The report's folder. What the last night left lies in it; what nights before it left lies in nights/, a folder each, by when they
 * began, with the cases compressed. The newest 30 of these are kept.
 */

/** So many earlier nights keep their reports. */
export const keptReports = 30;

const files = {
  page: 'report.html',
  junit: 'junit.xml',
  summary: 'summary.md',
  data: 'night.json',
  cases: 'cases.jsonl',
};

/** Puts away what an earlier night left, and deletes what is too old. `started`: when that night began, where it does not say so itself. */
export async function putAway(folder: string, started: string | null): Promise<void> {
  await putAwayThese(folder, startedOf(folder) ?? started, Object.values(files));
}

/**
 * Puts away the report of another night that has ended since this one began. Of such nights only the last to begin keeps its lines
 * of cases.
 */
export async function putAwayOthers(folder: string, started: string): Promise<void> {
  const other = startedOf(folder);
  if (other === null || other === started) return;
  await putAwayThese(
    folder,
    other,
    Object.values(files).filter((name) => name !== files.cases),
  );
}

async function putAwayThese(folder: string, own: string | null, names: readonly string[]): Promise<void> {
  const left = names.filter((name) => existsSync(join(folder, name)));
  if (left.length === 0) return;
  const named = own === null ? null : targetOf(folder, own);
  // A night that was killed at once has left no line in the history: the last is of one whose report has been put away.
  const target = named === null || existsSync(named) ? targetOf(folder, writtenOf(folder, left)) : named;
  mkdirSync(target, { recursive: true });
  for (const name of left) {
    const [from, to] = [join(folder, name), join(target, name)];
    if (name !== files.cases) renameSync(from, to);
    else {
      await pipeline(createReadStream(from), createGzip({ level: 1 }), createWriteStream(`${to}.gz`));
      rmSync(from);
    }
  }
  const old = readdirSync(join(folder, 'nights')).sort().slice(0, -keptReports);
  for (const name of old) rmSync(join(folder, 'nights', name), { recursive: true });
}

function targetOf(folder: string, started: string): string {
  return join(folder, 'nights', started.replaceAll(':', '-'));
}

/** When the last of some files was written. */
function writtenOf(folder: string, names: readonly string[]): string {
  return new Date(Math.max(...names.map((name) => statSync(join(folder, name)).mtimeMs))).toISOString();
}

/** When the night began whose data lie in a folder; null where none do, or they cannot be read. */
function startedOf(folder: string): string | null {
  try {
    return partsIn(folder)[0]?.night.started ?? null;
  } catch {
    return null;
  }
}

/** The parts of the night that lie in a folder. Throws UsageError where they cannot be read. */
export function partsIn(folder: string): NightReport[] {
  return readParts(join(folder, files.data));
}

/**
 * Writes all that is made of a night's parts. `history`: with them among it. `toldOf`: how a finding is told of, where that is not as
 * its part does. Returns the page's path.
 */
export function writeReport(
  folder: string,
  parts: readonly NightReport[],
  history: readonly Night[],
  toldOf = (finding: NightFinding) => finding,
): string {
  const page = join(folder, files.page);
  const whole = wholeNight(parts);
  const report = { ...whole, findings: whole.findings.map(toldOf) };
  writeAtomically(join(folder, files.data), `${JSON.stringify(parts)}\n`);
  writeAtomically(join(folder, files.junit), junitXml(report));
  writeAtomically(join(folder, files.summary), summaryMarkdown(report));
  writeAtomically(page, nightPage(report, history));
  return page;
}

/** So many characters are written at a time. */
const chunk = 2 ** 16;

/** Lines of a file that grows through the night. What was written last may be missing where the process is killed. */
export class CaseLines {
  readonly #fd: number;
  #waiting: string[] = [];
  #length = 0;

  constructor(folder: string) {
    this.#fd = openSync(join(folder, files.cases), 'w');
  }

  add(line: string): void {
    this.#waiting.push(line);
    this.#length += line.length;
    if (this.#length >= chunk) this.flush();
  }

  flush(): void {
    if (this.#waiting.length > 0) writeSync(this.#fd, `${this.#waiting.join('\n')}\n`);
    this.#waiting = [];
    this.#length = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}
