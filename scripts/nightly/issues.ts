import { join } from 'node:path';
import { execa } from 'execa';
import { partsIn } from '../../harness/night/folder.ts';
import { wholeNight } from '../../harness/night/join.ts';
import type { NightFinding } from '../../harness/night/nightReport.ts';
import { caseWords, plural } from '../../harness/report/words.ts';

/*
 * Opens one issue for each signature that is new in a night's report, with GitHub's own `gh`, unless there is one already, open or
 * closed: `issues.js REPORT [URL]`. URL: where the report can be had. The counterexample's id, in the title, is what tells.
 */

/** A night that finds more than this has something else to be looked at first. */
const mostIssues = 20;

const [report = 'reports/runs/nightly', url] = process.argv.slice(2);

async function gh(args: readonly string[], input = ''): Promise<string> {
  const { stdout } = await execa('gh', args, { input, stderr: 'inherit' });
  return stdout;
}

function titleOf({ op, backend, kind, id }: NightFinding): string {
  return `nightly: ${backend}, ${op}: ${kind} (${id})`;
}

/** Text in a fence that it cannot end. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

function bodyOf(finding: NightFinding): string {
  const { signature, reason, times, version, backend, programs, command, before } = finding;
  return [
    `Signature: \`${signature}\`, on ${backend} ${version}, in ${plural(times, 'case')} of the night.`,
    fenced('', reason),
    'The smallest case:',
    fenced('', caseWords(finding.case)),
    fenced('json', JSON.stringify(finding.case)),
    ...(before.length === 0
      ? []
      : [
          `After ${plural(before.length, 'earlier case')} in the same process:`,
          fenced('json', JSON.stringify(before)),
        ]),
    'To see it again, with the store of that night:',
    fenced('sh', command),
    ...(programs.python === null ? [] : ['A program in Python that shows it:', fenced('python', programs.python)]),
    ...(url === undefined ? [] : [`The report: ${url}`]),
  ].join('\n\n');
}

const parts = partsIn(report);
if (parts.length === 0) {
  console.log(`${join(report, 'night.json')} is not there: there is nothing to tell`);
  process.exit(0);
}
const fresh = wholeNight(parts).findings.filter(({ standing }) => standing === 'fresh');
for (const finding of fresh.slice(0, mostIssues)) {
  const search = `"${finding.id}" in:title`;
  const found = JSON.parse(
    await gh(['issue', 'list', '--state', 'all', '--search', search, '--json', 'number']),
  ) as object[];
  if (found.length > 0) {
    console.log(`there is an issue already: ${titleOf(finding)}`);
    continue;
  }
  const made = await gh(['issue', 'create', '--title', titleOf(finding), '--body-file', '-'], bodyOf(finding));
  console.log(`${titleOf(finding)}: ${made.trim()}`);
}
if (fresh.length > mostIssues) console.log(`${plural(fresh.length - mostIssues, 'other')} in the report`);
