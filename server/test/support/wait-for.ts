// Polls until something holds. The machine may be busy, so deadlines are generous and hits are quick; what takes long is
// asked for more seldom, since asking is work too.

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/** @returns the first truthy value of `probe`. @throws {Error} after `timeoutMs`, naming `what`. */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<NonNullable<T>> {
  const startedMs = performance.now();
  for (;;) {
    const value = await probe();
    if (value) return value;
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > timeoutMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    const pauseMs = Math.min(Math.max(waitedMs / 10, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
