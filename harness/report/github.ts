import type { NightFinding, NightReport } from '../night/nightReport.ts';
import { caseWords, groupDigits, lengthWords, plural, spanWords } from './words.ts';

/* A night for GitHub: annotations beside the run, and a summary in Markdown. */

/** GitHub shows so many annotations of a kind in a step. */
const mostAnnotations = 10;
/** GitHub takes a summary of 1 MiB from a step; a little is left for what ends it. */
const mostBytes = 1_000_000;
/** A message is longer than anybody reads in a list. */
const mostMessage = 1000;

/** Data of a workflow command: a line break would end it. */
function data(text: string): string {
  return text.slice(0, mostMessage).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** Workflow commands, a line each: regressions and new failures are errors, those that were saved before warnings. */
export function annotations({ findings, kept, night, why }: NightReport): string[] {
  const errors = [
    ...(night.exit === 3 ? [{ title: 'the harness cannot be trusted', text: why ?? '' }] : []),
    ...kept
      .filter(({ regressed }) => regressed)
      .map(({ title, reason }) => ({ title: `regression: ${title}`, text: reason })),
    ...findings.filter(({ standing }) => standing === 'fresh').map(annotationOf),
  ];
  const warnings = findings.filter(({ standing }) => standing === 'old').map(annotationOf);
  const lines = (kind: string, all: readonly { title: string; text: string }[]) =>
    all.slice(0, mostAnnotations).map(({ title, text }, i) => {
      const more =
        i === mostAnnotations - 1 && all.length > mostAnnotations ? ` (and ${all.length - i - 1} others)` : '';
      return `::${kind} title=${property(title)}::${data(text)}${more}`;
    });
  return [...lines('error', errors), ...lines('warning', warnings)];
}

function annotationOf({ signature, reason, command }: NightFinding): { title: string; text: string } {
  return { title: signature, text: `${reason}\n${command}` };
}

/** Text in a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');
}

/** Text in backquotes, whatever it holds. */
function verbatim(text: string): string {
  return `<code>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('|', '&#124;').replaceAll('\n', ' ')}</code>`;
}

/** The night in Markdown, of at most 1 MiB: what does not fit is left out, and that is said. */
export function summaryMarkdown(report: NightReport): string {
  const { night, why, findings, kept } = report;
  const regressed = kept.filter((one) => one.regressed);
  const fixed = kept.filter(({ standing }) => standing === 'fixed');
  const head = [
    `## convdiff, night of ${night.started.slice(0, 10)}: exit code ${night.exit ?? 'none, it was cut off'}`,
    '',
    ...(why === null ? [] : [why, '']),
    `${plural(night.cases, 'case')} ${spanWords(report)}, in ${lengthWords(report)}.`,
    '',
    ...regressed.map(({ title, reason }) => `- **Regression** ${cell(title)}: ${cell(reason)}`),
    ...fixed.map(({ title }) => `- Fixed: ${cell(title)}`),
    ...(regressed.length + fixed.length > 0 ? [''] : []),
    '| backend | agree | mismatch | unsupported | unknown | |',
    '|---|--:|--:|--:|--:|---|',
    ...night.backends.map(({ name, version, agree, mismatch, unsupported, unknown, benched, retried = 0 }) => {
      const notes = [
        ...(benched ? ['left out: it died too often'] : []),
        ...(retried > 0 ? [`${groupDigits(retried)} answered only when asked again`] : []),
      ];
      const counts = [agree, mismatch, unsupported, unknown].map(groupDigits).join(' | ');
      return `| ${cell(`${name} ${version}`)} | ${counts} | ${notes.join(', ')} |`;
    }),
    '',
  ];
  const order: NightFinding['standing'][] = ['fresh', 'old', 'known'];
  const sorted = order.flatMap((standing) => findings.filter((finding) => finding.standing === standing));
  const rows = sorted.map(
    ({ standing, signature, times, reason, command, case: testCase, knownIssue }) =>
      `| ${{ fresh: '**new**', old: 'saved before', known: 'known' }[standing]} | ${verbatim(signature)} | ${groupDigits(times)} | ${knownIssue === null ? `${cell(reason)}<br>${verbatim(caseWords(testCase))}<br>${verbatim(command)}` : cell(knownIssue.title)} |`,
  );
  const table =
    rows.length === 0 ? ['Nothing that fails was come upon.'] : ['| | failure | cases | |', '|---|---|--:|---|'];
  return withinLimit([...head, ...table], rows);
}

function withinLimit(head: readonly string[], rows: readonly string[]): string {
  const lines = [...head];
  let bytes = Buffer.byteLength(head.join('\n'));
  for (const [i, row] of rows.entries()) {
    bytes += Buffer.byteLength(row) + 1;
    if (bytes > mostBytes) {
      lines.push('', `${plural(rows.length - i, 'failure')} more: they are in the report.`);
      break;
    }
    lines.push(row);
  }
  return `${lines.join('\n')}\n`;
}
