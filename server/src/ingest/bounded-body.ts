// Reads a request's body into memory, up to a size and within a time.

import type { Readable } from 'node:stream';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';

export interface BodyBounds {
  maxBytes: number;
  deadlineMs: number;
  clock?: Clock;
}

/**
 * Once it settles, nothing of it hangs on the stream, which is paused when it did not end: what still comes stays in the
 * kernel until the connection is closed.
 * @throws {AppError} PAYLOAD_TOO_LARGE with the first byte too many; UPLOAD_TOO_SLOW; UPLOAD_ABORTED when the sender is gone.
 */
export async function readBody(
  stream: Readable,
  { maxBytes, deadlineMs, clock = systemClock }: BodyBounds,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let settle: { resolve: () => void; reject: (error: Error) => void };
  const isRead = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else settle.reject(tooLarge(maxBytes));
  };
  const onEnd = (): void => settle.resolve();
  const onGone = (): void => settle.reject(new AppError('UPLOAD_ABORTED', 'the sender went away'));
  const timer = clock.after(deadlineMs, () =>
    settle.reject(new AppError('UPLOAD_TOO_SLOW', `the body did not arrive within ${deadlineMs} ms`)),
  );
  const listeners = { data: onData, end: onEnd, error: onGone, close: onGone };
  for (const [event, listener] of Object.entries(listeners)) stream.on(event, listener);
  try {
    await isRead;
    return Buffer.concat(chunks, bytes);
  } finally {
    timer.cancel();
    stream.pause();
    for (const [event, listener] of Object.entries(listeners)) stream.off(event, listener);
    // It may still fail when its connection is cut.
    stream.on('error', () => undefined);
  }
}

export function tooLarge(maxBytes: number): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', `the body has more than ${maxBytes} bytes`, {
    detail: { limit: maxBytes },
  });
}
