import { type Case, caseSchema, type Values, valuesKinds } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { prepare } from '../operators/call.ts';
import { isOperator, operatorOf } from '../operators/index.ts';
import type { Operator } from '../operators/operator.ts';
import { caseWords } from '../report/words.ts';
import { parseCase } from '../store/caseFile.ts';
import { readKnownIssues } from '../store/knownIssues.ts';
import { reportFor, withSession } from './context.ts';
import {
  backendsOf,
  type CommonOptions,
  caseTimeoutOf_ms,
  integerOf,
  knownIssuesFolder,
  unknownOperator,
  workingFolder,
} from './options.ts';
import { CaseRun } from './runCases.ts';

/** A case from flags. */
export interface CaseOptions {
  input?: string;
  weight?: string;
  bias?: string | true;
  stride?: string;
  padding?: string;
  outputPadding?: string;
  dilation?: string;
  groups?: string;
  pad?: string;
  mode?: string;
  value?: string;
  dtype: string;
  values: string;
  seed: string;
}

function integers(flag: string, text: string): number[] {
  return text.split(',').map((part) => integerOf(flag, part, Number.MIN_SAFE_INTEGER));
}

/** `3` as a number and `3,1` as a list; a trailing comma makes a list of one. */
function intOrList(flag: string, text: string): number | number[] {
  const values = integers(flag, text.replace(/,$/, ''));
  return values.length === 1 && !text.endsWith(',') ? values[0]! : values;
}

/** The size of the bias that belongs to such a weight. */
function biasShape({ family }: Operator, weight: number[], groups: number): number[] {
  return [family === 'transposed convolution' ? (weight[1] ?? 0) * groups : (weight[0] ?? 0)];
}

/** A number; what JSON lacks stays a word, for the case's schema to judge. */
function numberOrWord(text: string): number | string {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) || Object.is(value, -0) ? text.replace(/^\+/, '') : value;
}

/** The parameters that the flags give. */
function paramsOf(options: CaseOptions): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  const flags = { stride: options.stride, output_padding: options.outputPadding, dilation: options.dilation };
  for (const [name, text] of Object.entries(flags)) {
    if (text !== undefined) params[name] = intOrList(`--${name}`, text);
  }
  if (options.padding !== undefined) {
    const isName = /^[a-z]/i.test(options.padding);
    params.padding = isName ? options.padding : intOrList('--padding', options.padding);
  }
  if (options.groups !== undefined) params.groups = integerOf('--groups', options.groups, Number.MIN_SAFE_INTEGER);
  if (options.pad !== undefined)
    params.pad = options.pad === '' ? [] : integers('--pad', options.pad.replace(/,$/, ''));
  if (options.mode !== undefined) params.mode = options.mode;
  if (options.value !== undefined) params.value = numberOrWord(options.value);
  return params;
}

/** The case that the flags describe. Throws UsageError. */
export function caseFromFlags(op: string, options: CaseOptions): Case {
  if (!isOperator(op)) throw unknownOperator(op);
  if (options.input === undefined) throw new UsageError('--input is missing: give the shape, such as --input 2,1,7');
  if (!(valuesKinds as readonly string[]).includes(options.values)) {
    throw new UsageError(`--values must be one of ${valuesKinds.join(', ')}: got "${options.values}"`);
  }
  const operator = operatorOf(op);
  if (operator.family === 'padding' && options.pad === undefined) {
    throw new UsageError('--pad is missing: give (before, after) from the last dimension back, such as --pad 1,1,-2,0');
  }
  const params = paramsOf(options);
  const seed = integerOf('--seed', options.seed, Number.MIN_SAFE_INTEGER);
  const shapes: Record<string, number[]> = { input: integers('--input', options.input) };
  if (options.weight !== undefined) shapes.weight = integers('--weight', options.weight);
  if (options.bias === true) shapes.bias = biasShape(operator, shapes.weight ?? [], (params.groups as number) ?? 1);
  else if (options.bias !== undefined) shapes.bias = integers('--bias', options.bias);
  if (shapes.weight === undefined && operator.inputs.includes('weight')) {
    throw new UsageError('--weight is missing: give the shape, such as --weight 1,2,3');
  }
  if (operator.gradient !== null) {
    // As the result; where PyTorch refuses the call, any will do.
    const { of } = operator.gradient;
    const { spec, refusal } = prepare(caseFromFlags(of.name, options));
    shapes.grad_output = refusal === null ? of.outputShape(spec) : shapes.input!;
  }
  const tensors = Object.entries(shapes).map(([name, shape], offset) => {
    const data = { kind: 'seeded', values: options.values as Values, seed: seed + offset };
    return [name, { dtype: options.dtype, shape, data }];
  });
  return parseCase({ schema: caseSchema, op, params, inputs: Object.fromEntries(tensors) }, op);
}

/** Runs one case from flags. Returns the exit code. */
export async function tryCase(op: string, options: CaseOptions & CommonOptions): Promise<number> {
  const testCase = caseFromFlags(op, options);
  const named = { name: 'try', call: prepare(testCase) };
  process.stderr.write(`${caseWords(testCase)}\n`);
  const report = reportFor(options.format, () => '');
  const run = new CaseRun(report, readKnownIssues(knownIssuesFolder));
  const seed = Number(options.seed);
  const { oracle } = options;
  const caseTimeout_ms = caseTimeoutOf_ms(options);
  const session = { backends: backendsOf(options), caseTimeout_ms, cwd: workingFolder(), oracle };
  return withSession(session, { report, format: options.format, seed }, async (opened) => {
    await run.run(opened, named, opened.contenders);
    return run.end(seed);
  });
}
