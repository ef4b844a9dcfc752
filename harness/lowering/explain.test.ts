import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { pythonPath, root } from '../../scripts/setup.mjs';
import { caseOf } from '../campaign/plan.ts';
import type { Params } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import { operatorOf, operators } from '../operators/index.ts';
import { explanationJson, explanationSvg, explanationText } from '../report/explanation.ts';
import type { Spec } from '../semantics/semantics.ts';
import { explanationOf, type Picture } from './explain.ts';

const folder = mkdtempSync(join(tmpdir(), 'convdiff-explain-'));
afterAll(() => rmSync(folder, { recursive: true }));

function convdiff(args: readonly string[]): string {
  return execFileSync(process.execPath, [join(root, 'scripts/convdiff.mjs'), ...args], {
    encoding: 'utf8',
    cwd: folder,
  });
}

function callOf(op: string, params: Params, input: number[], weight?: number[]): Call {
  const operator = operatorOf(op as 'pad');
  const spec: Spec = {
    params: { ...operator.defaults, ...params },
    shapes: { input, ...(weight === undefined ? {} : { weight }) },
    dtypes: { input: 'float32', ...(weight === undefined ? {} : { weight: 'float32' as const }) },
  };
  return prepare(caseOf(operator.name, { spec, values: 'lattice', seed: 1, twist: null }));
}

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_, operator) => {
  const calls = fc
    .sample(operator.arbitrary, { seed: 3, numRuns: 200 })
    .map((spec, seed) => prepare(caseOf(operator.name, { spec, values: 'lattice', seed, twist: null })));

  test('sizes are those of the result, by the formula too', () => {
    for (const call of calls) {
      const { sizes, result } = explanationOf(call);
      expect(sizes.map(({ size }) => size)).toEqual(result.slice(result.length - sizes.length));
      for (const { numbers, size } of sizes) {
        const text = numbers
          .replaceAll('−', '-')
          .replaceAll('·', '*')
          .replaceAll('⌊', 'Math.floor(')
          .replaceAll('⌋', ')');
        expect(Function(`return ${text}`)()).toBe(size);
      }
    }
  });

  test('F.pad’s list and tf.pad’s rows say the same', () => {
    for (const call of calls) {
      for (const { torch, tensorflow } of explanationOf(call).pads) {
        for (const { order, widths } of tensorflow) {
          const padded = order.endsWith('C)') ? widths.slice(0, -1) : widths;
          const list = [...padded].reverse().flat();
          expect(list.slice(0, torch.length)).toEqual(torch);
          expect(list.slice(torch.length).every((width) => width === 0)).toBe(true);
        }
      }
    }
  });

  test('text, JSON and SVG of each', () => {
    const documents: string[] = [];
    for (const call of calls) {
      const explanation = explanationOf(call);
      expect(explanationText(explanation)).toContain(explanation.call);
      expect(JSON.parse(explanationJson(explanation))).toMatchObject({ schema: 'convdiff/explanation@1' });
      const svg = explanationSvg(explanation);
      expect(svg === null).toBe(explanation.pictures.length === 0);
      expect(svg ?? '').not.toMatch(/undefined|"NaN|NaN"/);
      if (svg !== null) documents.push(svg);
    }
    if (!operator.name.endsWith('3d')) expect(documents.length).toBeGreaterThan(20);
  });
});

type Row = Picture['rows'][number];

describe('pictures', () => {
  test('a transposed convolution keeps as many elements as its result has', () => {
    for (const spec of fc.sample(operatorOf('conv_transpose1d').arbitrary, { seed: 4, numRuns: 300 })) {
      const call = prepare(caseOf('conv_transpose1d', { spec, values: 'lattice', seed: 1, twist: null }));
      const { pictures, result } = explanationOf(call);
      for (const { rows } of pictures.filter(({ title }) => title.startsWith('Where'))) {
        expect([...rows.at(-1)!.cells].filter((mark) => 'o+'.includes(mark)).length).toBe(result.at(-1));
      }
    }
  });

  test('the last window on the padded input of the other route ends where that does', () => {
    let drawn = 0;
    for (const spec of fc.sample(operatorOf('conv_transpose1d').arbitrary, { seed: 4, numRuns: 300 })) {
      const call = prepare(caseOf('conv_transpose1d', { spec, values: 'lattice', seed: 1, twist: null }));
      const picture = explanationOf(call).pictures.find(({ title }) => title.startsWith('The padded input'));
      if (picture === undefined) continue;
      drawn += 1;
      const [input, first, last] = picture.rows as [Row, Row, Row | undefined];
      const cropped = (/^-*/.exec(input.cells)![0] ?? '').length;
      expect(first.cells.search('k')).toBe(cropped);
      expect((last ?? first).cells.length).toBe(input.cells.replace(/-+$/, '').length);
    }
    expect(drawn).toBeGreaterThan(100);
  });

  test('a convolution over one axis', () => {
    const { pictures } = explanationOf(callOf('conv1d', { stride: 2, padding: 1, dilation: 2 }, [1, 1, 5], [1, 1, 2]));
    expect(pictures[0]!.rows.map(({ cells }) => cells)).toEqual(['·xxxxx·', 'k k', '  k k', '    k k']);
  });

  test('a transposed convolution over two, cropped and appended', () => {
    const params = { stride: [1, 3], padding: [1, 0], output_padding: [0, 2] };
    const { pictures } = explanationOf(callOf('conv_transpose2d', params, [1, 1, 2, 2], [1, 1, 3, 1]));
    expect(pictures[0]!.rows.map(({ cells }) => cells)).toEqual(['------', 'oooo++', 'oooo++', '------']);
  });

  test('a padding that crops', () => {
    const { pictures } = explanationOf(callOf('pad', { pad: [1, -1, -1, 0] }, [2, 3]));
    expect(pictures[0]!.rows.map(({ cells }) => cells)).toEqual(['----', 'vxx-']);
  });
});

test('cuts where tf.pad would have to take negative numbers', () => {
  const text = (params: Params) => explanationText(explanationOf(callOf('pad', params, [1, 2, 9])));
  expect(text({ pad: [-5, -3] })).toContain('    x[:, :, 5:-3]\n');
  expect(text({ pad: [-1, 2, 1, -1] })).toContain('    tf.pad(x[:, :-1, 1:], [[0, 0], [1, 0], [0, 2]])\n');
});

test('says where output_padding goes', () => {
  const says = (params: Params) =>
    explanationOf(callOf('conv_transpose1d', params, [1, 1, 4], [1, 1, 5])).says.join('\n');
  expect(says({ stride: 3, padding: 2, output_padding: 1 })).toContain('of the 2 that padding crops there it keeps 1');
  expect(says({ stride: 3, padding: 1, output_padding: 2 })).toContain(
    'keeps the 1 that padding crops there, and appends 1 zero',
  );
});

test('says where the end is not read, and that SAME is something else', () => {
  const says = (params: Params) => explanationOf(callOf('conv1d', params, [1, 1, 8], [1, 1, 3])).says.join('\n');
  expect(says({ stride: 2 })).toContain('the windows end 1 before');
  expect(says({ stride: 2, padding: 1 })).toContain('SAME');
  expect(says({ padding: 'same' })).not.toContain('SAME');
});

test('shows a padding’s own values where they are inline', () => {
  const path = join(folder, 'pad.json');
  const data = { kind: 'inline', values: [5, 6, 7] };
  const input = { dtype: 'float32', shape: [1, 3], data };
  writeFileSync(
    path,
    JSON.stringify({
      schema: 'convdiff/case@1',
      op: 'pad',
      params: { pad: [2, 0], mode: 'reflect' },
      inputs: { input },
    }),
  );
  expect(convdiff(['explain', path])).toContain('→ [[7, 6, 5, 6, 7]]');
});

test('writes a drawing that is well-formed', () => {
  convdiff([
    'explain',
    'conv2d',
    '--input',
    '1,1,4,5',
    '--weight',
    '1,1,2,2',
    '--padding',
    '1',
    '--svg',
    'drawing.svg',
  ]);
  const svg = readFileSync(join(folder, 'drawing.svg'), 'utf8');
  const tags = [...svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)];
  const open: string[] = [];
  for (const [, closes, tag, empty] of tags) {
    if (closes) expect(open.pop()).toBe(tag);
    else if (!empty) open.push(tag!);
  }
  expect(open).toEqual([]);
  expect(svg.match(/<rect/g)!.length).toBe(6 * 7 + 1);
});

describe('the page on it', () => {
  const page = readFileSync(join(root, 'docs/how-to/explain.md'), 'utf8');
  const shown = [...page.matchAll(/^```sh\nnpm run -s convdiff -- (.*?)\n```\n\n```\w+\n(.*?)^```$/gms)];

  test('has examples', () => expect(shown.length).toBe(3));

  test.each(shown.map(([, command, output]) => [command!, output!]))('%s', (command, output) => {
    expect(convdiff(command.split(' '))).toBe(output);
  });
});

test('the lines for F.pad and tf.pad do the same, when they are run', async () => {
  const specs = fc.sample(operatorOf('pad').arbitrary, { seed: 6, numRuns: 300 });
  const lines = specs
    .map((spec) => prepare(caseOf('pad', { spec, values: 'lattice', seed: 1, twist: null })))
    .filter((call) => !call.strictOnly && call.spec.dtypes.input === 'float32' && call.spec.params.value !== '-0')
    .map((call) => ({ shape: call.spec.shapes.input, text: explanationText(explanationOf(call)) }))
    .map(({ shape, text }) => ({
      shape,
      lines: [...text.matchAll(/^ {4}((?:F\.pad|tf\.pad|x\[|x$).*)$/gm)].map(([, line]) => line),
    }))
    .filter(({ lines: both }) => both.length === 2);
  expect(lines.length).toBeGreaterThan(100);
  const script = [
    'import json, sys',
    'import numpy as np, tensorflow as tf, torch, torch.nn.functional as F',
    'for one in json.load(sys.stdin):',
    '    a = np.arange(1, 1 + np.prod(one["shape"], dtype=int), dtype=np.float32).reshape(one["shape"])',
    '    x = torch.from_numpy(a); left = eval(one["lines"][0]).numpy()',
    '    x = tf.constant(a); right = np.array(eval(one["lines"][1]))',
    '    print(np.array_equal(left, right, equal_nan=True))',
  ].join('\n');
  const env = { TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' };
  const { stdout } = await execa(pythonPath(), ['-c', script], { input: JSON.stringify(lines), env });
  const results = stdout.split('\n');
  expect(lines.map((one, i) => ({ ...one, same: results[i] }))).toEqual(lines.map((one) => ({ ...one, same: 'True' })));
}, 60_000);

test('pads of an input without its batch axis have none for it', () => {
  const call = callOf('conv2d', { padding: [1, 2] }, [2, 5, 6], [4, 2, 2, 3]);
  expect(explanationOf(call).pads[0]!.tensorflow).toEqual([
    {
      order: '(C, H, W)',
      widths: [
        [0, 0],
        [1, 1],
        [2, 2],
      ],
    },
    {
      order: '(H, W, C)',
      widths: [
        [1, 1],
        [2, 2],
        [0, 0],
      ],
    },
  ]);
});
