import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import type { PageOptions, RuntimeName } from './note.ts';

/*
 * The page and what it loads: our own modules as they were compiled, and tfjs's bundles, found by an import map. Nothing is put
 * together for it, and there is no server: Chromium asks for a file, and Playwright answers.
 */

/** A secure context, as WebGPU wants it. Nothing is sent there. */
const origin = 'http://localhost';

/** The folder of the compiled harness. */
const compiled = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(import.meta.url);

/** tfjs's packages, and the file of each that is an ES module by itself. */
function bundles(runtime: RuntimeName): Record<string, string> {
  return {
    '@tensorflow/tfjs-core': 'tf-core.fesm.min.js',
    [`@tensorflow/tfjs-backend-${runtime}`]: `tf-backend-${runtime}.fesm.min.js`,
  };
}

function html({ runtime, isNative }: PageOptions): string {
  const imports = Object.fromEntries(Object.keys(bundles(runtime)).map((name) => [name, `/packages/${name}`]));
  return `<!doctype html>
<title>convdiff</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/harness/backends/browser/page.js?runtime=${runtime}${isNative ? '&native' : ''}"></script>
`;
}

/** What lies at a path, or null where nothing does. */
function file(path: string, options: PageOptions): { contentType: string; body: string } | null {
  if (path === '/') return { contentType: 'text/html', body: html(options) };
  const name = path.slice('/packages/'.length);
  const bundle = path.startsWith('/packages/') ? bundles(options.runtime)[name] : undefined;
  if (bundle !== undefined) {
    const folder = dirname(require.resolve(`${name}/package.json`));
    return { contentType: 'text/javascript', body: readFileSync(join(folder, 'dist', bundle), 'utf8') };
  }
  const module = /^\/harness(\/(?:\w+\/)*[\w-]+\.js)$/.exec(path)?.[1];
  if (module === undefined) return null;
  return { contentType: 'text/javascript', body: readFileSync(join(compiled, module), 'utf8') };
}

/** Opens the site in an empty page. */
export async function openSite(page: Page, options: PageOptions): Promise<void> {
  await page.route('**', (route) => {
    const { origin: asked, pathname } = new URL(route.request().url());
    const found = asked === origin ? file(pathname, options) : null;
    return found === null ? route.abort() : route.fulfill(found);
  });
  await page.goto(`${origin}/`);
}
