// Tells of devices that another process revoked, `sitecast-server device revoke` for one. Owns its timer.

import type { Logger } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { DeviceAddress, Devices } from './devices.ts';

const SWEEP_MS = 5_000;

export interface RevocationSweepOptions {
  devices: Pick<Devices, 'revokedSince'>;
  /** May be called more than once for one. */
  onRevoked: (device: DeviceAddress) => Promise<void>;
  logger: Logger;
  clock?: Clock;
}

export class RevocationSweep {
  readonly #options: RevocationSweepOptions;
  readonly #clock: Clock;
  #since: Date;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: RevocationSweepOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#since = new Date(this.#clock.nowMs());
  }

  start(): void {
    this.#timer = this.#clock.after(SWEEP_MS, () => {
      void this.#sweep().finally(() => {
        if (!this.#isClosed) this.start();
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #sweep(): Promise<void> {
    const { devices, onRevoked, logger } = this.#options;
    try {
      const { revoked, until } = await devices.revokedSince(this.#since);
      for (const device of revoked) await onRevoked(device);
      this.#since = until;
    } catch (error) {
      // The next sweep asks from the same moment on.
      logger.debug({ reason: messageOf(error) }, 'revoked devices could not be read');
    }
  }
}
