// The health message: what the gateway and each camera cost and achieve, every 15 seconds while connected.

import { encodeJson } from '@sitecast/shared/protocol/json-message';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from './quiet-log.ts';

const EVERY_MS = 15_000;

export interface HealthReportOptions {
  address: AgentAddress;
  connection: {
    readonly isOnline: boolean;
    publish(topic: string, payload: Uint8Array): Promise<void>;
    onOnline(listener: () => void): () => void;
  };
  /** Everything but the time. */
  read: () => Promise<Omit<AgentHealth, 'at'>>;
  /** The message that says this time leaves. */
  onSend?: (at: string) => void;
  log: QuietLog;
  clock?: Clock;
}

/** Borrows the connection; owns its timer. One message at most is under way. */
export class HealthReport {
  readonly #options: HealthReportOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #isUnderWay = false;

  constructor(options: HealthReportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#unsubscribe = this.#options.connection.onOnline(() => this.#report());
    this.#schedule();
  }

  close(): void {
    this.#timer?.cancel();
    this.#unsubscribe?.();
  }

  #schedule(): void {
    this.#timer = this.#clock.after(EVERY_MS, () => {
      this.#schedule();
      this.#report();
    });
  }

  #report(): void {
    if (this.#isUnderWay || !this.#options.connection.isOnline) return;
    this.#isUnderWay = true;
    this.#send()
      .catch((error: unknown) => {
        this.#options.log.warn('HEALTH', { reason: messageOf(error) }, 'health was not delivered');
      })
      .finally(() => (this.#isUnderWay = false));
  }

  async #send(): Promise<void> {
    const { address, connection, read, onSend } = this.#options;
    const figures = await read();
    const health: AgentHealth = { at: new Date(this.#clock.nowMs()).toISOString(), ...figures };
    onSend?.(health.at);
    await connection.publish(topics.health(address), encodeJson(health));
  }
}
