/** What a user sees while set-up works: a line when a step begins, signs of life, and a line when it ends. */

const plainEvery_ms = 15_000;
const terminalEvery_ms = 500;

/**
 * @typedef {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} Output
 * @typedef {{ begin(label: string): void, line(text: string): void, end(words: string): void }} Progress
 */

/**
 * @param {Output} out
 * @returns {Progress}
 */
export function createProgress(out) {
  const terminal = out.isTTY === true;
  let label = '';
  let last = '';
  let start_ms = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;

  const seconds = () => (performance.now() - start_ms) / 1000;

  function tick() {
    const words = `${label} … ${seconds().toFixed(0)} s${last && `  ${last}`}`;
    // One column stays free, or some terminals wrap the line and the next update doesn't overwrite it.
    out.write(terminal ? `\r\x1b[K${words.slice(0, (out.columns ?? 80) - 1)}` : `${words}\n`);
  }

  return {
    begin(text) {
      label = text;
      last = '';
      start_ms = performance.now();
      out.write(terminal ? `${label} …` : `${label} …\n`);
      timer = setInterval(tick, terminal ? terminalEvery_ms : plainEvery_ms);
    },
    line(text) {
      last = text.trim().slice(0, 200) || last;
    },
    end(words) {
      clearInterval(timer);
      out.write(`${terminal ? '\r\x1b[K' : ''}${label}: ${words} after ${seconds().toFixed(1)} s\n`);
    },
  };
}
