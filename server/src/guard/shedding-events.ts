// Each step of shedding as an event among the others: begun, why, and ended. Owns its timer; borrows the event store.
//
// A server under pressure may not reach its database: what could not be stored is tried again, in order.

import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { ulid } from 'ulid';
import type { EventStore, OwnEvent } from '../ingest/event-store.ts';
import type { SheddingChange } from './guard.ts';

/** Events that wait for the database (`drop-oldest`). */
export const SHEDDING_EVENTS_MAX = 50;
const RETRY_MS = 5_000;

export interface SheddingEventsOptions {
  events: Pick<EventStore, 'storeOwn' | 'endOwn'>;
  logger: Logger;
  clock?: Clock;
}

export class SheddingEvents {
  readonly #options: SheddingEventsOptions & { clock: Clock };
  readonly #open = new Map<string, OwnEvent>();
  /** By id: the end of an event replaces its begin. */
  readonly #pending = new Map<string, OwnEvent>();
  readonly counters = { eventsDropped: 0 };
  #storing: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(options: SheddingEventsOptions) {
    this.#options = { clock: systemClock, ...options };
  }

  /** Ends what a process that was killed left open. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async start(): Promise<void> {
    await this.#options.events.endOwn('shedding', this.#now());
  }

  follow({ step, inForce, causes }: SheddingChange): void {
    if (inForce) this.#begin(step, causes);
    else this.#end(step);
    void this.#store();
  }

  /** Idempotent. Ends what is open, and tries once more to store what waits. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    for (const step of [...this.#open.keys()]) this.#end(step);
    await this.#storing;
    await this.#store();
    this.#timer?.cancel();
  }

  #begin(step: string, causes: string[]): void {
    const detail = `${step}, because of ${causes.join(', ')}`;
    const event = { id: ulid(), kind: 'shedding', at: this.#now(), until: null, detail };
    this.#open.set(step, event);
    this.#keep(event);
  }

  #end(step: string): void {
    const event = this.#open.get(step);
    if (event === undefined) return;
    this.#open.delete(step);
    this.#keep({ ...event, until: this.#now() });
  }

  #keep(event: OwnEvent): void {
    this.#pending.set(event.id, event);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size <= SHEDDING_EVENTS_MAX || oldest === undefined) return;
    this.#pending.delete(oldest);
    this.counters.eventsDropped += 1;
  }

  #store(): Promise<void> {
    this.#timer?.cancel();
    this.#storing ??= this.#storePending()
      .catch((error: unknown) => this.#retryLater(error))
      .finally(() => (this.#storing = undefined));
    return this.#storing;
  }

  async #storePending(): Promise<void> {
    for (let [event] = this.#pending.values(); event !== undefined; [event] = this.#pending.values()) {
      await this.#options.events.storeOwn(event);
      // Not what came meanwhile: its end.
      if (this.#pending.get(event.id) === event) this.#pending.delete(event.id);
    }
  }

  #retryLater(error: unknown): void {
    const { logger, clock } = this.#options;
    logger.warn({ reason: messageOf(error) }, 'what was shed could not be stored as an event yet');
    this.#timer = clock.after(RETRY_MS, () => void this.#store());
  }

  #now(): Date {
    return new Date(this.#options.clock.nowMs());
  }
}
