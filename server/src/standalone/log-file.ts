// The log of one child process, bounded: the child writes to the descriptor by itself, this only keeps it short.

import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';

const MAX_FILE_BYTES = 5 * 1024 * 1024;
const CHECK_INTERVAL_MS = 30_000;
const TAIL_LINES = 15;

/** Owns the descriptor and a timer. Bound: about 2 x MAX_FILE_BYTES, policy `drop-oldest` (the previous file is kept as `.1`). */
export class LogFile {
  readonly path: string;
  readonly fd: number;
  readonly #timer: NodeJS.Timeout;

  constructor(path: string) {
    this.path = path;
    this.fd = openSync(path, 'a', 0o600);
    this.#timer = setInterval(() => this.#shorten(), CHECK_INTERVAL_MS).unref();
    this.#shorten();
  }

  /** The last lines, for the message when a child does not come up. */
  tail(): string {
    return readFileSync(this.path, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  }

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.fd);
  }

  // Copy and truncate, not rename: the child holds the descriptor, and appends at the new end (O_APPEND).
  #shorten(): void {
    if (fstatSync(this.fd).size <= MAX_FILE_BYTES) return;
    copyFileSync(this.path, `${this.path}.1`);
    ftruncateSync(this.fd);
  }
}
