import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { root } from '../scripts/setup.mjs';

/* The tutorial as it is written: its files are made, its commands typed, one after the other, and what it shows is printed. */

const folder = mkdtempSync(join(tmpdir(), 'convdiff-tutorial-'));
const mine = join(folder, 'mine.mjs');
afterAll(() => rmSync(folder, { recursive: true }));

interface Block {
  language: string;
  text: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, body]) => ({
    language: language!,
    text: body!,
  }));
}

/** A whole module takes the file's place; a single line that of the line which assigns to the same name. */
function write(text: string): void {
  if (text.startsWith('export default')) {
    writeFileSync(mine, text);
    return;
  }
  const [, name] = /^\s*const (\w+) = .*;\n$/.exec(text)!;
  const before = readFileSync(mine, 'utf8');
  const after = before.replace(new RegExp(`^ *const ${name} = .*\n`, 'm'), text);
  expect(after).not.toBe(before);
  writeFileSync(mine, after);
}

async function type(command: string): Promise<string> {
  const [, args] = /^npm run -s convdiff -- (.*)\n$/.exec(command)!;
  const script = join(root, 'scripts/convdiff.mjs');
  const { all } = await execa(process.execPath, [script, ...args!.split(' ')], {
    cwd: folder,
    reject: false,
    all: true,
  });
  return all;
}

test('it leads from an empty file to the report', async () => {
  writeFileSync(mine, '');
  let printed = '';
  const seen: string[] = [];
  for (const { language, text } of blocksOf('docs/tutorial/your-first-backend.md')) {
    seen.push(language);
    if (language === 'js') write(text);
    if (language === 'sh') printed = await type(text);
    if (language === 'text') for (const line of text.trimEnd().split('\n')) expect(printed).toContain(line);
  }
  expect(seen).toEqual(['sh', 'text', 'js', 'sh', 'text', 'js', 'js', 'sh', 'text', 'sh', 'text']);
  // Nothing but the limits that it was given.
  expect(printed.match(/^mine: .*$/gm)).toHaveLength(2);
  expect(printed).toMatch(/outside of these rules (\d+) of \1 cases/);
  expect(statSync(join(folder, 'report/index.html')).size).toBeGreaterThan(10_000);
}, 240_000);
