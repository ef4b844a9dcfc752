import { type Inputs, mapInputs } from '../core/case.ts';
import { toJsonParams } from '../core/json.ts';
import type { Tensor } from '../core/tensor.ts';
import { backendTensors, type Call } from '../operators/call.ts';
import { encodeFrame } from '../processes/frames.ts';
import type { Request } from '../processes/runner.ts';

let lastId = 0;

function nextId(): number {
  lastId = (lastId + 1) % 2 ** 32;
  return lastId;
}

/** A call as the oracle gets it: parameters as the case spells them. */
export function oracleRequest(call: Call): Request {
  const id = nextId();
  const header = { type: 'run', op: call.case.op, params: call.case.params };
  return { id, frame: encodeFrame(id, header, { ...call.tensors }), case: call.case };
}

/** A call as backends get it: parameters normalised, with a batch axis. `index`: which backend of a module's list. */
export function backendRequest(call: Call, index: number): Request {
  return normalisedRequest(call, backendTensors(call), index);
}

/** The same, with floats as float64: for an oracle that takes what backends take. Padding stays in the dtype that it copies. */
export function float64Request(call: Call): Request {
  const tensors = backendTensors(call);
  return normalisedRequest(call, call.operator.rounding === null ? tensors : mapInputs(tensors, inFloat64), 0);
}

function inFloat64({ shape, data }: Tensor): Tensor {
  return { dtype: 'float64', shape, data: Float64Array.from(data) };
}

function normalisedRequest(call: Call, tensors: Inputs<Tensor>, index: number): Request {
  const id = nextId();
  const header = {
    type: 'run',
    op: call.case.op,
    params: toJsonParams(call.normalised!),
    ...(index === 0 ? {} : { backend: index }),
  };
  return { id, frame: encodeFrame(id, header, { ...tensors }), case: call.case };
}
