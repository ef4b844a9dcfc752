/** What the promise gives, or null where someone wants to leave before, or so much time has passed. */
export async function unlessOver<T>(
  promise: Promise<T>,
  signal: AbortSignal | null,
  left_ms = Number.POSITIVE_INFINITY,
): Promise<T | null> {
  // What fails once nobody waits for it is nobody's concern.
  promise.catch(() => {});
  if (signal?.aborted) return null;
  let leave = () => {};
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<null>((resolve) => {
    leave = () => resolve(null);
    signal?.addEventListener('abort', leave, { once: true });
    if (Number.isFinite(left_ms)) timer = setTimeout(leave, left_ms);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
  }
}
