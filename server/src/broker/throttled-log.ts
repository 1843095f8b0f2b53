// Log lines that a misbehaving device could otherwise write a thousand times a second.

import type { Logger } from '@sitecast/shared/node/logger';
import type { Clock } from '@sitecast/shared/runtime/clock';

export interface ThrottledLogOptions {
  logger: Logger;
  clock: Clock;
  intervalMs: number;
}

export class ThrottledLog {
  readonly #options: ThrottledLogOptions;
  readonly #lines = new Map<string, { nextMs: number; suppressed: number }>();

  constructor(options: ThrottledLogOptions) {
    this.#options = options;
  }

  /**
   * Warns at most once an interval for each `message`, which comes from a closed set: it is the key.
   * @param fields asked for when the line is written.
   */
  warn(message: string, fields: () => Record<string, unknown>): void {
    const { logger, clock, intervalMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const line = this.#lines.get(message) ?? { nextMs: 0, suppressed: 0 };
    this.#lines.set(message, line);
    if (nowMs < line.nextMs) {
      line.suppressed += 1;
      return;
    }
    logger.warn({ ...fields(), suppressed: line.suppressed }, message);
    line.nextMs = nowMs + intervalMs;
    line.suppressed = 0;
  }
}
