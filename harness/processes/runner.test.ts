import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { root } from '../../scripts/setup.mjs';
import { type Contender, isRequest, requestFor, retriedOf, Session } from '../campaign/session.ts';
import { type Case, caseSchema, type TensorSpec } from '../core/case.ts';
import { prepare } from '../operators/call.ts';
import { type Answer, Benched, type Request, Runner } from './runner.ts';

/* What becomes of cases whose process was too slow or was killed, and is not when they are asked again. */

const fixtures = join(root, 'harness/campaign/fixtures');
let session: Session;
afterEach(() => session.close());

async function contenderOf(fixture: string, caseTimeout_ms: number): Promise<Contender> {
  const backends = [join(fixtures, `${fixture}.mjs`)];
  session = await Session.open({ backends, caseTimeout_ms, cwd: root, oracle: 'reference' });
  return session.contenders[0]!;
}

function tensor(shape: number[]): TensorSpec {
  return { dtype: 'float32', shape, data: { kind: 'seeded', values: 'lattice', seed: 1 } };
}

function requestOf(contender: Contender, hasBias: boolean): Request {
  const inputs: Case['inputs'] = { input: tensor([1, 1, 3]), weight: tensor([1, 1, 2]) };
  if (hasBias) inputs.bias = tensor([1]);
  const request = requestFor(prepare({ schema: caseSchema, op: 'conv1d', params: {}, inputs }), contender);
  if (!isRequest(request)) throw new Error(request.kind);
  return request;
}

const kindsOf = (answers: readonly Answer[]) => answers.map(({ outcome }) => outcome.kind);

test('what is late once is answered by a new process, and what that one had answered before is told', async () => {
  const { mark } = (await import(join(fixtures, 'late-once.mjs'))) as { mark(pid: number): string };
  rmSync(mark(process.pid), { force: true });
  const contender = await contenderOf('late-once', 1500);
  const requests = [false, false, true, false, true].map((hasBias) => requestOf(contender, hasBias));
  const answers = await Promise.all(requests.map((request) => contender.runner.run(request)));
  rmSync(mark(process.pid), { force: true });
  expect(kindsOf(answers)).toEqual(['ok', 'ok', 'malformed', 'ok', 'malformed']);
  expect(answers[4]!.past().at(-1)).toBe(requests[3]);
  expect(retriedOf([contender])).toEqual({ 'late-once': 1 });
});

test('whom others kill is asked again', async () => {
  const contender = await contenderOf('slow', 20_000);
  const requests = Array.from({ length: 20 }, () => requestOf(contender, false));
  const answers = requests.map((request) => contender.runner.run(request));
  process.kill(contender.runner.pid!, 'SIGKILL');
  expect(kindsOf(await Promise.all(answers))).toEqual(requests.map(() => 'ok'));
  expect(retriedOf([contender])).toEqual({ slow: 1 });
});

test('whom others kill again and again is given up, also where every death is forgiven', async () => {
  const contender = await contenderOf('slow', 20_000);
  const options = { caseTimeout_ms: 20_000, maxDeaths: 3, isolate: true, forgiving: true };
  const runner = new Runner(contender.launch, options);
  const assassin = setInterval(() => {
    if (runner.pid !== undefined) process.kill(runner.pid, 'SIGKILL');
  }, 10);
  const untilRefused = async () => {
    for (let asked = 0; asked < 100; asked++) await runner.run(requestOf(contender, false));
  };
  try {
    await expect(untilRefused()).rejects.toThrow(Benched);
    expect(runner).toMatchObject({ deaths: 3, benched: true });
  } finally {
    clearInterval(assassin);
    runner.close();
  }
});
