import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../core/errors.ts';
import type { Launch } from '../processes/channel.ts';
import { type BuiltIn, builtIns, moduleLaunch } from './index.ts';

/** Where a backend comes from: convdiff itself, a file, or a command that speaks oracles/PROTOCOL.md. */
export type Source =
  | { kind: 'built-in'; builtIn: BuiltIn }
  /** `given`: the path as it was typed. */
  | { kind: 'module'; path: string; given: string }
  /** `command`: as a shell takes it. `folder`: where it runs. */
  | { kind: 'program'; command: string; folder: string };

/** A word that begins so means a command. */
export const programPrefix = 'exec:';

/** What a word given for a backend means. Relative paths begin at `cwd`, and commands run there. Throws UsageError where it can mean none. */
export function sourceOf(word: string, cwd: string): Source {
  if (word.startsWith(programPrefix)) {
    const command = word.slice(programPrefix.length).trim();
    if (command === '') throw new UsageError(`backend ${word}: a command must follow, as exec:'python3 mine.py'`);
    return { kind: 'program', command, folder: cwd };
  }
  const builtIn = builtIns.find(({ name }) => name === word);
  if (builtIn !== undefined) return { kind: 'built-in', builtIn };
  if (!/[\\/]/.test(word) && !/\.[cm]?[jt]s$/.test(word)) {
    const known = builtIns.map(({ name }) => name).join(', ');
    throw new UsageError(
      `unknown backend "${word}": there are ${known}; a file is given by its path, as ./file.mjs, and a program as 'exec:COMMAND'`,
    );
  }
  const path = resolve(cwd, word);
  if (!existsSync(path)) throw new UsageError(`backend ${word}: there is no such file`);
  return { kind: 'module', path, given: word };
}

/** What people call it before it has said its name. */
export function nameOf(source: Source): string {
  switch (source.kind) {
    case 'built-in':
      return source.builtIn.name;
    case 'module':
      return source.given;
    case 'program':
      return `${programPrefix}${source.command}`;
  }
}

export function launchOf(source: Source): Launch {
  switch (source.kind) {
    case 'built-in':
      return source.builtIn.launch;
    case 'module':
      return moduleLaunch(source.given, pathToFileURL(source.path).href);
    case 'program':
      // A shell takes the command apart, as where it was typed.
      return { name: nameOf(source), command: '/bin/sh', args: ['-c', source.command], cwd: source.folder };
  }
}

/** Whether both start the same. */
export function isSameSource(one: Source, other: Source): boolean {
  const [a, b] = [launchOf(one), launchOf(other)];
  return (
    a.command === b.command && a.cwd === b.cwd && a.args.join('\0') === b.args.join('\0') && one.kind === other.kind
  );
}
