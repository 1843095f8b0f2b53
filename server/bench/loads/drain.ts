// Waits for what is on the way.

const DRAIN_TIMEOUT_MS = 20_000;

/** Resolves when nothing is left, or when it has taken too long: the rest then counts as not acknowledged. */
export async function untilZero(count: () => number): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (count() > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
}
