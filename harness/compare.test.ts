import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, root } from '../scripts/setup.mjs';

/* `compare` as it is typed, with backends whose boundaries are known. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-compare-'));
const hasBrowser = chromiumPath() !== null;
const fixtures = join(root, 'harness/capability/fixtures');
afterAll(() => rmSync(folder, { recursive: true }));

interface Ran {
  exit: number;
  out: string;
  err: string;
  lines: Record<string, unknown>[];
}

async function convdiff(...args: string[]): Promise<Ran> {
  const script = join(root, 'scripts/convdiff.mjs');
  const { exitCode, stdout, stderr } = await execa(process.execPath, [script, ...args], { cwd: folder, reject: false });
  const isJson = args.includes('jsonl');
  const lines = isJson ? stdout.split('\n').map((line) => JSON.parse(line)) : [];
  return { exit: exitCode!, out: stdout, err: stderr, lines };
}

const ops = ['--op', 'conv1d,conv2d,conv_transpose2d,pad'];

describe('a backend with boundaries', () => {
  let ran: Ran;
  let browser: Browser;
  beforeAll(async () => {
    const backend = join(fixtures, 'bounded.mjs');
    const budget = ['--runs', '1600', '--seed', '1', '--report', 'report', '--format', 'jsonl'];
    ran = await convdiff('compare', '--backend', backend, ...ops, ...budget);
    if (hasBrowser) browser = await chromium.launch({ executablePath: chromiumPath()!, args: ['--no-sandbox'] });
  }, 240_000);
  afterAll(() => browser?.close());

  test('each is stated as it is, once', () => {
    const rules = ran.lines.filter(({ schema }) => schema === 'convdiff/rule@1').map(({ rule }) => rule);
    expect(rules.sort()).toEqual([
      'conv1d: crashes where groups of several channels',
      'conv2d: refuses stride > 1 with dilation > 1',
      'conv_transpose2d: wrong where output_padding ≥ stride',
      'pad: does not support mode circular',
    ]);
    expect(ran.exit).toBe(1);
  });

  test('each was checked with fresh cases, all of which bear it out, and none lies elsewhere', () => {
    const { entries, elsewhere } = JSON.parse(readFileSync(join(folder, 'report/compare.json'), 'utf8'));
    for (const { fresh } of entries) expect(fresh.happened).toBe(fresh.cases);
    for (const { fresh } of entries) expect(fresh.cases).toBeGreaterThanOrEqual(6);
    for (const { fresh } of elsewhere) expect(fresh).toEqual({ happened: 0, cases: 60 });
  });

  test('each has the smallest case', () => {
    const { entries } = JSON.parse(readFileSync(join(folder, 'report/compare.json'), 'utf8'));
    const sizes = Object.fromEntries(
      entries.map(({ op, case: { inputs } }: { op: string; case: { inputs: { input: { shape: number[] } } } }) => [
        op,
        inputs.input.shape.reduce((a, b) => a * b, 1),
      ]),
    );
    // Groups of several channels take two groups of two.
    expect(sizes).toEqual({ conv1d: 4, conv2d: 1, conv_transpose2d: 1, pad: 1 });
  });

  test('its cases are replayed', async () => {
    const files = readdirSync(join(folder, 'report/cases')).map((name) => join('report/cases', name));
    expect(files).toHaveLength(4);
    const { exit, lines } = await convdiff('replay', ...files, '--format', 'jsonl');
    expect(exit).toBe(1);
    const verdicts = lines.flatMap(({ kind, verdict }) => (verdict === undefined ? [] : [kind ?? verdict]));
    expect(verdicts.sort()).toEqual(['acceptance', 'crash', 'unsupported', 'value']);
  });

  test('its cases by class are all there', () => {
    const { tables } = JSON.parse(readFileSync(join(folder, 'report/compare.json'), 'utf8'));
    const of = (op: string) => tables.find((table: { op: string }) => table.op === op);
    const stride = of('conv2d').dimensions.find(({ name }: { name: string }) => name === 'stride');
    const total = stride.classes.flatMap(({ counts }: { counts: Record<string, Record<string, number>> }) =>
      Object.values(counts.bounded ?? {}),
    );
    expect(total.reduce((a: number, b: number) => a + b, 0)).toBeGreaterThan(300);
    expect(Object.keys(of('pad').totals.bounded).sort()).toEqual(['agrees', 'unsupported']);
  });

  describe.skipIf(!hasBrowser)('its page, in a browser', () => {
    /** The page as someone has it before them, and what it asked for or complained of. */
    async function open(options: BrowserContextOptions): Promise<{ page: Page; noise: string[] }> {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const noise: string[] = [];
      page.on('console', (message) => noise.push(message.text()));
      page.on('pageerror', (error) => noise.push(String(error)));
      page.on('request', (request) => noise.push(request.url()));
      await page.goto(pathToFileURL(join(folder, 'report/index.html')).href);
      return { page, noise };
    }

    const views = (['light', 'dark'] as const).flatMap((colorScheme) =>
      [1200, 360].map((width) => ({ colorScheme, viewport: { width, height: 800 } })),
    );

    test.each(views)(
      'needs nothing else, and nothing in it hinders anyone: $colorScheme, $viewport.width',
      async (view) => {
        const { page, noise } = await open(view);
        expect(noise).toEqual([page.url()]);
        await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
        const widths = '[document.documentElement.scrollWidth, document.documentElement.clientWidth]';
        const [wanted, there] = (await page.evaluate(widths)) as [number, number];
        expect(wanted).toBe(there);
        await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
        const { violations } = (await page.evaluate('axe.run()')) as {
          violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
        };
        expect(violations.map(({ id, nodes }) => [id, nodes[0]!.html, nodes[0]!.failureSummary])).toEqual([]);
        expect(noise).toEqual([page.url()]);
      },
    );

    test('works without scripts', async () => {
      const { page } = await open({ javaScriptEnabled: false });
      expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('bounded 1 against PyTorch');
      await page.getByText('conv_transpose2d: wrong where').click();
      const entry = page.locator('details', { hasText: 'conv_transpose2d: wrong where' }).first();
      expect(await entry.getByText('The smallest case, of').isVisible()).toBe(true);
    });

    test('is used by the keyboard alone', async () => {
      const { page } = await open({});
      const focused = () =>
        page.evaluate<string>('document.activeElement.closest("summary, a, [tabindex]")?.textContent ?? ""');
      const rule = 'conv2d: refuses stride > 1 with dilation > 1';
      for (let presses = 0; presses < 60 && !(await focused()).includes(rule); presses++)
        await page.keyboard.press('Tab');
      const details = page.locator('details', { hasText: rule }).first();
      expect(await details.getAttribute('open')).toBe(null);
      await page.keyboard.press('Enter');
      expect(await details.getAttribute('open')).toBe('');
      // The command that replays it is reached next, and can be scrolled by keys.
      await page.keyboard.press('Tab');
      expect(await focused()).not.toBe('');
    });

    test('says of each operator what happened, to those who do not see colours too', async () => {
      const { page } = await open({});
      const row = page.getByRole('row').filter({ hasText: 'conv_transpose2d' }).first();
      expect(await row.getByRole('cell').first().innerText()).toMatch(/✗ \d+ of \d+/);
      expect(await row.getByRole('cell').first().textContent()).toMatch(/\d+ wrong, \d+ agree/);
    });

    test('draws where the elements differ', async () => {
      const { page } = await open({});
      const entry = page.locator('details', { hasText: 'conv_transpose2d: wrong where' }).first();
      await entry.locator('summary').first().click();
      expect(await entry.getByRole('img').first().getAttribute('aria-label')).toMatch(/\d/);
    });
  });
});

test('two versions of one: what changed', async () => {
  const [old, mended] = [join(fixtures, 'bounded.mjs'), join(fixtures, 'bounded-mended.mjs')];
  const budget = ['--runs', '400', '--seed', '1', '--report', 'versions'];
  const against = ['--against', old, '--backend', mended];
  const { exit, out } = await convdiff('compare', ...against, '--op', 'conv_transpose2d', ...budget);
  expect(out).toMatch(/^conv_transpose2d: in \d+ cases bounded 1 is wrong, bounded 2 agrees$/m);
  expect(out).toMatch(/^bounded 1: conv_transpose2d: wrong where output_padding ≥ stride$/m);
  expect(out).not.toMatch(/^bounded 2: /m);
  // What is looked at is right, whatever it is put beside.
  expect(exit).toBe(0);
  const { changes } = JSON.parse(readFileSync(join(folder, 'versions/compare.json'), 'utf8'));
  expect(changes).toEqual([expect.objectContaining({ against: 'bounded 1', backend: 'bounded 2', to: 'agrees' })]);
}, 120_000);

test('a failure by chance makes no rule, and is told', async () => {
  const flaky = join(folder, 'flaky.mjs');
  const correct = pathToFileURL(join(root, 'harness/campaign/fixtures/correct.mjs')).href;
  const source = `import { broken } from '${correct}';
let runs = 0;
export default broken('flaky', async (_, inputs, right) => {
  const result = await right();
  runs += 1;
  return runs % 6 === 0 ? { ...result, data: result.data.map((value) => value + 1) } : result;
});
`;
  writeFileSync(flaky, source);
  const { out, exit } = await convdiff('compare', '--backend', flaky, '--op', 'conv1d', '--runs', '400', '--seed', '1');
  const rules = out.split('\n').filter((line) => line.startsWith('flaky: '));
  expect(new Set(rules)).toEqual(new Set(['flaky: conv1d: wrong now and then, by no rule that was found']));
  expect(exit).toBe(1);
}, 120_000);

test('interrupted, it tells what it has seen, and does not say that all is well', async () => {
  const script = join(root, 'scripts/convdiff.mjs');
  const args = ['compare', '--backend', join(fixtures, 'bounded.mjs'), ...ops, '--runs', '60000', '--report', 'cut'];
  const child = execa(process.execPath, [script, ...args], { cwd: folder, reject: false, all: true });
  // Once cases have run for a while.
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (text) => {
      if (String(text).includes('running cases of')) resolve();
    });
    child.on('exit', () => resolve());
  });
  child.kill('SIGINT');
  const { exitCode, all } = await child;
  expect(exitCode).toBe(1);
  expect(all).toMatch(/^bounded: conv2d: refuses now and then, by no rule that was found$/m);
  expect(all).not.toContain('outside of these rules');
  const page = readFileSync(join(folder, 'cut/index.html'), 'utf8');
  expect(page).toContain('Interrupted');
  expect(page).not.toContain('It does all that was tried');
  expect(readdirSync(join(folder, 'cut/cases')).length).toBeGreaterThan(1);
}, 120_000);

test('a backend that does all as PyTorch does has no rule', async () => {
  const correct = join(root, 'harness/campaign/fixtures/correct.mjs');
  const { exit, out } = await convdiff('compare', '--backend', correct, '--runs', '350', '--seed', '1');
  expect(out).not.toMatch(/^correct: /m);
  expect(out).toMatch(/outside of these rules 420 of 420 cases/);
  expect(exit).toBe(0);
  expect(existsSync(join(folder, 'reports'))).toBe(false);
}, 120_000);

test.each([
  [['compare'], '--backend'],
  [['compare', '--backend', 'reference', '--runs', '0'], '--runs'],
  [['compare', '--backend', 'reference', '--op', 'conv4d'], 'conv4d'],
  [['compare', '--backend', 'reference', '--against', 'reference'], 'beside itself'],
  [['compare', '--backend', 'reference', '--report', '/proc/none'], '--report'],
  [['compare', '--backend', 'reference', '--report', ''], '--report'],
])('%j is refused', async (args, says) => {
  const { exit, out, err } = await convdiff(...args);
  expect({ exit, out, err }).toEqual({ exit: 2, out: '', err: expect.stringContaining(says) });
});
