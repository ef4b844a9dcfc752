import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtInOf } from '../backends/index.ts';
import { extraPackage, type OnnxRuntime } from '../backends/onnxruntime.ts';
import { caseOf } from '../campaign/plan.ts';
import { type Call, prepare } from '../operators/call.ts';
import { operators } from '../operators/index.ts';
import { frameworkOf } from './frameworks.ts';
import { onnxStatements } from './onnxSource.ts';
import { pythonPrograms } from './python.ts';
import { environmentOf, nothingWrong, runAtOnce } from './testing.ts';

/*
 * Calls of frameworks as they are written down are the calls that they stand for: run, they give what is right, but where the framework
 * is known not to.
 */

/** So many calls of each operator, on whole numbers. */
const each = 14;

const calls = operators
  .filter(({ gradient }) => gradient === null)
  .flatMap((operator) =>
    fc
      .sample(operator.arbitrary, { seed: 7, numRuns: 4 * each })
      .filter((spec) => operator.undefinedBecause(spec) === null && spec.dtypes.input !== 'float64')
      .map((spec, seed) => prepare(caseOf(operator.name, { spec, values: 'lattice', seed, twist: null })))
      .filter((call) => !call.strictOnly && call.refusal === null && !call.operator.outputShape(call.spec).includes(0))
      .filter(({ spec }) => spec.shapes.input.every((size) => size > 0))
      .slice(0, each),
  );

/** What is in reports/known-issues/, in the words of the calls that meet it; the rest must be right. */
const known: Readonly<Record<string, (call: Call) => boolean>> = {
  tensorflow: losesSign,
  'tensorflow-onednn': (call) => losesSign(call) || isSingleColumn(call),
  jax: () => false,
  openvino: isOfOpenvino,
  'openvino-native': (call) => isOfOpenvino(call) || call.operator.name === 'pad',
  'torch-float32': () => false,
  'torch-float32-onednn': () => false,
};

function losesSign({ spec }: Call): boolean {
  return Object.is(Number(spec.params.value), -0);
}

function isSingleColumn(call: Call): boolean {
  return builtInOf('openvino').features!(call).includes('single column');
}

function isOfOpenvino(call: Call): boolean {
  const features = call.operator.features(call.spec);
  return (
    losesSign(call) ||
    isSingleColumn(call) ||
    call.spec.dtypes.input === 'int32' ||
    features.includes('padding > reach')
  );
}

describe.each(Object.keys(known))('%s', (name) => {
  test('its calls in Python give what is right', async () => {
    const backend = { name, version: '1', builtIn: name };
    const own = calls.filter((call) => !known[name]!(call));
    const programs = own
      .map((call) => pythonPrograms(nothingWrong(call, backend)))
      .filter(({ length }) => length === 2);
    // Modes that a framework has not are told only.
    expect(programs.length).toBeGreaterThan(0.75 * own.length);
    const texts = programs.map(([live]) => live!.text);
    expect(new Set(texts.map(environmentOf)).size).toBe(1);
    const ends = await runAtOnce(texts);
    const wrong = ends.flatMap(({ code, all }, i) => (code === 0 ? [] : [{ text: texts[i], all }]));
    expect(wrong).toEqual([]);
    expect(ends.every(({ all }) => all.includes(': right'))).toBe(true);
  });
});

test('no backend is a framework by chance', () => {
  expect(frameworkOf('reference')).toBe(null);
  expect(frameworkOf('toString')).toBe(null);
});

describe('ONNX Runtime', () => {
  const { InferenceSession, Tensor } = extraPackage('onnxruntime-node') as OnnxRuntime;
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;

  test('its calls give what is right', async () => {
    let compared = 0;
    for (const call of calls) {
      const features = call.operator.features(call.spec);
      // What it refuses or has not; see reports/known-issues/.
      if (features.includes('crop') || features.includes('output_padding ≥ stride')) continue;
      if (call.operator.name === 'pad' && call.spec.shapes.input.length === 0) continue;
      const text = [...onnxStatements(call), 'return y;'].join('\n');
      const run = new AsyncFunction('InferenceSession', 'Tensor', text);
      const { dims, data } = await run(InferenceSession, Tensor);
      const { output } = nothingWrong(call, { name: '', version: '', builtIn: null }).want as {
        output: { shape: number[]; data: Float32Array };
      };
      const shape = call.addsBatch ? [1, ...output.shape] : output.shape;
      expect({ text, shape: [...dims], data: [...data] }).toEqual({ text, shape, data: [...output.data] });
      compared += 1;
    }
    expect(compared).toBeGreaterThan(0.7 * calls.length);
  });
});
