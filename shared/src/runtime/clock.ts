// Time as a collaborator, so that deadlines and back-off are tested without waiting.

declare const setTimeout: (callback: () => void, delayMs: number) => unknown;
declare const clearTimeout: (handle: unknown) => void;
declare const performance: { now(): number };

export interface Timer {
  /** Idempotent; the callback will not run afterwards. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, ms since 1970; may step. */
  nowMs(): number;
  /** Monotonic, ms; only differences mean something. */
  monotonicMs(): number;
  /** Runs `callback` once, never before this call returned; a delay above 24.8 days counts as 24.8 days. */
  after(delayMs: number, callback: () => void): Timer;
}

/** A longer delay makes `setTimeout` fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts: the caller looks at `signal.aborted`. */
export function sleep(
  clock: Clock,
  delayMs: number,
  signal?: { aborted: boolean; addEventListener: AbortListen; removeEventListener: AbortListen },
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(delayMs, finish);
    signal?.addEventListener('abort', finish);
  });
}

type AbortListen = (type: 'abort', listener: () => void) => void;
