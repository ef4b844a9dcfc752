import { inputNames } from '../core/case.ts';
import { toJsonNumber } from '../core/json.ts';
import { elementCount, flatIndex, type Tensor } from '../core/tensor.ts';
import { nativeCallOf } from '../lowering/native.ts';
import { printedFunction } from '../lowering/print.ts';
import { camelCase, list, number } from '../lowering/tfjsSource.ts';
import { type Call, normalSpec } from '../operators/call.ts';
import { callWords, nested, operandNames } from '../report/words.ts';
import {
  type Finding,
  gotOf,
  isShort,
  type Program,
  type RuntimeName,
  titleOf,
  wantedOf,
  wrapped,
  wrongWord,
} from './finding.ts';
import { type Written, writtenNative } from './nativeSource.ts';

/*
 * Findings as TypeScript with TensorFlow.js and nothing else; what PyTorch gives is written in. The text is JavaScript as well: no
 * types need to be said.
 */

interface Runtime {
  packages: readonly string[];
  imports: string;
  /** As tf.setBackend knows it. */
  name: string;
  /** What goes before the command that runs it. */
  env: string;
}

const runtimes: Record<RuntimeName, Runtime> = {
  cpu: withCore('cpu'),
  wasm: withCore('wasm'),
  node: {
    packages: ['@tensorflow/tfjs-node'],
    imports: "import * as tf from '@tensorflow/tfjs-node';",
    name: 'tensorflow',
    env: 'TF_ENABLE_ONEDNN_OPTS=0 ',
  },
};

function withCore(name: string): Runtime {
  const packages = ['@tensorflow/tfjs-core', `@tensorflow/tfjs-backend-${name}`];
  return { packages, imports: `import * as tf from '${packages[0]}';\nimport '${packages[1]}';`, name, env: '' };
}

/** The release of TensorFlow.js that a program is written for where the finding's backend is none of its runtimes. */
const release = '4.22.0';

/** The programs that may show a finding, the best first. */
export function typescriptPrograms(finding: Finding): Program[] {
  const { runtime } = finding.backend;
  // What the lowering does for a gradient is no printed function.
  const isPrinted = runtime !== null && finding.call.operator.gradient === null;
  const ways = !isPrinted ? [] : [nativeWay(finding), ...loweredWays(finding)];
  const live = ways.filter((way) => way !== null).map((way) => liveProgram(finding, runtimes[runtime!], way));
  return [...live, recordedProgram(finding)];
}

/** How calls are written down. Null: a call that never got as far as tfjs. */
type Way = (call: Call, name: string) => (Written & { functions: string }) | null;

function nativeWay({ backend }: Finding): Way | null {
  if (!backend.name.endsWith('-native')) return null;
  return (call) => {
    if (call.refusal !== null) return null;
    const native = nativeCallOf(call.operator, normalSpec(call));
    return typeof native === 'string' ? null : { ...writtenNative(native, call), functions: '' };
  };
}

/** Printed functions, by each route that a call has. */
function loweredWays({ call, backend }: Finding): Way[] {
  if (backend.name.endsWith('-native')) return [];
  const routes = call.operator.family === 'transposed convolution' ? (['pad', 'crop'] as const) : (['crop'] as const);
  const dilated = (call.normalised?.dilation as number[] | undefined)?.some((dilation) => dilation > 1) ?? false;
  return routes
    .filter((route) => route === 'pad' || !dilated)
    .map((route) => (one, name) => (one.strictOnly ? null : writtenLowered(one, name, route)));
}

function writtenLowered(call: Call, name: string, route?: 'pad' | 'crop'): Written & { functions: string } {
  const operands = inputNames
    .filter((input) => call.tensors[input] !== undefined)
    .map((input) => ({ name: operandNames[input] as 'x', tensor: call.tensors[input]!, axes: '' }));
  return {
    functions: printedFunction(call, 'tfjs', { name, ...(route === undefined ? {} : { route }) }),
    operands,
    expression: `${camelCase(name)}(${operands.map((operand) => operand.name).join(', ')})`,
    arranged: (result) => result,
  };
}

/** A tensor's elements as a list, short where they are all the same. */
function valuesText({ data }: Tensor, indent: string): string {
  if (data.length > 8 && data.every((value) => Object.is(value, data[0])))
    return `Array(${data.length}).fill(${number(data[0]!)})`;
  return `[${wrapped(Array.from(data, number), indent)}]`;
}

function tensorText(tensor: Tensor, indent: string): string {
  const { shape, dtype, data } = tensor;
  const suffix = dtype === 'float32' ? '' : `, '${dtype}'`;
  if (shape.length === 0) return `tf.scalar(${number(data[0]!)}${suffix})`;
  const maker = shape.length <= 6 ? `tf.tensor${shape.length}d` : 'tf.tensor';
  // The length says the shape of one with one axis.
  return `${maker}(${valuesText(tensor, indent)}${shape.length === 1 ? '' : `, ${list(shape)}`}${suffix})`;
}

function nestedText({ data, shape }: Tensor): string {
  return nested(Array.from(data, toJsonNumber), shape);
}

function operandLines({ operands }: Written): string[] {
  return operands.map(({ name, tensor, axes }) => {
    const comment = axes === '' ? '' : ` // ${axes}`;
    return `const ${name} = ${tensorText(tensor, '  ')};${comment}`;
  });
}

/** A block for each call that has to run first. */
function beforeLines(before: readonly Written[]): string[] {
  if (before.length === 0) return [];
  return [
    '// Without this, in the same process, nothing is wrong.',
    ...before.flatMap((one) => ['{', ...indented([...operandLines(one), `${one.expression}.dataSync();`]), '}']),
    '',
  ];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line.replaceAll('\n', '\n  ')}`));
}

function header(finding: Finding, runtime: Runtime, about: readonly string[]): string[] {
  const { call, torch, backend } = finding;
  const version = backend.runtime === null ? release : backend.version;
  return [
    titleOf(finding),
    '',
    `  npm install ${runtime.packages.map((name) => `${name}@${version}`).join(' ')}`,
    `  ${runtime.env}npx tsx repro.ts`,
    '',
    `In PyTorch ${torch.replace(/\+.*/, '')}: ${callWords(call.case)}`,
    ...about,
  ].map((line) => `// ${line}`.trimEnd());
}

/** A program around the statements of its one function. `functions` lack types. */
function programText(head: readonly string[], runtime: Runtime, functions: string, body: readonly string[]): string {
  return [
    ...(functions === '' ? [] : ['// @ts-nocheck']),
    ...head,
    runtime.imports,
    '',
    ...(functions === '' ? [] : [functions]),
    'async function main() {',
    ...indented([`await tf.setBackend('${runtime.name}');`, ...body]),
    '}',
    '',
    'main();',
    '',
  ].join('\n');
}

/** Runs the call on the runtime that is wrong. */
function liveProgram(finding: Finding, runtime: Runtime, way: Way): Program {
  const written = way(finding.call, finding.call.operator.name);
  if (written === null) return recordedProgram(finding);
  const before = finding.before
    .map((call, i) => way(call, `${call.operator.name}_before_${i + 1}`))
    .filter((one) => one !== null);
  const functions = [...before, written]
    .map((one) => one.functions)
    .filter((text) => text !== '')
    .join('\n');
  const { lines, ...ends } = verdictLines(finding, written);
  const call = [...operandLines(written), `const y = ${written.expression};`, ...lines];
  const body = finding.unstable ? ['for (let run = 1; run <= 10; run++) {', ...indented(call), '}'] : call;
  const head = header(finding, runtime, []);
  return { text: programText(head, runtime, functions, [...beforeLines(before), ...body]), ...ends };
}

/** What is said of `y`, and how the program ends where it shows the failure. */
function verdictLines(finding: Finding, written: Written): Omit<Program, 'text'> & { lines: string[] } {
  const { mismatch, call, got } = finding;
  const wanted = wantedOf(finding);
  switch (mismatch.kind) {
    case 'crash':
      return { lines: ['y.print();'], ends: 'with an error', says: '' };
    case 'timeout':
      return { lines: ['y.print();'], ends: 'never', says: '' };
    case 'acceptance': {
      const reason = got.kind === 'rejected' ? got.reason : '';
      const lines = [
        `// It throws before this, and should give the shape ${list(wanted?.shape ?? [])}.`,
        "console.log('no longer refused:', y.shape);",
      ];
      return { lines, ends: 'with an error', says: reason.slice(0, 40) };
    }
    case 'value': {
      const { culprit } = mismatch;
      const at = placeOf(written, culprit!.index, wanted!);
      const shown = isShort(wanted) ? [`// PyTorch gives ${nestedText(written.arranged(wanted))}.`] : [];
      return {
        lines: [
          'y.print();',
          ...shown,
          `const [want, got] = [${number(culprit!.want)}, y.dataSync()[${at}]];`,
          ...judgement(finding, `element ${at}`),
        ],
        ends: 'with 1',
        says: wrongWord,
      };
    }
    default: {
      const property = mismatch.kind === 'dtype' ? 'dtype' : 'shape';
      const want = property === 'dtype' ? `'${call.spec.dtypes.input}'` : `'${written.arranged(wanted!).shape}'`;
      const lines = [
        `const [want, got] = [${want}, String(y.${property})];`,
        'const right = want === got;',
        ...ending(property),
      ];
      return { lines, ends: 'with 1', says: wrongWord };
    }
  }
}

/** Where an element of PyTorch's result lies in that of a call as it is written down. */
function placeOf(written: Written, index: readonly number[], result: Tensor): number {
  const positions = Float64Array.from({ length: elementCount(result.shape) }, (_, i) => i);
  const arranged = written.arranged({ dtype: 'float64', shape: result.shape, data: positions });
  return arranged.data.indexOf(flatIndex(index, result.shape));
}

/** Whether `got` is within what rounding explains of `want`. */
function judgement({ call, mismatch }: Finding, what: string): string[] {
  const near = call.operator.rounding === null ? '' : ` || Math.abs(got - want) <= ${mismatch.culprit!.allowed}`;
  return [`const right = Object.is(got, want)${near};`, ...ending(what)];
}

function ending(what: string): string[] {
  return [
    `console.log(\`${what}: wanted \${want}, got \${got}: \${right ? 'right' : '${wrongWord}'}\`);`,
    'if (!right) process.exitCode = 1;',
  ];
}

/** What another backend gave, beside what PyTorch gives; where tfjs can, it computes the result as a second opinion. */
function recordedProgram(finding: Finding): Program {
  const { call, backend, mismatch } = finding;
  const who = `${backend.name} ${backend.version}`;
  const [wanted, got] = [wantedOf(finding), gotOf(finding)];
  const isPrinted = !call.strictOnly && call.spec.dtypes.input !== 'float64' && call.operator.gradient === null;
  const written = !isPrinted ? null : writtenLowered(call, call.operator.name);
  const compute =
    written === null
      ? []
      : [
          ...operandLines(written),
          `const y = ${written.expression};`,
          "console.log('TensorFlow.js gives', y.shape);",
          'y.print();',
        ];
  const shown = [
    ...(isShort(wanted) ? [`// PyTorch gives ${nestedText(wanted)}.`] : []),
    ...(isShort(got) ? [`// ${backend.name} gave ${nestedText(got)}.`] : []),
  ];
  const { culprit, reason } = mismatch;
  const end =
    culprit === null
      ? [`console.log(${JSON.stringify(`${who}: ${reason}: ${wrongWord}`)});`, 'process.exitCode = 1;']
      : [
          `const [want, got] = [${number(culprit.want)}, ${number(culprit.got)}];`,
          ...judgement(finding, `at ${list(culprit.index)}`),
        ];
  const head = header(finding, runtimes.cpu, [`What ${who} gave is written in: it is not run here.`]);
  return {
    text: programText(head, runtimes.cpu, written?.functions ?? '', [...compute, ...shown, ...end]),
    ends: 'with 1',
    says: wrongWord,
  };
}
