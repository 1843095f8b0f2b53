// When something happened, as a device says it: believed only where its clock can have been right.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { MAX_READING_AHEAD_MS } from '@sitecast/shared/protocol/limits';

const EARLIEST_MS = Date.UTC(2000, 0, 1);

/**
 * @param id of the message, for the notice to the device.
 * @throws {AppError} FRAME_MALFORMED, not retryable.
 */
export function isBelievable(time: string, nowMs: number): boolean {
  const ms = Date.parse(time);
  return ms >= EARLIEST_MS && ms <= nowMs + MAX_READING_AHEAD_MS;
}

export function expectBelievable(
  time: string,
  { what, id, nowMs }: { what: string; id: string; nowMs: number },
): void {
  if (isBelievable(time, nowMs)) return;
  throw new AppError('FRAME_MALFORMED', `${what} ${time} is not between 2000 and tomorrow`, {
    detail: { id },
  });
}
