import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Case, caseSchema, type InputName, inputNames, type TensorSpec, valuesKinds } from '../core/case.ts';
import { UsageError } from '../core/errors.ts';
import { elementCount } from '../core/tensor.ts';
import { isOperator, operatorOf, operators } from '../operators/index.ts';

/** A tensor may have so many elements; more is taken for a mistake. */
export const maxElements = 2 ** 26;
const maxRank = 8;

const jsonNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])], {
  error: 'must be a number or one of "NaN", "Infinity", "-Infinity", "-0"',
});

const dataSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('inline'), values: z.array(jsonNumber) }),
  z.strictObject({ kind: z.literal('seeded'), values: z.enum(valuesKinds as ['lattice']), seed: z.int() }),
]);

const tensorSpec = z.strictObject({
  dtype: z.enum(['float32', 'float64', 'int32']),
  shape: z.array(z.int().min(0).max(maxElements)).max(maxRank),
  data: dataSpec,
});

const envelope = z.strictObject({
  schema: z.literal(caseSchema),
  op: z.string(),
  params: z.record(z.string(), z.unknown()).default({}),
  inputs: z.record(z.string(), tensorSpec),
});

/** Throws UsageError with the first thing that is wrong, and where. */
function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = deepest(parsed.error.issues[0]!);
  const path = issue.path.length === 0 ? where : `${where}: ${issue.path.join('.')}`;
  const message = issue.message.replace(/^(Invalid input|Invalid option|Too small|Too big): /, '');
  throw new UsageError(`${path}: ${message}${gotWords(value, issue)}`);
}

/** What was there instead, where the message does not say it and it is short. */
function gotWords(value: unknown, { path, message }: z.core.$ZodIssue): string {
  if (message.includes('got ') || message.startsWith('Unrecognized')) return '';
  let there = value;
  for (const key of path) there = (there as Record<PropertyKey, unknown> | undefined)?.[key];
  const text = JSON.stringify(there);
  return text === undefined || text.length > 60 ? '' : `: got ${text}`;
}

/** A key that JavaScript takes for something else, and zod drops. */
function refuseProto(json: unknown, where: string): void {
  if (typeof json !== 'object' || json === null) return;
  if (Object.hasOwn(json, '__proto__')) throw new UsageError(`${where}: Unrecognized key: "__proto__"`);
}

/** Where alternatives all fail, what is wrong with the one that came furthest. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union' || issue.errors === undefined) return issue;
  const furthest = issue.errors
    .map((issues) => issues[0])
    .filter((inner) => inner !== undefined)
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (furthest === undefined || furthest.path.length === 0) return issue;
  return { ...furthest, path: [...issue.path, ...furthest.path] };
}

function checkValues(spec: TensorSpec, where: string): void {
  const count = elementCount(spec.shape);
  if (count > maxElements) {
    throw new UsageError(`${where}.shape: ${JSON.stringify(spec.shape)} has more than ${maxElements} elements`);
  }
  if (spec.data.kind !== 'inline') return;
  const { values } = spec.data;
  if (values.length !== count) {
    throw new UsageError(
      `${where}.data.values: ${values.length} values do not fill the shape ${JSON.stringify(spec.shape)}, which needs ${count}`,
    );
  }
  for (const [i, value] of values.entries()) {
    const fits =
      spec.dtype === 'int32'
        ? Number.isInteger(value) && Math.abs(value as number) <= 2 ** 31 - 1
        : spec.dtype === 'float64' || typeof value === 'string' || Number.isFinite(Math.fround(value));
    if (!fits) throw new UsageError(`${where}.data.values.${i}: ${value} is no ${spec.dtype}`);
  }
}

/** The case that parsed JSON holds. Throws UsageError, which names `where` it came from, on anything outside the schema. */
export function parseCase(json: unknown, where: string): Case {
  const { schema: _, ...outer } = check(envelope, json, where);
  const { params: givenParams, inputs: givenInputs } = json as Record<string, unknown>;
  for (const given of [json, givenParams, givenInputs]) refuseProto(given, where);
  if (!isOperator(outer.op)) {
    throw new UsageError(
      `${where}: op: unknown operator "${outer.op}"; there are ${operators.map((o) => o.name).join(', ')}`,
    );
  }
  const operator = operatorOf(outer.op);
  const params = check(operator.params, outer.params, `${where}: params`);
  for (const [name, spec] of Object.entries(outer.inputs)) {
    if (!operator.inputs.includes(name as InputName)) {
      throw new UsageError(`${where}: inputs: ${outer.op} takes ${operator.inputs.join(', ')}, not "${name}"`);
    }
    if (!operator.dtypes.includes(spec.dtype)) {
      throw new UsageError(
        `${where}: inputs.${name}.dtype: ${outer.op} takes ${operator.dtypes.join(', ')}, not ${spec.dtype}`,
      );
    }
    checkValues(spec, `${where}: inputs.${name}`);
  }
  for (const name of operator.inputs) {
    if (name !== 'bias' && outer.inputs[name] === undefined)
      throw new UsageError(`${where}: inputs: ${name} is missing`);
  }
  const inputs = Object.fromEntries(
    inputNames.filter((name) => outer.inputs[name] !== undefined).map((name) => [name, outer.inputs[name]]),
  );
  return { schema: caseSchema, op: outer.op, params, inputs: inputs as unknown as Case['inputs'] };
}

/** The JSON in a file. Throws UsageError. */
export function readJson(path: string, shown: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new UsageError(`${shown}: there is no such file`);
    throw new UsageError(
      `${shown}: ${code === 'EISDIR' ? 'is a folder: name a file in it' : `cannot be read: ${code}`}`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${shown}: is not JSON: ${(error as Error).message}`);
  }
}
