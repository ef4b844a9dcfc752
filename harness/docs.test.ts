import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { pythonPath, root } from '../scripts/setup.mjs';
import { Campaign, type CampaignResult } from './campaign/campaign.ts';
import { Session } from './campaign/session.ts';
import type { OpName, Values } from './core/case.ts';
import { materialise } from './core/data.ts';
import { operators } from './operators/index.ts';
import { encodeFrame } from './processes/frames.ts';
import { rulesPage } from './report/rulesPage.ts';
import { Store } from './store/store.ts';

/*
 * What the documentation shows is what there is: its example runs, its links lead somewhere, its commands and flags exist, its
 * bytes and numbers are those of the code.
 */

const example = 'docs/examples/my-backend.mjs';
const folder = mkdtempSync(join(tmpdir(), 'convdiff-docs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function markdownUnder(path: string): string[] {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return markdownUnder(join(path, entry.name));
    return entry.name.endsWith('.md') ? [join(path, entry.name)] : [];
  });
}

const pages = ['README.md', 'CHANGELOG.md', 'oracles/PROTOCOL.md', ...markdownUnder('docs')];

/** The fenced blocks of a page in one language. */
function blocks(page: string, language: string): string[] {
  return [...read(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , text]) => text!);
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  const plain = read(page).replaceAll(/^```.*?^```$/gms, '');
  return [...plain.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(pages)('%s', (page) => {
  test('is short', () => expect(read(page).split('\n').length).toBeLessThanOrEqual(151));

  test('links to what is there', () => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const broken = links.filter((link) => {
      if (/^https:/.test(link)) return false;
      const [path, anchor] = link.split('#') as [string, string?];
      const target = path === '' ? page : relative(root, join(root, dirname(page), path));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchors(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('says nothing of the machine that it was written on', () => {
    expect(read(page)).not.toMatch(/\/(work|tmp|root)\//);
  });
});

describe('commands', () => {
  const help = (...words: string[]) =>
    execFileSync(process.execPath, [join(root, 'scripts/convdiff.mjs'), ...words, '--help'], { encoding: 'utf8' });
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);
  const all = pages.map(read).join('\n');

  test('that the pages name exist', () => {
    const known = [...help().matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name]) => name!);
    const named = [...all.matchAll(/npm run -s convdiff -- ([a-z]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    const described = [...read('docs/reference/commands.md').matchAll(/^## (`.*`)$/gm)].map(([, names]) => names!);
    const sections = described.flatMap((names) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
    expect(sections.sort()).toEqual(known.filter((name) => name !== 'help').sort());
  });

  test('that npm runs exist', () => {
    const named = [...all.matchAll(/npm run (?:-s )?([a-z]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
  });

  test('have the options that the pages give them', () => {
    const lines = [
      ...all.matchAll(/npm run -s convdiff -- ([a-z]+)([^`\n#]*)/g),
      ...all.matchAll(/^`(fuzz|check|try|replay|coverage) ([^`]*)`$/gm),
    ];
    for (const command of new Set(lines.map(([, name]) => name!))) {
      const options = lines
        .filter(([, name]) => name === command)
        .flatMap(([, , rest]) => [...rest!.matchAll(/--[a-z_-]+/g)].map(([option]) => option));
      const text = help(command);
      expect(options.filter((option) => !new RegExp(`${option}[ ,]`).test(text))).toEqual([]);
    }
  });
});

describe('the example backend', () => {
  test.each(['README.md', 'docs/how-to/add-a-backend.md'])('stands in %s as it is', (page) => {
    expect(blocks(page, 'js')).toEqual([read(example)]);
  });

  test('has under 40 lines and imports nothing', () => {
    expect(read(example).split('\n').length).toBeLessThan(41);
    expect(read(example)).not.toMatch(/\bimport\b|\brequire\b/);
  });

  async function hunt(module: string, ops: OpName[], runs: number): Promise<CampaignResult> {
    const session = await Session.open({ backends: [module], caseTimeout_ms: 2000, cwd: root });
    const store = new Store(join(folder, 'store'));
    store.checkWritable();
    const signal = new AbortController().signal;
    const silent = { onProgress: () => {}, onFinding: () => {} };
    const budget = { seed: 1, runs, time_ms: null };
    try {
      return await new Campaign({ session, ops, ...budget, store, knownIssues: [], signal, ...silent }).run();
    } finally {
      await session.close();
    }
  }

  test('is right wherever it claims to be, and conv_transpose1d is unsupported', async () => {
    const { findings, tallies } = await hunt(example, ['conv1d'], 2048);
    expect(findings).toEqual([]);
    expect(tallies.get('my-backend')).toMatchObject({ mismatch: 0, unknown: 0, benched: false });
    expect(tallies.get('my-backend')!.agree).toBeGreaterThan(500);

    const transposed = await hunt(example, ['conv_transpose1d'], 256);
    expect(transposed.tallies.get('my-backend')).toMatchObject({ agree: 0, mismatch: 0, unsupported: 256 });
  });

  test('without dilation is found out as README.md shows', async () => {
    const [line] = /const i = o \* stride \+ k - padding;/.exec(read('README.md'))!;
    const broken = read(example).replace(/const i = .*;/, line);
    writeFileSync(join(folder, 'broken.mjs'), broken);
    const { findings } = await hunt(join(folder, 'broken.mjs'), ['conv1d', 'conv_transpose1d'], 256);
    expect(findings.length).toBe(1);
    const { signature, id, reason } = findings[0]!.counterexample;
    for (const words of [signature, id, reason]) expect(read('README.md')).toContain(words);
  });
});

test('the frame of the protocol page is what encodeFrame gives', () => {
  const [dump] = blocks('oracles/PROTOCOL.md', 'text') as [string];
  const bytes = [...dump.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?)+)/gm)].map(([, hex]) => hex!.replaceAll(' ', ''));
  const output = { dtype: 'float32' as const, shape: [3], data: new Float32Array([1, -0, 21]) };
  expect(bytes.join('')).toBe(encodeFrame(1, { type: 'ok' }, { output }).toString('hex'));
});

test('the number of held replies is the same in the protocol page and in all that keep to it', () => {
  const held = Number(/at most (\d+) of them/.exec(read('oracles/PROTOCOL.md'))![1]);
  const numbers = ['harness/processes/worker.ts', 'harness/processes/runner.ts', 'oracles/frames.py'].map((file) =>
    Number(/^(?:const heldReplies|HELD_REPLIES) = (\d+)/m.exec(read(file))![1]),
  );
  expect(numbers).toEqual([held, held, held]);
});

test('the examples of seeded data are what the code makes', () => {
  const page = read('docs/reference/case-file.md');
  const rows = [...page.matchAll(/^\| (lattice|normal|special)( of int32)? \| (-?\d+) \| (.*) \|$/gm)];
  expect(rows.length).toBe(7);
  for (const [, values, integers, seed, elements] of rows) {
    const data = { kind: 'seeded' as const, values: values as Values, seed: Number(seed) };
    const want = elements!.split(', ').map(Number);
    const dtype = integers === undefined ? 'float32' : 'int32';
    expect([...materialise(dtype, [8], data).data].slice(0, want.length)).toEqual(want);
  }
});

test('the operators page has every operator and parameter', () => {
  const page = read('docs/reference/operators.md');
  for (const { name, specUrl, defaults } of operators) {
    const words = [name, ...Object.keys(defaults)];
    expect(words.filter((word) => !page.includes(`\`${word}\``))).toEqual([]);
    expect(page).toContain(specUrl);
  }
});

test('the rules page is what `npm run docs` writes', () => {
  expect(read('docs/reference/rules.md')).toBe(rulesPage(operators));
});

test('every page is in the index', () => {
  const index = read('docs/README.md');
  const missing = markdownUnder('docs').filter(
    (page) => page !== 'docs/README.md' && !index.includes(`](${relative('docs', page)})`),
  );
  expect(missing).toEqual([]);
  expect(statSync(join(root, 'LICENSE')).isFile()).toBe(true);
});

describe('the page on how PyTorch pads', () => {
  const page = 'docs/explanation/padding.md';

  test('prints what it says', () => {
    const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' };
    const input = blocks(page, 'python').join('\n');
    const printed = execFileSync(pythonPath(), ['-'], {
      input,
      env,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    expect(printed).toBe(blocks(page, 'text').join(''));
  }, 60_000);

  // By the words that follow `explain` on the command line.
  test.each([
    ['conv1d', 'conv1d --input 1,1,8 --weight 1,1,3 --stride 2 --padding 1'],
    ['conv_transpose1d', 'conv_transpose1d --input 2,1,7 --weight 1,1,3 --stride 3 --padding 5 --output_padding 2'],
    ['appended', 'conv_transpose1d --input 1,1,4 --weight 1,1,3 --stride 3 --padding 1 --output_padding 2'],
  ])('%s is drawn as explain draws it', (name, words) => {
    const svg = join(folder, `${name}.svg`);
    execFileSync(process.execPath, ['scripts/convdiff.mjs', 'explain', ...words.split(' '), '--svg', svg], {
      cwd: root,
    });
    expect(readFileSync(svg, 'utf8')).toBe(read(`docs/images/${name}.svg`));
    expect(read(page)).toContain(`../images/${name}.svg`);
  });
});
