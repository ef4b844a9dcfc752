import { existsSync, readFileSync } from 'node:fs';
import { chromiumPath } from '../../scripts/setup.mjs';
import type { KnownIssue } from '../store/knownIssues.ts';
import { builtIns } from './index.ts';

let read: string | undefined;

/** What the processor has, as Linux calls it; nothing elsewhere. */
function processor(): string {
  read ??= existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return read;
}

/** Whether the processor has something, or with `not` in front is of the x86 family and has not. */
function isProcessor(wanted: string): boolean {
  const word = wanted.replace(/^not /, '');
  const has = processor().includes(` ${word} `);
  return word === wanted ? has : !has && /^flags\s*:/m.test(processor());
}

/** The backends on which an issue can show on this machine: on its processor, and with a browser where they need one. */
export function shownHere({ backends, processor: wanted }: KnownIssue): string[] {
  if (wanted !== undefined && !isProcessor(wanted)) return [];
  const needsBrowser = (backend: string) =>
    builtIns.some(({ name, needs }) => name === backend && needs.includes('chromium'));
  return backends.filter((backend) => !needsBrowser(backend) || chromiumPath() !== null);
}
