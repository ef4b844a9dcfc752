import { builtIns } from '../backends/index.ts';
import type { OpName } from '../core/case.ts';
import { type Call, prepare } from '../operators/call.ts';
import type { Counterexample } from '../store/counterexample.ts';
import type { KnownIssue } from '../store/knownIssues.ts';
import { caseOf, type Draw } from './plan.ts';
import { isOfValues } from './signature.ts';

/*
 * Classes of calls that were known to fail before a campaign began. They are drawn less, so that a common bug leaves room for others.
 */

/** Calls of an operator that fail on a backend. */
export interface KnownClass {
  op: string;
  backend: string;
  /** Features that such a call has; at least one. */
  features: readonly string[];
  /** And those that it does not have. */
  without: readonly string[];
  /** It shows in special values only. */
  isOfValues: boolean;
}

function classOf(op: string, backend: string, words: readonly string[], without: readonly string[]): KnownClass[] {
  const features = words.filter((word) => !isOfValues(word) && word !== 'refuses' && word !== 'plain');
  // What breaks a rule is rare already; and of what fails everywhere there is nothing to be drawn instead.
  const isRare = features.some((word) => word === 'history' || /^(takes|invalid): /.test(word));
  return features.length === 0 || isRare
    ? []
    : [{ op, backend, features, without, isOfValues: words.some(isOfValues) }];
}

/** The classes of calls that are known to fail on these backends. */
export function knownClasses(
  counterexamples: readonly Counterexample[],
  issues: readonly KnownIssue[],
  backends: readonly string[],
): KnownClass[] {
  const saved = counterexamples.map(({ op, backend, signature }) =>
    classOf(op, backend, signature.split('/').slice(3).join('/').split('+'), []),
  );
  const known = issues.flatMap(({ ops, backends: own, features, without }) =>
    ops.flatMap((op) => own.map((backend) => classOf(op, backend, features, without))),
  );
  return [...saved, ...known].flat().filter(({ backend }) => backends.includes(backend));
}

function isOf(call: Call, draw: Draw, known: KnownClass): boolean {
  if (known.op !== call.case.op || (known.isOfValues && draw.values === 'lattice')) return false;
  const own = builtIns.find(({ name }) => name === known.backend)?.features?.(call) ?? [];
  const features = [...call.operator.features(call.spec), ...own];
  return (
    known.features.every((feature) => features.includes(feature)) &&
    !known.without.some((feature) => features.includes(feature))
  );
}

/** Whether a draw is of one of these classes; what is broken or bent on purpose is of none. */
export function isKnownToFail(classes: readonly KnownClass[], op: OpName, draw: Draw): boolean {
  if (draw.twist !== null || !classes.some((known) => known.op === op)) return false;
  const call = prepare(caseOf(op, draw));
  return classes.some((known) => isOf(call, draw, known));
}
