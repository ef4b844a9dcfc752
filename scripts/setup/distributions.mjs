/** What pip has installed, by its own records in site-packages. */

import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} folder site-packages
 * @param {string} [name] only this distribution
 * @returns {{ folder: string, version: string }[]} `folder`: the .dist-info's name
 */
export function distInfos(folder, name = '.+?') {
  const pattern = new RegExp(`^${name}-([^-]+)\\.dist-info$`);
  return readdirSync(folder).flatMap((entry) => {
    const version = pattern.exec(entry)?.[1];
    return version === undefined ? [] : [{ folder: entry, version }];
  });
}

/**
 * Takes away the records that aren't true, since pip believes them: an interrupted pip leaves files half written or missing. pip then
 * installs those distributions again, over what is left of them.
 *
 * @param {string} folder site-packages
 */
export function forgetBroken(folder) {
  for (const info of distInfos(folder)) {
    if (!isWhole(folder, info.folder)) rmSync(join(folder, info.folder), { recursive: true, force: true });
  }
}

/**
 * Whether every file that RECORD lists is there in its size. pip writes RECORD last.
 *
 * @param {string} folder
 * @param {string} info
 */
function isWhole(folder, info) {
  let record;
  try {
    record = readFileSync(join(folder, info, 'RECORD'), 'utf8');
  } catch {
    return false;
  }
  return record.split(/\r?\n/).every((line) => {
    // Compiled files are listed without a size, and may be written anew by Python.
    const [, path, size] = /^(.*),[^,]*,(\d+)$/.exec(line) ?? [];
    if (path === undefined) return true;
    const file = join(folder, path.replace(/^"(.*)"$/, '$1').replaceAll('""', '"'));
    return statSync(file, { throwIfNoEntry: false })?.size === Number(size);
  });
}
