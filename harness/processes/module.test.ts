import { describe, expect, test } from 'vitest';
import { loadBackends } from './module.ts';

/** A module of this source, without a file. */
function load(source: string) {
  return loadBackends(`data:text/javascript,${encodeURIComponent(source)}`);
}

const good = `{ name: 'mine', version: '1', run: () => { throw new Error('no'); } }`;

test('a backend, and a list of backends in their order', async () => {
  expect((await load(`export default ${good}`)).map(({ name }) => name)).toEqual(['mine']);
  const list = await load(`export default [${good}, { ...${good}, name: 'other', strict: true }]`);
  expect(list.map(({ name, strict }) => [name, strict])).toEqual([
    ['mine', undefined],
    ['other', true],
  ]);
});

test('everything that is optional is taken', async () => {
  const source = `export default { ...${good}, strict: false, flushesDenormals: true, supports: () => true, dispose() {} }`;
  expect(await load(source)).toHaveLength(1);
});

describe('what is no backend module is refused with what is wrong:', () => {
  test.each([
    ['', /no default export; its default export must be a backend \{ name, version, run\(call, inputs\) \}/],
    ['export const mine = 1', /no default export/],
    ['export default 7', /must be a backend .*: got number/],
    ['export default null', /got null/],
    ['export default []', /list that it exports is empty/],
    [`export default [${good}, 'x']`, /got string/],
    ['export default { version: "1", run() {} }', /name must be a string that is not empty: got undefined/],
    ['export default { name: "", version: "1", run() {} }', /name must be a string that is not empty: got ""/],
    ['export default { name: "a", version: 1, run() {} }', /version must be a string that is not empty: got 1/],
    ['export default { name: "a", version: "1" }', /backend a has no function run/],
    ['export default { name: "a", version: "1", run: 1 }', /backend a has no function run/],
    [`export default { ...${good}, supports: true }`, /supports of backend mine must be a function: got boolean/],
    [`export default { ...${good}, dispose: {} }`, /dispose of backend mine must be a function: got object/],
    [`export default { ...${good}, strict: 'yes' }`, /strict of backend mine must be true or false: got "yes"/],
    [
      `export default { ...${good}, unitRoundoff: 2 }`,
      /unitRoundoff of backend mine must be a number from 0 to 0.5: got 2/,
    ],
    [`export default { ...${good}, amplification: 0.5 }`, /amplification of backend mine must be a number from 1/],
    [`export default { ...${good}, flushesDenormals: 1 }`, /flushesDenormals of backend mine must be true or false/],
    [`export default [${good}, ${good}]`, /two backends named mine/],
    ['throw new Error("the native part is missing\\nmore")', /^it cannot be loaded: the native part is missing$/],
  ])('%s', async (source, message) => {
    await expect(load(source)).rejects.toThrow(message);
  });

  test('a file that is not there', async () => {
    await expect(loadBackends('file:///nowhere/backend.mjs')).rejects.toThrow(/it cannot be loaded: /);
  });
});
