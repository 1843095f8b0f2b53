// Whether the data folder has room and can be written. Looks at most once in five seconds, however many ask, and once at a time: a
// file system that hangs must not hang whoever asks, nor take the threads that everything else reads and writes with.

import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';

export interface DiskReading {
  totalBytes: number;
  /** For accounts other than root. */
  freeBytes: number;
  minFreeBytes: number;
  isWritable: boolean;
}

export interface DiskWatchOptions {
  dir: string;
  /** Below it the server says that it is not ready. */
  minFreeBytes: number;
  clock: Clock;
}

const KEPT_MS = 5_000;
/** A disk that takes longer cannot be written, as far as anybody can tell. */
const PATIENCE_MS = 2_000;
/** Always the same name, so that what a crash leaves is one file. */
const PROBE_NAME = '.write-probe';

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #newest: { reading: Promise<DiskReading>; atMs: number } | undefined;
  #looking: Promise<DiskReading> | undefined;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Never rejects: a folder that cannot be asked has no room and is not writable. */
  read(): Promise<DiskReading> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#newest || nowMs - this.#newest.atMs >= KEPT_MS)
      this.#newest = { reading: this.#readInTime(), atMs: nowMs };
    return this.#newest.reading;
  }

  /** One that came too late is waited for by the next one who asks, instead of another look. */
  async #readInTime(): Promise<DiskReading> {
    this.#looking ??= this.#read().finally(() => (this.#looking = undefined));
    let timer: Timer | undefined;
    const tooLate = new Promise<DiskReading>((resolve) => {
      const { clock, minFreeBytes } = this.#options;
      const unknown = { totalBytes: 0, freeBytes: 0, minFreeBytes, isWritable: false };
      timer = clock.after(PATIENCE_MS, () => resolve(unknown));
    });
    return Promise.race([this.#looking, tooLate]).finally(() => timer?.cancel());
  }

  async #read(): Promise<DiskReading> {
    const { dir, minFreeBytes } = this.#options;
    const { blocks, bavail, bsize } = await statfs(dir).catch(() => ({ blocks: 0, bavail: 0, bsize: 0 }));
    const isWritable = await canWrite(join(dir, PROBE_NAME));
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, minFreeBytes, isWritable };
  }
}

export function hasRoom({ freeBytes, minFreeBytes, isWritable }: DiskReading): boolean {
  return isWritable && freeBytes >= minFreeBytes;
}

/** A file system that has turned read-only, or is full to the last block, lets itself be asked all the same. */
async function canWrite(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'w', 0o640);
    try {
      await file.writeFile('.');
    } finally {
      await file.close();
    }
    await rm(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
