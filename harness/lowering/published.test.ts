import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pythonPath, root } from '../../scripts/setup.mjs';

/* What is published of the lowering, in a project that has nothing but it and tfjs: no other package, no Python, no addon. */

const project = mkdtempSync(join(tmpdir(), 'convdiff-published-'));
afterAll(() => rmSync(project, { recursive: true }));

const page = readFileSync(join(root, 'docs/how-to/port-a-layer.md'), 'utf8');

function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(page)![1]!;
}

/** A package of ours and all that it depends on, without what is not in `@tensorflow`'s own tree. */
function link(name: string, linked = new Set<string>()): void {
  if (linked.has(name)) return;
  linked.add(name);
  const source = join(root, 'node_modules', name);
  const target = join(project, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) link(dependency, linked);
}

beforeAll(async () => {
  const { stdout } = await execa('npm', ['pack', '--json', '--pack-destination', project], { cwd: root });
  const [{ filename }] = JSON.parse(stdout);
  const home = join(project, 'node_modules', 'convdiff');
  mkdirSync(home, { recursive: true });
  await execa('tar', ['-xzf', join(project, filename), '--strip-components=1', '-C', home]);
  link('@tensorflow/tfjs-core');
  link('@tensorflow/tfjs-backend-cpu');
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', type: 'module' }));
});

describe('the page on porting a layer', () => {
  const expected = block('text').trim();

  test('prints what it says in PyTorch', async () => {
    const { stdout } = await execa(pythonPath(), ['-c', block('python')]);
    expect(stdout).toBe(expected);
  });

  test('prints what it says in an empty project with TensorFlow.js', async () => {
    writeFileSync(join(project, 'page.js'), block('js'));
    const { stdout } = await execa(process.execPath, ['page.js'], { cwd: project });
    expect(stdout.split('\n').at(-1)).toBe(expected);
  });
});

test('has types, which know the options', async () => {
  const lines = (padding: string) => [
    "import * as tf from '@tensorflow/tfjs-core';",
    "import { conv2d, convTranspose1d, type Layout, pad } from 'convdiff/tfjs';",
    "const layout: Layout = 'NHWC';",
    'const x: tf.Tensor4D = tf.zeros([1, 2, 5, 5]);',
    `const y: tf.Tensor4D = conv2d(x, tf.zeros([3, 2, 3, 3]), null, { padding: ${padding}, layout });`,
    "export const all = [y, pad(x, [1, 1], 'reflect'), convTranspose1d(tf.zeros([1, 2, 3]), tf.zeros([2, 2, 3]))];",
  ];
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const compile = async (padding: string) => {
    writeFileSync(join(project, 'types.ts'), lines(padding).join('\n'));
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck', '--types', '', 'types.ts'];
    return execa(process.execPath, [tsc, ...options], { cwd: project, reject: false });
  };
  expect((await compile("'same'")).stdout).toBe('');
  expect((await compile("'SAME'")).stdout).toContain(`Type '"SAME"' is not assignable`);
});
