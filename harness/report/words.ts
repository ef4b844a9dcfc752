import {
  type Case,
  gradientOf,
  type InputName,
  inputNames,
  type JsonNumber,
  type ParamValue,
  type TensorSpec,
} from '../core/case.ts';
import { elementCount } from '../core/tensor.ts';
import type { NightReport } from '../night/nightReport.ts';

/** Tensors with up to so many elements are written out. */
const maxShown = 16;

/** A tensor's values as nested lists. */
export function nested(values: readonly JsonNumber[], shape: readonly number[]): string {
  if (shape.length === 0) return String(values[0]);
  const inner = shape.slice(1);
  const step = elementCount(inner);
  const parts = Array.from({ length: shape[0]! }, (_, i) => nested(values.slice(i * step, (i + 1) * step), inner));
  return `[${parts.join(', ')}]`;
}

function tensorWords({ shape, data, dtype }: TensorSpec): string {
  const suffix = dtype === 'float32' ? '' : ` ${dtype}`;
  if (data.kind === 'inline' && elementCount(shape) <= maxShown) return `${nested(data.values, shape)}${suffix}`;
  const source = data.kind === 'inline' ? 'inline' : `${data.values}, seed ${data.seed}`;
  return `(${shape.join(', ')}) of ${source}${suffix}`;
}

function paramWords(name: string, value: ParamValue): string {
  // A value that JSON lacks is a word, but a number all the same.
  if (typeof value === 'string') return name === 'value' ? value : `'${value}'`;
  return typeof value === 'number' ? String(value) : `[${value.join(', ')}]`;
}

/** A case on one line, as a call of torch.nn.functional. */
export function caseWords({ op, params, inputs }: Case): string {
  const tensors = Object.entries(inputs).map(([name, spec]) => `${name}=${tensorWords(spec)}`);
  const rest = Object.entries(params).map(([name, value]) => `${name}=${paramWords(name, value)}`);
  return `${op}(${[...tensors, ...rest].join(', ')})`;
}

/** What tensors are called where a call is written down. */
export const operandNames: Record<InputName, string> = { input: 'x', weight: 'w', bias: 'b', grad_output: 'dy' };

/**
 * What a case calls in PyTorch, without its data: F.conv1d(x, w, stride=2), also where it is that call's gradient. `operand` and `value` say how a tensor and a parameter
 * are spelled.
 */
export function callText(
  { op, params, inputs }: Case,
  operand: (name: string) => string,
  value: (value: ParamValue, name: string) => string,
): string {
  const tensors = inputNames
    .filter((name) => inputs[name] !== undefined && name !== 'grad_output')
    .map((name) => operand(operandNames[name]));
  const rest = Object.entries(params).map(([name, given]) => `${name}=${value(given, name)}`);
  return `F.${gradientOf(op)?.op ?? op}(${[...tensors, ...rest].join(', ')})`;
}

/** What a case calls, for people: F.conv1d(x, w, stride=2), or the gradient by w of F.conv1d(x, w). */
export function callWords(testCase: Case): string {
  const call = callText(
    testCase,
    (name) => name,
    (value, name) => paramWords(name, value),
  );
  const gradient = gradientOf(testCase.op);
  return gradient === null ? call : `the gradient by ${operandNames[gradient.by]} of ${call}`;
}

/** 1234567 as 1,234,567. */
export function groupDigits(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** "1 case", "2 cases". */
export function plural(count: number, noun: string): string {
  return `${groupDigits(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Seconds as people say them: 4.2 s, 3 min 20 s. */
export function durationWords(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** How long a night took, from its parts: those that several machines take at once are not added up. */
export function lengthWords({ night, curves }: Pick<NightReport, 'night' | 'curves'>): string {
  const length = durationWords(night.seconds);
  return curves.length > 1 ? `${curves.length} parts of ${length} at most` : length;
}

/** Which batches a night ran; of several parts each has its own. */
export function spanWords({ night, curves }: Pick<NightReport, 'night' | 'curves'>): string {
  if (curves.length > 1) return 'of several shards or seeds';
  const shard = night.shard[1] === 1 ? '' : `, shard ${night.shard.join(' of ')}`;
  return `from batch ${groupDigits(night.from)} to before ${groupDigits(night.next)} of seed ${night.seed}${shard}`;
}

/** What became of a backend whose process was too slow or was killed so often, and did well when asked again. */
export function retriedWords(count: number): string {
  return `was too slow or was killed ${plural(count, 'time')}, and answered when asked again`;
}
