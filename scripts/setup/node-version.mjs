/** Refuses a Node that is too old, in words that such a Node can still read: no newer syntax here. */

const oldest = [20, 19];

/** Ends the process with exit code 3 under a Node that this project doesn't run on. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (isNewEnough(major, minor)) return;
  console.error(
    `convdiff needs Node ${oldest.join('.')} or newer: this is ${process.versions.node} (${process.execPath})`,
  );
  process.exit(3);
}

/**
 * @param {number} major
 * @param {number} minor
 */
export function isNewEnough(major, minor) {
  const [oldestMajor = 0, oldestMinor = 0] = oldest;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
