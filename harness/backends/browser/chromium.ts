import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { chromiumPath } from '../../../scripts/setup.mjs';

const keeper = fileURLToPath(new URL('./keeper.js', import.meta.url));

/** How long it may take to start. */
const start_ms = 60_000;

/** The adapters of Chromium's own, in software: there everywhere, and everywhere the same. */
const softwareAdapters = [
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** The flags that choose an adapter: CONVDIFF_CHROMIUM_FLAGS where it is set. */
function adapterFlags(): readonly string[] {
  return process.env.CONVDIFF_CHROMIUM_FLAGS?.split(/\s+/).filter((flag) => flag !== '') ?? softwareAdapters;
}

/** Starts Chromium, which ends with this process. Throws an Error of one line that says what is wrong. */
export async function startChromium(): Promise<Browser> {
  const program = chromiumPath();
  if (program === null) throw new Error('there is no Chromium: run `npm run -s convdiff -- setup chromium`');
  const folder = mkdtempSync(join(tmpdir(), 'convdiff-chromium-'));
  // Playwright's own temporary folders are in it, and so go away with it.
  process.env.TMPDIR = folder;
  const kept = join(folder, 'chromium');
  const words = [process.execPath, keeper, String(process.pid), folder, program].map(quoted);
  writeFileSync(kept, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o700 });
  return chromium.launch({
    executablePath: kept,
    args: ['--disable-quic', '--disable-gpu-watchdog', ...adapterFlags()],
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    timeout: start_ms,
  });
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
