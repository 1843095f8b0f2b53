// Takes messages from the spool to the broker, the important first, and tells the spool what was acknowledged.

import { MAX_UPLINK_IN_FLIGHT, MIB } from '@sitecast/shared/protocol/limits';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import type { MqttConnection } from './connection.ts';
import { SPOOL_CLASSES, type Spool, type SpoolClass } from './spool.ts';
import type { SpoolMessage } from './spool-log.ts';

/** Two places of the window are left to status, health and replies: a backlog must not delay an answer. */
export const MAX_SPOOL_IN_FLIGHT = MAX_UPLINK_IN_FLIGHT - 2;
/** A server with a backlog of pictures withholds their PUBACKs; readings must find a place all the same. */
export const MAX_SNAPSHOTS_IN_FLIGHT = 4;
/** Un-acked bytes; one message may be larger. Keeps a ping from waiting behind minutes of upload. */
export const MAX_IN_FLIGHT_BYTES = 1 * MIB;
const RETRY_AFTER_MS = 1_000;
const DRAIN_MS = 1_000;

export interface SpoolSenderOptions {
  spool: Spool;
  connection: MqttConnection;
  logger: Logger;
  clock?: Clock;
}

interface InFlight {
  spoolClass: SpoolClass;
  message: SpoolMessage;
}

/** Borrows spool and connection; owns the window over them. */
export class SpoolSender {
  readonly #options: SpoolSenderOptions;
  readonly #clock: Clock;
  readonly #inFlight = new Set<InFlight>();
  readonly #unsubscribe: (() => void)[] = [];
  #retryTimer: Timer | undefined;
  #isPumping = false;
  #isPumpDue = false;
  #isClosed = false;
  #onDrained: (() => void) | undefined;

  constructor(options: SpoolSenderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    const { spool, connection } = this.#options;
    const resume = (): void => {
      spool.rewind();
      this.#pump();
    };
    this.#unsubscribe.push(
      connection.onOnline(resume),
      spool.onPut(() => this.#pump()),
    );
    if (connection.isOnline) resume();
  }

  /** Takes nothing new, and gives what is under way a second to be acknowledged; the rest stays in the spool. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    if (this.#inFlight.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(DRAIN_MS, resolve);
      this.#onDrained = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #pump(): void {
    this.#isPumpDue = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#sendWhileAllowed().catch((error: unknown) => this.#retryLater(error));
  }

  async #sendWhileAllowed(): Promise<void> {
    try {
      while (this.#isPumpDue) {
        this.#isPumpDue = false;
        for (let next = await this.#takeNext(); next; next = await this.#takeNext()) this.#send(next);
      }
    } finally {
      // In the same turn as the last look at `#isPumpDue`, or a wake-up in between would be lost.
      this.#isPumping = false;
    }
  }

  #mayTakeMore(): boolean {
    if (this.#isClosed || !this.#options.connection.isOnline) return false;
    return this.#inFlight.size < MAX_SPOOL_IN_FLIGHT && this.#inFlightBytes() < MAX_IN_FLIGHT_BYTES;
  }

  async #takeNext(): Promise<InFlight | undefined> {
    for (const spoolClass of SPOOL_CLASSES) {
      if (!this.#mayTakeMore()) return undefined;
      if (spoolClass === 'snapshots' && this.#snapshotsInFlight() >= MAX_SNAPSHOTS_IN_FLIGHT) continue;
      const message = await this.#options.spool.next(spoolClass);
      if (message) return { spoolClass, message };
    }
    return undefined;
  }

  #send(sent: InFlight): void {
    const { spool, connection } = this.#options;
    const { topic, payload } = sent.message;
    this.#inFlight.add(sent);
    connection.publish(topic, payload).then(
      () => {
        spool.ack(sent.spoolClass, sent.message);
        this.#finished(sent);
      },
      (error: unknown) => {
        this.#finished(sent);
        // Offline: everything un-acked is sent again from the spool when the connection is back.
        if (connection.isOnline) this.#retryLater(error);
      },
    );
  }

  #finished(sent: InFlight): void {
    this.#inFlight.delete(sent);
    if (this.#inFlight.size === 0) this.#onDrained?.();
    this.#pump();
  }

  #retryLater(error: unknown): void {
    if (this.#isClosed) return;
    this.#options.logger.warn({ reason: messageOf(error) }, 'sending from the spool pauses');
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#clock.after(RETRY_AFTER_MS, () => {
      // Messages that are still under way may go out twice; receivers know them by their ids.
      this.#options.spool.rewind();
      this.#pump();
    });
  }

  #inFlightBytes(): number {
    let bytes = 0;
    for (const { message } of this.#inFlight) bytes += message.recordBytes;
    return bytes;
  }

  #snapshotsInFlight(): number {
    let count = 0;
    for (const { spoolClass } of this.#inFlight) if (spoolClass === 'snapshots') count += 1;
    return count;
  }
}
