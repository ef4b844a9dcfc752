/** Before all tests: many start processes from dist/, so it must be what the sources say, also under plain `npx vitest`. */

import { ensure } from './setup.mjs';

export default async function setup() {
  await ensure(['build']);
}
