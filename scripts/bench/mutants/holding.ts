import reference from '../../../harness/backends/reference.ts';
import type { Backend } from '../../../harness/core/backend.ts';
import { type Inputs, inputNames, mapInputs, type OpName } from '../../../harness/core/case.ts';
import { bytesOf, type Tensor } from '../../../harness/core/tensor.ts';
import { callMutants } from './index.ts';
import { type Mistake, type Mutant, sceneOf } from './mutant.ts';
import { triggerMutants } from './triggers.ts';

/* Backends that hold several bugs at once. */

/** A mutant's mistake in one operator. */
export interface Bug {
  op: OpName;
  name: string;
}

/** Every bug whose showing follows from the call. What shows in certain values only would show in nearly every call beside. */
export const bugs: readonly Bug[] = bugsOf(callMutants);

/** Something that goes wrong where one or two conditions hold. */
export const triggers: readonly Bug[] = bugsOf(triggerMutants);

function bugsOf(mutants: readonly Mutant[]): Bug[] {
  return mutants.flatMap(({ name, ops }) => ops.map((op) => ({ op, name })));
}

const mistakes = new Map<string, Mistake>(
  [...callMutants, ...triggerMutants].map(({ name, start }) => [name, start()]),
);

export function mistakeOf({ name }: Bug): Mistake {
  const mistake = mistakes.get(name);
  if (mistake === undefined) throw new Error(`there is no mutant "${name}"`);
  return mistake;
}

function areSame(one: Tensor, other: Tensor): boolean {
  return (
    one.dtype === other.dtype &&
    one.shape.join() === other.shape.join() &&
    Buffer.compare(bytesOf(one.data), bytesOf(other.data)) === 0
  );
}

/** The reference with these bugs. Of those that a call meets, the first is what it gives. */
export function holding(name: string, held: readonly Bug[]): Backend {
  for (const bug of held) mistakeOf(bug);
  return {
    name,
    version: '1',
    run(call, inputs) {
      const right = reference.run(call, inputs) as Tensor;
      for (const bug of held) {
        if (bug.op !== call.op) continue;
        const copies: Inputs<Tensor> = mapInputs(inputs, (tensor) => ({ ...tensor, data: tensor.data.slice() }));
        const output = mistakeOf(bug)(sceneOf(call, copies));
        const changed = inputNames.filter(
          (input) => inputs[input] !== undefined && !areSame(inputs[input], copies[input]!),
        );
        for (const input of changed) inputs[input]!.data.set(copies[input]!.data as never);
        if (changed.length > 0 || !areSame(output, right)) return output;
      }
      return right;
    },
  };
}
