// Asks gateways for the pictures that rules want with their alerts. Nobody waits for a place: an alert without a picture is better
// than one that comes late.

import type { Address } from '@sitecast/shared/protocol/ids';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';

/** Asked for and not answered yet; an alert above it has none (`reject`). */
export const ALERT_SNAPSHOTS_MAX = 16;

export interface AlertSnapshotsOptions {
  /** As a person would ask for it. Throws what tells why there is none. */
  takeSnapshot: (camera: Address) => Promise<{ snapshotId: string }>;
  attach: (alertId: string, taken: { snapshotId: string } | { error: string }) => Promise<void>;
  logger: Logger;
}

export class AlertSnapshots {
  readonly #options: AlertSnapshotsOptions;
  readonly counters = { snapshotsTaken: 0, snapshotsFailed: 0, snapshotsRefused: 0 };
  #active = 0;

  constructor(options: AlertSnapshotsOptions) {
    this.#options = options;
  }

  /** Resolves when the alert names its picture, or says why it has none. Never rejects. */
  async take(alertId: string, camera: Address): Promise<void> {
    const taken = await this.#take(camera);
    await this.#options.attach(alertId, taken).catch((error: unknown) => {
      this.#options.logger.warn(
        { alert: alertId, reason: messageOf(error) },
        'the snapshot of an alert could not be noted',
      );
    });
  }

  async #take(camera: Address): Promise<{ snapshotId: string } | { error: string }> {
    if (this.#active >= ALERT_SNAPSHOTS_MAX) {
      this.counters.snapshotsRefused += 1;
      return { error: 'QUEUE_FULL' };
    }
    this.#active += 1;
    try {
      const { snapshotId } = await this.#options.takeSnapshot(camera);
      this.counters.snapshotsTaken += 1;
      return { snapshotId };
    } catch (error) {
      this.counters.snapshotsFailed += 1;
      return { error: isAppError(error) ? error.code : 'INTERNAL' };
    } finally {
      this.#active -= 1;
    }
  }
}
