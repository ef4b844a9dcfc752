import { inputNames } from '../core/case.ts';
import { toJsonNumber } from '../core/json.ts';
import { elementCount, flatIndex, type Tensor } from '../core/tensor.ts';
import { nativeCallOf } from '../lowering/native.ts';
import { printedFunction } from '../lowering/print.ts';
import { camelCase, list, number } from '../lowering/tfjsSource.ts';
import { type Call, normalSpec } from '../operators/call.ts';
import { callWords, nested, operandNames } from '../report/words.ts';
import { releaseOf } from '../store/knownIssues.ts';
import { type Finding, gotOf, isShort, type Program, titleOf, wantedOf, wrapped, wrongWord } from './finding.ts';
import { type Written, writtenNative } from './nativeSource.ts';
import { onnxStatements } from './onnxSource.ts';
import { indented, type Runtime, type RuntimeName, runtimeOf, runtimes } from './runtimes.ts';

/*
 * Findings as TypeScript with nothing but the library at fault, or with TensorFlow.js as a second opinion; what PyTorch gives is
 * written in. The text is JavaScript as well: no types need to be said.
 */

/** The release of TensorFlow.js that a program is written for where the finding's backend is none of its runtimes. */
const release = '4.22.0';

/** The programs that may show a finding, the best first. */
export function typescriptPrograms(finding: Finding): Program[] {
  const runtime = runtimeOf(finding.backend.builtIn);
  // What is done for a gradient is no printed function, and no node.
  if (runtime === null || finding.call.operator.gradient !== null) return [recordedProgram(finding)];
  const live = waysOf(finding, runtime).map((way) => liveProgram(finding, runtimes[runtime], way));
  return [...live, recordedProgram(finding)];
}

/** A call as it is written down. */
interface WrittenCall {
  /** Declarations that the statements need. */
  functions: string;
  /** What leaves the result in `y`. */
  statements: string[];
  /** PyTorch's result, with its axes in the order in which `y` has them. */
  arranged(result: Tensor): Tensor;
}

/** How calls are written down. Null: a call that never got as far as the library. */
type Way = (call: Call, name: string) => WrittenCall | null;

function waysOf(finding: Finding, runtime: RuntimeName): Way[] {
  if (runtime.startsWith('onnxruntime')) return [onnxWay];
  return finding.backend.builtIn?.endsWith('-native') ? [nativeWay] : loweredWays(finding);
}

function onnxWay(call: Call): WrittenCall | null {
  if (call.refusal !== null) return null;
  const arranged = (result: Tensor) => (call.addsBatch ? { ...result, shape: [1, ...result.shape] } : result);
  return { functions: '', statements: onnxStatements(call), arranged };
}

function nativeWay(call: Call): WrittenCall | null {
  if (call.refusal !== null) return null;
  const native = nativeCallOf(call.operator, normalSpec(call));
  return typeof native === 'string' ? null : tfjsCall(writtenNative(native, call), '');
}

function tfjsCall({ operands, expression, arranged }: Written, functions: string): WrittenCall {
  return { functions, statements: [...operandLines(operands), `const y = ${expression};`], arranged };
}

/** Printed functions, by each route that a call has. */
function loweredWays({ call }: Finding): Way[] {
  const routes = call.operator.family === 'transposed convolution' ? (['pad', 'crop'] as const) : (['crop'] as const);
  const dilated = (call.normalised?.dilation as number[] | undefined)?.some((dilation) => dilation > 1) ?? false;
  return routes
    .filter((route) => route === 'pad' || !dilated)
    .map((route) => (one, name) => (one.strictOnly ? null : writtenLowered(one, name, route)));
}

function writtenLowered(call: Call, name: string, route?: 'pad' | 'crop'): WrittenCall {
  const operands = inputNames
    .filter((input) => call.tensors[input] !== undefined)
    .map((input) => ({ name: operandNames[input] as 'x', tensor: call.tensors[input]!, axes: '' }));
  const expression = `${camelCase(name)}(${operands.map((operand) => operand.name).join(', ')})`;
  const functions = printedFunction(call, 'tfjs', { name, ...(route === undefined ? {} : { route }) });
  return tfjsCall({ operands, expression, arranged: (result) => result }, functions);
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

function operandLines(operands: Written['operands']): string[] {
  return operands.map(({ name, tensor, axes }) => {
    const comment = axes === '' ? '' : ` // ${axes}`;
    return `const ${name} = ${tensorText(tensor, '  ')};${comment}`;
  });
}

/** A block for each call that has to run first. */
function beforeLines(before: readonly WrittenCall[], { y }: Runtime): string[] {
  if (before.length === 0) return [];
  return [
    '// Without this, in the same process, nothing is wrong.',
    ...before.flatMap(({ statements }) => ['{', ...indented([...statements, `${y.elements};`]), '}']),
    '',
  ];
}

function header(finding: Finding, { packages, env }: Runtime, version: string, about: readonly string[]): string[] {
  const { call, torch } = finding;
  return [
    titleOf(finding),
    '',
    `  npm install ${packages(version).join(' ')}`,
    `  ${env}npx tsx repro.ts`,
    '',
    `In PyTorch ${torch.replace(/\+.*/, '')}: ${callWords(call.case)}`,
    ...about,
  ].map((line) => `// ${line}`.trimEnd());
}

/** A program around functions and the statements that call them. */
function programText(head: readonly string[], runtime: Runtime, functions: string, body: readonly string[]): string {
  // A printed function has no types, and a page's `tf` is nowhere declared.
  const isTyped = runtime.isTyped && functions === '';
  const frame = runtime.frame(functions, [...runtime.setUp, ...body]);
  return [...(isTyped ? [] : ['// @ts-nocheck']), ...head, ...frame].join('\n');
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
  const { lines, ...ends } = verdictLines(finding, written, runtime);
  const call = [...written.statements, ...lines];
  const body = finding.unstable ? ['for (let run = 1; run <= 10; run++) {', ...indented(call), '}'] : call;
  const head = header(finding, runtime, releaseOf(finding.backend.version), []);
  return { text: programText(head, runtime, functions, [...beforeLines(before, runtime), ...body]), ...ends };
}

/** What is said of `y`, and how the program ends where it shows the failure. */
function verdictLines(
  finding: Finding,
  written: WrittenCall,
  { y }: Runtime,
): Omit<Program, 'text'> & { lines: string[] } {
  const { mismatch, call, got } = finding;
  const wanted = wantedOf(finding);
  switch (mismatch.kind) {
    case 'crash':
      return { lines: [y.print], ends: 'with an error', says: '' };
    case 'timeout':
      return { lines: [y.print], ends: 'never', says: '' };
    case 'acceptance': {
      const reason = got.kind === 'rejected' ? got.reason : '';
      const lines = [
        `// It throws before this, and should give the shape ${list(wanted?.shape ?? [])}.`,
        `console.log('no longer refused:', ${y.shape});`,
      ];
      return { lines, ends: 'with an error', says: reason.slice(0, 40) };
    }
    case 'value': {
      const { culprit } = mismatch;
      const at = placeOf(written, culprit!.index, wanted!);
      const shown = isShort(wanted) ? [`// PyTorch gives ${nestedText(written.arranged(wanted))}.`] : [];
      return {
        lines: [
          y.print,
          ...shown,
          `const [want, got] = [${number(culprit!.want)}, ${y.elements}[${at}]];`,
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
        `const [want, got] = [${want}, String(${y[property]})];`,
        'const right = want === got;',
        ...ending(property),
      ];
      return { lines, ends: 'with 1', says: wrongWord };
    }
  }
}

/** Where an element of PyTorch's result lies in that of a call as it is written down. */
function placeOf(written: WrittenCall, index: readonly number[], result: Tensor): number {
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
    written === null ? [] : [...written.statements, "console.log('TensorFlow.js gives', y.shape);", 'y.print();'];
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
  const version = backend.builtIn?.startsWith('tfjs-') ? releaseOf(backend.version) : release;
  const head = header(finding, runtimes.cpu, version, [`What ${who} gave is written in: it is not run here.`]);
  return {
    text: programText(head, runtimes.cpu, written?.functions ?? '', [...compute, ...shown, ...end]),
    ends: 'with 1',
    says: wrongWord,
  };
}
