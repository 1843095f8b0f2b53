// Warnings that may come a thousand times a second, logged at most once a minute per code.

import type { Logger } from '@sitecast/shared/node/logger';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';

const EVERY_MS = 60_000;
/** Codes remembered; some come from the server. Policy: drop-oldest, which costs one more line. */
const MAX_CODES = 64;

export class QuietLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #codes = new Map<string, { loggedAtMs: number; suppressed: number }>();

  constructor(logger: Logger, clock: Clock = systemClock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  warn(code: string, fields: Record<string, unknown>, message: string): void {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#codes.get(code);
    if (known && nowMs - known.loggedAtMs < EVERY_MS) {
      known.suppressed += 1;
      return;
    }
    this.#remember(code, nowMs);
    this.#logger.warn(
      { ...fields, code, ...(known?.suppressed && { suppressed: known.suppressed }) },
      message,
    );
  }

  /** The trouble is over: the next warning is news again. */
  clear(): void {
    this.#codes.clear();
  }

  #remember(code: string, nowMs: number): void {
    this.#codes.delete(code);
    const [oldest] = this.#codes.keys();
    if (this.#codes.size >= MAX_CODES && oldest !== undefined) this.#codes.delete(oldest);
    this.#codes.set(code, { loggedAtMs: nowMs, suppressed: 0 });
  }
}
