import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { chromium } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import { chromiumPath, pythonPath } from '../../scripts/setup.mjs';
import { keptReports, putAway, writeReport } from '../night/folder.ts';
import { type NightReport, nightReportSchema } from '../night/nightReport.ts';
import { finding, nasty, night } from '../night/testing.ts';
import { annotations, summaryMarkdown } from './github.ts';
import { junitXml } from './junit.ts';
import { nightPage } from './nightPage.ts';

const folder = mkdtempSync(join(tmpdir(), 'convdiff-night-report-'));
afterAll(() => rmSync(folder, { recursive: true }));

const known = finding({
  id: 'def',
  signature: 'conv1d/mine/value/bias',
  standing: 'known',
  file: null,
  knownIssue: { id: 'mine-bias', title: 'the bias is <odd>', upstream: 'https://example.org/1?a=1&b=2' },
});
const old = finding({ id: 'ghi', signature: 'conv1d/mine/value/groups', standing: 'old' });

const report: NightReport = {
  schema: nightReportSchema,
  night: night({
    exit: 1,
    fresh: ['conv1d/mine/value/stride'],
    backends: [
      { name: 'mine', version: '1', agree: 90, mismatch: 36, unsupported: 2, unknown: 1, vacuous: 3, benched: false },
    ],
  }),
  why: null,
  cells: [
    { op: 'conv1d', backend: 'mine', agree: 90, mismatch: 36, known: 12, unplaced: 1, unsupported: 2, unknown: 1 },
  ],
  curves: [
    {
      name: 'all',
      points: [
        { seconds: 1, cases: 1024, pairs: 0.9, triples: 0.5 },
        { seconds: 2, cases: 2048, pairs: 1, triples: 0.8 },
      ],
    },
  ],
  findings: [known, old, finding()],
  kept: [
    {
      key: 'x',
      what: 'counterexample',
      title: 'xyz (conv2d/mine/value/plain)',
      standing: 'fails',
      regressed: true,
      reason: 'value: it is back',
    },
  ],
};
const history = [night({ started: '2026-11-27T01:00:00.000Z', known: ['a'] }), report.night];

describe('JUnit XML', () => {
  /** What Python's parser makes of it: element, attributes and text, level by level. */
  async function parsed(xml: string): Promise<[string, Record<string, string>, string][]> {
    const program =
      'import json, sys\nfrom xml.etree import ElementTree\nprint(json.dumps([[e.tag, e.attrib, e.text or ""] for e in ElementTree.fromstring(sys.stdin.buffer.read()).iter()]))';
    const { stdout } = await execa(pythonPath(), ['-c', program], { input: xml });
    return JSON.parse(stdout) as [string, Record<string, string>, string][];
  }

  test('has a suite for each backend, whose counts are those of its tests', async () => {
    const elements = await parsed(junitXml(report));
    const suites = elements.filter(([tag]) => tag === 'testsuite').map(([, attributes]) => attributes);
    expect(suites).toMatchObject([
      { name: 'mine', tests: '4', failures: '2', errors: '0', skipped: '1' },
      { name: 'nightly', tests: '2', failures: '1', errors: '0', skipped: '0' },
    ]);
    expect(elements.filter(([tag]) => tag === 'testcase')).toHaveLength(6);
    expect(elements.filter(([tag]) => tag === 'failure')).toHaveLength(3);
  });

  test('keeps what reasons say, but for what XML cannot say', async () => {
    const failure = (await parsed(junitXml(report))).find(([tag]) => tag === 'failure')!;
    expect(failure[1].message).toBe(nasty.replace('\u0007', '\ufffd').replace('\ud800', '\ufffd'));
  });

  test('has an error where a night is worth nothing', async () => {
    const broken = { ...report, night: night({ exit: 3 }), why: 'no canary' };
    const error = (await parsed(junitXml(broken))).find(([tag]) => tag === 'error')!;
    expect(error[1]).toEqual({ type: 'exit 3', message: 'no canary' });
    const killed = await parsed(junitXml({ ...report, night: night({ exit: null }), why: null }));
    expect(killed.find(([tag]) => tag === 'error')![1]).toEqual({ type: 'exit none', message: 'it was cut off' });
  });

  test('skips an operator of which nothing was compared, and not one that was always wrong', async () => {
    const cell = { ...report.cells[0]!, agree: 0, mismatch: 5 };
    const skipped = async (cells: NightReport['cells']) =>
      (await parsed(junitXml({ ...report, cells, findings: [] }))).filter(([tag]) => tag === 'skipped').length;
    expect(await skipped([cell])).toBe(0);
    expect(await skipped([{ ...cell, mismatch: 0 }])).toBe(1);
  });
});

describe('for GitHub', () => {
  test('regressions and what is new are errors, on a line each; what was saved before is a warning', () => {
    const lines = annotations(report);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['::error', '::error', '::warning']);
    expect(lines[1]).toContain('title=conv1d/mine/value/stride::a <b> & "c"%0Ad: e, 100 %25');
    for (const line of lines) expect(line).not.toContain('\n');
    const [first] = annotations({ ...report, night: night({ exit: 3 }), why: 'no canary' });
    expect(first).toBe('::error title=the harness cannot be trusted::no canary');
    expect(annotations({ ...report, findings: [finding({ reason: 'a'.repeat(5000) })] }).at(-1)!.length).toBeLessThan(
      1200,
    );
  });

  test('there are no more than GitHub shows, and the last one says so', () => {
    const many = { ...report, kept: [], findings: Array.from({ length: 25 }, () => finding()) };
    const lines = annotations(many);
    expect(lines).toHaveLength(10);
    expect(lines[9]).toMatch(/\(and 15 others\)$/);
  });

  test('the summary says what is new first, and keeps its table whole', () => {
    const lines = summaryMarkdown(report).split('\n');
    const rows = lines.filter((line) => line.includes('<code>conv1d/mine'));
    expect(rows.map((row) => row.split(' ')[1])).toEqual(['**new**', 'saved', 'known']);
    for (const row of rows) expect(row.replaceAll('\\|', '').match(/\|/g)).toHaveLength(5);
    expect(lines.join('\n')).toContain('**Regression** xyz');
  });

  test('the summary stays below 1 MiB, and says what it leaves out', () => {
    const long = finding({ reason: 'ü'.repeat(2000) });
    const many = { ...report, findings: Array.from({ length: 1000 }, () => long) };
    const text = summaryMarkdown(many);
    expect(Buffer.byteLength(text)).toBeLessThan(2 ** 20);
    expect(text).toMatch(/\d+ failures more: they are in the report\.\n$/);
  });
});

describe.skipIf(chromiumPath() === null)('the page', () => {
  test('says all of it in a browser, as one file, with nothing that axe objects to', async () => {
    const file = join(folder, 'page.html');
    writeFileSync(file, nightPage(report, history));
    const browser = await chromium.launch({ executablePath: chromiumPath()!, args: ['--no-sandbox'] });
    try {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ viewport: { width: 360, height: 800 }, colorScheme, bypassCSP: true });
        const asked: string[] = [];
        page.on('request', (request) => asked.push(request.url()));
        await page.goto(pathToFileURL(file).href);
        expect(asked).toEqual([pathToFileURL(file).href]);
        const text = await page.evaluate('document.body.textContent');
        for (const words of [
          'regression xyz',
          'the bias is <odd>',
          '✗ new',
          '23 wrong, 12 known, 1 not looked into',
          '80.0 % of the triples',
          'print("<hello>")',
        ])
          expect(String(text).replace(/\s+/g, ' ')).toContain(words);
        expect(await page.locator('h2').allTextContents()).toHaveLength(5);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
        expect(await page.locator('section#none, section svg[role=img]').count()).toBeGreaterThanOrEqual(3);
        await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
        const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string }[] };
        expect(violations.map(({ id }) => id)).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  }, 60_000);
});

describe("the report's folder", () => {
  test('has the last night in it, the others by when they began, and the newest of these only', async () => {
    const own = join(folder, 'own');
    mkdirSync(join(own, 'nights'), { recursive: true });
    for (let i = 0; i < keptReports; i++) mkdirSync(join(own, 'nights', `2025-01-${String(i + 1).padStart(2, '0')}`));
    writeReport(own, [report], history);
    writeFileSync(join(own, 'cases.jsonl'), '{"a":1}\n');
    await putAway(own, null);
    expect(readdirSync(own)).toEqual(['nights']);
    const nights = readdirSync(join(own, 'nights')).sort();
    expect(nights).toHaveLength(keptReports);
    expect(nights[0]).toBe('2025-01-02');
    const last = join(own, 'nights', nights.at(-1)!);
    expect(nights.at(-1)).toBe(report.night.started.replaceAll(':', '-'));
    expect(readdirSync(last).sort()).toEqual([
      'cases.jsonl.gz',
      'junit.xml',
      'night.json',
      'report.html',
      'summary.md',
    ]);
    expect(gunzipSync(readFileSync(join(last, 'cases.jsonl.gz'))).toString()).toBe('{"a":1}\n');
  });

  test('keeps what a night left that was killed', async () => {
    const own = join(folder, 'killed');
    mkdirSync(own);
    writeFileSync(join(own, 'cases.jsonl'), '{"a":1}\n');
    await putAway(own, '2026-11-28T02:00:00.000Z');
    expect(readdirSync(join(own, 'nights'))).toEqual(['2026-11-28T02-00-00.000Z']);
    // The next one was killed before the history had it, and one in a folder without a history.
    writeFileSync(join(own, 'cases.jsonl'), '{"a":2}\n');
    utimesSync(join(own, 'cases.jsonl'), 0, new Date('2026-11-28T03:00:00.000Z'));
    await putAway(own, '2026-11-28T02:00:00.000Z');
    writeFileSync(join(own, 'cases.jsonl'), '{"a":3}\n');
    utimesSync(join(own, 'cases.jsonl'), 0, new Date('2026-11-28T04:00:00.000Z'));
    await putAway(own, null);
    const nights = readdirSync(join(own, 'nights')).sort();
    expect(nights.map((name) => name.slice(11, 13))).toEqual(['02', '03', '04']);
    const lines = nights.map((name) =>
      gunzipSync(readFileSync(join(own, 'nights', name, 'cases.jsonl.gz'))).toString(),
    );
    expect(lines).toEqual(['{"a":1}\n', '{"a":2}\n', '{"a":3}\n']);
  });
});
