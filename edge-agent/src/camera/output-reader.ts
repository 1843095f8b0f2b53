// Reads one output of a process: at once while somebody waits for it, else in batches. A wake-up costs several times what is
// done in it: the same 25 fragments a second were measured to take a third of the CPU in five batches.

import type { Readable } from 'node:stream';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';

/** Between two batches, at most; what comes meanwhile waits in the pipe and in the stream. */
export const BATCH_MAX_MS = 200;
/** What a batch should bring: less than a pipe of Linux holds (pipe(7)), so that the process does not wait for us. */
const BATCH_BYTES = 48 * 1024;
const PIPE_BYTES = 64 * 1024;
/** After a batch of a full pipe: 6 MB/s go through. */
const BATCH_MIN_MS = 10;

export interface OutputReaderOptions {
  stream: Readable;
  take: (chunk: Buffer) => void;
  clock: Clock;
}

/**
 * Attends to the stream from the start. Borrows it, and ends with it. It listens all the time, at rest too: when a process exits,
 * Node makes its outputs flow, and what flows past no listener is lost.
 */
export class OutputReader {
  readonly #options: OutputReaderOptions;
  #timer: Timer | undefined;

  constructor(options: OutputReaderOptions) {
    this.#options = options;
    options.stream.on('data', options.take);
    options.stream.once('close', () => this.#timer?.cancel());
  }

  /** From now on each chunk is taken when it comes. Idempotent. */
  attend(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#options.stream.resume();
  }

  /** From now on in batches. Idempotent. */
  rest(): void {
    const { stream } = this.#options;
    if (this.#timer !== undefined || stream.destroyed) return;
    stream.pause();
    this.#lookIn(BATCH_MAX_MS);
  }

  #lookIn(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#takeBatch(delayMs));
  }

  #takeBatch(delayMs: number): void {
    const { stream } = this.#options;
    const batch = stream.read() as Buffer | null;
    if (this.#timer === undefined || stream.destroyed || stream.readableEnded) return;
    this.#lookIn(nextDelayMs(delayMs, batch?.length ?? 0));
  }
}

function nextDelayMs(delayMs: number, bytes: number): number {
  if (bytes >= PIPE_BYTES) return BATCH_MIN_MS;
  return Math.min(BATCH_MAX_MS, (delayMs * BATCH_BYTES) / Math.max(1, bytes));
}
