/** What a user reads when set-up cannot go on. */

/** Which step failed, why, and what to do. Its message is complete: print it without the stack. */
export class SetupError extends Error {
  /** @param {{ step: string, title: string, reason: string, remedy: string, log: string | null }} parts */
  constructor({ step, title, reason, remedy, log }) {
    const lines = [`Set-up failed at "${title}":`, indent(reason), `What to do: ${remedy}`];
    if (log !== null) lines.push(`Its whole output: ${log}`);
    super(lines.join('\n'));
    this.name = 'SetupError';
    this.step = step;
    this.reason = reason;
    this.remedy = remedy;
    this.log = log;
  }
}

/**
 * By name, since this file is loaded twice in one process: from scripts/ and from dist/scripts/.
 *
 * @param {unknown} error
 * @returns {error is SetupError}
 */
export function isSetupError(error) {
  return error instanceof Error && error.name === 'SetupError';
}

/** A step's own words for why it cannot go on, to be wrapped into a SetupError with the step's name and remedy. */
export class StepFailure extends Error {
  /**
   * @param {string} reason
   * @param {string} [remedy] in place of the step's general one
   */
  constructor(reason, remedy) {
    super(reason);
    this.remedy = remedy ?? null;
  }
}

/** @param {string} text */
function indent(text) {
  return text.replaceAll(/^/gm, '  ');
}

const reasonLines = 6;

/**
 * The few lines of a tool's output that say what went wrong: those that speak of an error, or else the last ones. pip's errors don't say
 * that it was a connection that failed: that is only in its warnings.
 *
 * @param {string} output
 */
export function reasonFrom(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('$ '));
  const errors = lines.filter((line) => /\b(error|err)\b/i.test(line) && !/^warning/i.test(line));
  const connection = lines.filter((line) => /^warning.*\bconnection/i.test(line)).slice(-1);
  const chosen = errors.length > 0 ? [...connection, ...errors.slice(0, reasonLines)] : lines.slice(-reasonLines);
  return chosen.map((line) => line.trimEnd().slice(0, 300)).join('\n');
}
