import type { NightFinding, NightReport } from '../night/nightReport.ts';
import type { Cell } from '../night/recorder.ts';
import { caseWords, plural } from './words.ts';

/*
 * A night as JUnit XML, as CI servers read it: a suite for each backend, in it a test for each operator, and one for each bug of it.
 * Known issues are skipped tests. The dialect is that of Maven Surefire, which Jenkins checks against junit-10.xsd.
 */

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/** Text for an attribute or an element, without the characters that XML has no way to write. */
function escaped(text: string): string {
  const legal = text.replace(/[^\P{Cc}\t\n]|\p{Cs}|[\ufffe\uffff]/gu, '\ufffd');
  return legal.replace(/[&<>"\n\t]/g, (character) => entities[character]!);
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('');
}

function findingTest(finding: NightFinding): string {
  const { signature, op, kind, reason, standing, knownIssue, times, command } = finding;
  const head = attributes({ name: signature, classname: `convdiff.${finding.backend}.${op}` });
  if (standing === 'known') {
    const message = `known issue: ${knownIssue!.title} (${knownIssue!.id}), ${plural(times, 'case')}`;
    return `    <testcase${head}><skipped${attributes({ message })}/></testcase>`;
  }
  const text = `${caseWords(finding.case)}\n${reason}\n${plural(times, 'case')}\n${command}`;
  return `    <testcase${head}><failure${attributes({ type: kind, message: reason })}>${escaped(text)}</failure></testcase>`;
}

/** The cases of an operator that are no bug's: they agree, or nobody could tell. */
function cellTest({ op, backend, agree, mismatch, unsupported, unknown }: Cell): string {
  const head = attributes({ name: op, classname: `convdiff.${backend}` });
  const out = `${agree} agree, ${mismatch} mismatch, ${unsupported} unsupported, ${unknown} unknown`;
  const none = agree + mismatch === 0 ? `<skipped${attributes({ message: 'nothing was compared' })}/>` : '';
  return `    <testcase${head}>${none}<system-out>${escaped(out)}</system-out></testcase>`;
}

export function junitXml({ night, why, cells, findings, kept }: NightReport): string {
  const suites = night.backends.map(({ name }) => {
    const own = findings.filter(({ backend }) => backend === name);
    const tests = [...cells.filter(({ backend }) => backend === name).map(cellTest), ...own.map(findingTest)];
    const failures = own.filter(({ standing }) => standing !== 'known').length;
    return suite(name, night.started, tests, failures, 0);
  });
  const harness = harnessSuite(night.started, night.exit, why, kept);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: 'convdiff nightly', time: night.seconds.toFixed(3) })}>\n${[...suites, harness].join('\n')}\n</testsuites>\n`;
}

/** What is no backend's: regressions, and whether the night itself is worth anything. */
function harnessSuite(started: string, exit: number | null, why: string | null, kept: NightReport['kept']): string {
  const isBroken = exit === null || exit === 3 || exit === 4;
  const error = isBroken
    ? `<error${attributes({ type: `exit ${exit ?? 'none'}`, message: why ?? 'it was cut off' })}/>`
    : '';
  const own = `    <testcase${attributes({ name: 'the night is decided', classname: 'convdiff.nightly' })}>${error}</testcase>`;
  const regressed = kept.filter((one) => one.regressed);
  const tests = regressed.map(
    ({ title, reason }) =>
      `    <testcase${attributes({ name: `regression: ${title}`, classname: 'convdiff.nightly' })}><failure${attributes({ type: 'regression', message: reason })}/></testcase>`,
  );
  return suite('nightly', started, [own, ...tests], regressed.length, Number(isBroken));
}

function suite(name: string, timestamp: string, tests: readonly string[], failures: number, errors: number): string {
  const skipped = tests.filter((test) => test.includes('<skipped')).length;
  const head = attributes({ name, tests: tests.length, failures, errors, skipped, timestamp });
  return `  <testsuite${head}>\n${tests.join('\n')}\n  </testsuite>`;
}
