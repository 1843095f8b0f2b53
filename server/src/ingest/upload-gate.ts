// How many uploads are read at once, and how many bytes they may come to: in all, and of one device, so that one camera
// cannot keep out the others.

import { AppError } from '@sitecast/shared/runtime/app-error';

export interface UploadLimits {
  uploads: number;
  bytes: number;
  uploadsPerDevice: number;
  bytesPerDevice: number;
}

const RETRY_AFTER_MS = 2_000;

interface Held {
  uploads: number;
  bytes: number;
}

/** Bounds: its limits, `reject`. A device stands in its map only while it uploads. */
export class UploadGate {
  readonly #limits: UploadLimits;
  readonly #all: Held = { uploads: 0, bytes: 0 };
  readonly #devices = new Map<string, Held>();
  readonly counters = { refusedInAll: 0, refusedOfDevice: 0 };

  constructor(limits: UploadLimits) {
    this.#limits = limits;
  }

  /** Of all devices, now. */
  get held(): Readonly<Held> {
    return this.#all;
  }

  /**
   * @param bytes as the request declares them, or the most that it may have.
   * @returns gives the place back; idempotent.
   * @throws {AppError} RATE_LIMITED (retryable).
   */
  enter(device: string, bytes: number): () => void {
    const own = this.#devices.get(device) ?? { uploads: 0, bytes: 0 };
    this.#expectRoom(own, bytes);
    this.#devices.set(device, own);
    add(own, 1, bytes);
    add(this.#all, 1, bytes);
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      add(own, -1, -bytes);
      add(this.#all, -1, -bytes);
      if (own.uploads === 0) this.#devices.delete(device);
    };
  }

  #expectRoom(own: Held, bytes: number): void {
    const limits = this.#limits;
    if (own.uploads >= limits.uploadsPerDevice || own.bytes + bytes > limits.bytesPerDevice) {
      this.counters.refusedOfDevice += 1;
      throw busy(own.uploads, limits.uploadsPerDevice, 'of this device');
    }
    if (this.#all.uploads >= limits.uploads || this.#all.bytes + bytes > limits.bytes) {
      this.counters.refusedInAll += 1;
      throw busy(this.#all.uploads, limits.uploads, 'in all');
    }
  }
}

function add(held: Held, uploads: number, bytes: number): void {
  held.uploads += uploads;
  held.bytes += bytes;
}

function busy(active: number, limit: number, whose: string): AppError {
  return new AppError('RATE_LIMITED', `${active} uploads ${whose} are under way, at most ${limit}`, {
    retryable: true,
    detail: { limit, active, retryAfterMs: RETRY_AFTER_MS },
  });
}
