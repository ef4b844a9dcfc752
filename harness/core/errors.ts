/** Wrong usage or a bad file: the message names the thing, the value and the remedy. Exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The harness itself cannot work or cannot be trusted. Exit code 3. */
export class HarnessError extends Error {
  override name = 'HarnessError';
}

/** What an unknown thrown value says, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.split('\n')[0]!.trim() || 'no message';
}
