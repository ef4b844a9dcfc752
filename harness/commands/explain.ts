import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { explanationOf } from '../lowering/explain.ts';
import { type Library, printed } from '../lowering/print.ts';
import { type Call, prepare } from '../operators/call.ts';
import { isOperator } from '../operators/index.ts';
import { explanationJson, explanationSvg, explanationText } from '../report/explanation.ts';
import { readCase } from './check.ts';
import { workingFolder } from './options.ts';
import { type CaseOptions, caseFromFlags } from './try.ts';

export interface ExplainOptions extends CaseOptions {
  code?: Library;
  svg?: string;
  format: 'pretty' | 'json';
}

/** Flags that describe a call, of those that have no default. */
const callFlags = [
  'input',
  'weight',
  'bias',
  'stride',
  'padding',
  'outputPadding',
  'dilation',
  'groups',
  'pad',
  'mode',
  'value',
] as const;

/** A call from a case file, or from flags where an operator is named. Throws UsageError where PyTorch refuses it. */
function callOf(what: string, options: ExplainOptions): Call {
  const isFile = !isOperator(what) && /[./\\]/.test(what);
  const given = callFlags.find((name) => options[name] !== undefined);
  if (isFile && given !== undefined) throw new UsageError(`${what} is a whole call: leave out --${given}`);
  const call = isFile ? readCase(what, workingFolder()).call : prepare(caseFromFlags(what, options));
  const { gradient } = call.operator;
  if (gradient !== null)
    throw new UsageError(`${call.operator.name} is a gradient: explain ${gradient.of.name} instead`);
  if (call.refusal !== null) throw new UsageError(`PyTorch refuses this call: ${call.refusal.message}`);
  return call;
}

/** What a call's padding means, or its code; see docs/how-to/explain.md. Returns the exit code. */
export function explain(what: string, options: ExplainOptions): number {
  const call = callOf(what, options);
  if (options.code !== undefined) {
    if (options.svg !== undefined || options.format === 'json') {
      throw new UsageError('--code prints only code: leave out --svg and --format');
    }
    if (call.strictOnly) throw new UsageError('there is nothing to compute: a size is 0');
    process.stdout.write(printed(call, options.code));
    return 0;
  }
  const explanation = explanationOf(call);
  if (options.svg !== undefined) {
    const svg = explanationSvg(explanation);
    if (svg === null) throw new UsageError('nothing to draw: it has three axes, or is too large for a picture');
    try {
      writeFileSync(resolve(workingFolder(), options.svg), svg);
    } catch (error) {
      throw new UsageError(`--svg ${options.svg} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
  process.stdout.write(options.format === 'json' ? `${explanationJson(explanation)}\n` : explanationText(explanation));
  return 0;
}
