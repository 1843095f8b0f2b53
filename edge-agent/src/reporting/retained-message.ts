// A retained message that follows a state: sent at each connect, and on change, at most once an interval.

import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';

export interface RetainedMessageOptions {
  topic: string;
  /** The state of now. */
  encode: () => Uint8Array;
  connection: {
    readonly isOnline: boolean;
    publish(topic: string, payload: Uint8Array, options: { retain: boolean }): Promise<void>;
    onOnline(listener: () => void): () => void;
  };
  /** Changes within this time go out as one. */
  coalesceMs: number;
  log: QuietLog;
  clock?: Clock;
}

/** Borrows the connection; owns its timer. Only the newest state is ever sent, so nothing queues up. */
export class RetainedMessage {
  readonly #options: RetainedMessageOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: RetainedMessageOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#unsubscribe = this.#options.connection.onOnline(() => this.#send());
  }

  changed(): void {
    this.#timer ??= this.#clock.after(this.#options.coalesceMs, () => {
      this.#timer = undefined;
      this.#send();
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#unsubscribe?.();
  }

  #send(): void {
    const { connection, topic, encode, log } = this.#options;
    // Offline: the next connect sends it.
    if (!connection.isOnline) return;
    connection.publish(topic, encode(), { retain: true }).catch((error: unknown) => {
      log.warn('RETAINED', { topic, reason: messageOf(error) }, 'a retained message was not delivered');
      if (connection.isOnline) this.changed();
    });
  }
}
