import { inputNames } from '../core/case.ts';
import type { Tensor } from '../core/tensor.ts';
import { number, tuple } from '../lowering/tensorflowSource.ts';
import { callText, operandNames } from '../report/words.ts';
import { type Finding, gotOf, isShort, type Program, titleOf, wantedOf, wrapped, wrongWord } from './finding.ts';
import { type Framework, frameworkOf, pythonValue } from './frameworks.ts';

/*
 * Findings as Python: PyTorch is run, and beside it the framework at fault where it has Python; else what the backend gave is written
 * in as a NumPy array.
 */

function valuesText({ data }: Tensor): string {
  return `[${wrapped(Array.from(data, number), '')}]`;
}

function arrayText(tensor: Tensor): string {
  const { shape, dtype, data } = tensor;
  if (data.length > 8 && data.every((value) => Object.is(value, data[0]))) {
    return `np.full(${tuple(shape)}, ${number(data[0]!)}, np.${dtype})`;
  }
  const reshape = shape.length === 1 ? '' : `.reshape(${tuple(shape)})`;
  return `np.array(${valuesText(tensor)}, np.${dtype})${reshape}`;
}

/** The call of PyTorch as the oracle makes it: floating tensors in float64, where they all have one dtype. */
function torchCall({ call }: Finding): string {
  const dtypes = new Set(Object.values(call.spec.dtypes));
  const asGiven = call.operator.family === 'padding' || dtypes.size > 1;
  const operand = (name: string) => `torch.from_numpy(${name})${asGiven ? '' : '.double()'}`;
  const { gradient } = call.operator;
  if (gradient === null) return callText(call.case, operand, pythonValue);
  const by = operandNames[gradient.by];
  const differentiated = callText(call.case, (name) => (name === by ? 't' : operand(name)), pythonValue);
  return `torch.autograd.functional.vjp(lambda t: ${differentiated}, ${operand(by)}, ${operand(operandNames.grad_output)})[1]`;
}

/** The programs that may show a finding, the best first. */
export function pythonPrograms(finding: Finding): Program[] {
  const live = frameworkProgram(finding);
  return [...(live === null ? [] : [live]), recordedProgram(finding)];
}

function head(finding: Finding, packages: readonly string[], about: readonly string[]): string[] {
  const torch = `torch==${finding.torch.replace(/\+.*/, '')}`;
  const lines = [titleOf(finding), '', `  pip install ${[torch, ...packages].join(' ')}`, '  python repro.py'];
  return [...lines, ...(about.length === 0 ? [] : ['', ...about])].map((line) => `# ${line}`.trimEnd());
}

function operandLines({ call }: Finding): string[] {
  return inputNames
    .filter((name) => call.tensors[name] !== undefined)
    .map((name) => `${operandNames[name]} = ${arrayText(call.tensors[name]!)}`);
}

/** PyTorch, and what the backend gave, whatever it is. */
function recordedProgram(finding: Finding): Program {
  const { call, backend } = finding;
  const who = `${backend.name} ${backend.version}`;
  const lines = [
    ...head(finding, ['numpy'], [`What ${who} gave is written in: it is not run here.`]),
    'import numpy as np',
    'import torch',
    'import torch.nn.functional as F',
    '',
    ...operandLines(finding),
    '',
    ...(call.refusal === null ? comparison(finding, who) : refusal(finding, who)),
    '',
  ];
  return { text: lines.join('\n'), ends: 'with 1', says: wrongWord };
}

/** PyTorch against the framework that a backend calls; null where the backend calls none, or it can't be said. */
function frameworkProgram(finding: Finding): Program | null {
  const { call, backend } = finding;
  const framework = frameworkOf(backend.builtIn);
  if (framework === null || finding.before.length > 0 || finding.unstable) return null;
  if ((call.refusal !== null && !framework.isLax) || call.operator.gradient !== null) return null;
  const statements = framework.statements(call);
  const end = endOf(finding, framework);
  if (statements === null || end === null) return null;
  const { title, env } = framework;
  const lines = [
    ...head(finding, ['numpy', ...framework.packages(backend.version)], [framework.about]),
    ...(Object.keys(env).length === 0 ? [] : ['import os', '']),
    ...Object.entries(env).map(([key, value]) => `os.environ["${key}"] = "${value}"`),
    'import numpy as np',
    'import torch',
    'import torch.nn.functional as F',
    ...framework.imports,
    '',
    ...operandLines(finding),
    '',
    ...(call.refusal === null ? expectation(finding) : refused(finding)),
    ...(end.comment === null ? [] : [`# ${title} ${end.comment} here.`]),
    ...statements,
    `print("${title} gives", ${isShort(gotOf(finding)) ? 'given, sep="\\n"' : 'given.shape'})`,
    ...end.lines,
    '',
  ];
  return { text: lines.join('\n'), ends: end.ends, says: end.says };
}

/** What follows a framework's call, and how the program ends where it shows the failure. */
function endOf(
  finding: Finding,
  framework: Framework,
): (Omit<Program, 'text'> & { comment: string | null; lines: string[] }) | null {
  const { mismatch, got } = finding;
  switch (mismatch.kind) {
    case 'value':
      return { lines: judgement(finding, true), comment: null, ends: 'with 1', says: wrongWord };
    case 'shape':
      return { lines: shapeJudgement('given.shape'), comment: null, ends: 'with 1', says: wrongWord };
    case 'acceptance': {
      if (finding.call.refusal !== null) {
        const lines = [`raise SystemExit("${framework.title} takes it: ${wrongWord}")`];
        return { lines, comment: null, ends: 'with 1', says: wrongWord };
      }
      const says = got.kind === 'rejected' ? framework.exception(got.reason) : '';
      return { lines: [], comment: 'raises an exception', ends: 'with an error', says };
    }
    case 'crash':
      return { lines: [], comment: 'ends the process', ends: 'with an error', says: '' };
    case 'timeout':
      return { lines: [], comment: 'comes to no end', ends: 'never', says: '' };
    default:
      return null;
  }
}

function shapeJudgement(got: string): string[] {
  return [
    `want, got = expected.shape, ${got}`,
    `print(f"shape: wanted {want}, got {got}:", "right" if want == got else "${wrongWord}")`,
    'raise SystemExit(0 if want == got else 1)',
  ];
}

/** What PyTorch gives, in `expected`. */
function expectation(finding: Finding): string[] {
  return [
    `expected = ${torchCall(finding)}.numpy()`,
    `print("PyTorch gives", ${isShort(wantedOf(finding)) ? 'expected, sep="\\n"' : 'expected.shape'})`,
  ];
}

/** That PyTorch refuses the call, in a block that goes on. */
function refused(finding: Finding): string[] {
  return [
    'try:',
    `    print("PyTorch gives", ${torchCall(finding)})`,
    'except Exception as error:',
    '    print("PyTorch refuses:", error)',
  ];
}

function refusal(finding: Finding, who: string): string[] {
  return [
    ...refused(finding),
    `    raise SystemExit(${JSON.stringify(`${who}: ${finding.mismatch.reason}: ${wrongWord}`)})`,
  ];
}

function comparison(finding: Finding, who: string): string[] {
  const { mismatch } = finding;
  const got = gotOf(finding);
  const lines = expectation(finding);
  if (mismatch.culprit !== null) {
    const given = [`given = ${isShort(got) ? arrayText(got) : number(mismatch.culprit.got)}  # by ${who}`];
    const shown = isShort(got) ? [`print(${JSON.stringify(`${who} gave`)}, given, sep="\\n")`] : [];
    return [...lines, ...given, ...shown, ...judgement(finding, isShort(got))];
  }
  if (mismatch.kind === 'shape' && got !== null) {
    return [...lines, ...shapeJudgement(`${tuple(got.shape)}  # by ${who}`)];
  }
  return [...lines, `print(${JSON.stringify(`${who}: ${mismatch.reason}: ${wrongWord}`)})`, 'raise SystemExit(1)'];
}

/** The end of a program with `expected` and `given`: an array, or only the element that is furthest off. */
function judgement({ call, mismatch }: Finding, isArray: boolean): string[] {
  const { index, allowed } = mismatch.culprit!;
  const at = index.length === 0 ? '[()]' : `[${index.join(', ')}]`;
  const near = call.operator.rounding === null ? '' : ` or abs(got - want) <= ${allowed}`;
  return [
    `want, got = float(expected${at}), float(given${isArray ? at : ''})`,
    `right = str(want) == str(got)${near}`,
    `print(f"at ${at}: wanted {want}, got {got}:", "right" if right else "${wrongWord}")`,
    'raise SystemExit(0 if right else 1)',
  ];
}
