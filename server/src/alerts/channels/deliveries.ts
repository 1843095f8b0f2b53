// Messages on their way: each is tried, tried again ever more slowly, and in the end a dead letter that people see and can send
// again. Rows are the truth; jobs of the queue only say that there is work. Each target has one job at a time, so that one which
// is slow or away keeps only its own messages waiting. Owns the timer of the sweep; borrows the queue.

import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { JobQueue } from '../../queues/job-queue.ts';
import type { Page } from '../../ingest/page.ts';
import { nameOfTarget, type ChannelKind } from './channel.ts';
import type { Delivery, DeliveryQuery, DeliveryStore, DueDelivery, Letter } from './delivery-store.ts';

/** At once, each to another target: as many may hang, and others are told all the same. */
export const DELIVERIES_AT_ONCE_MAX = 8;
/** Kept (`drop-oldest`). */
export const DEAD_LETTERS_MAX = 1_000;
const SENT_KEPT_MAX = 2_000;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Between the attempts: eight of them, over four hours. */
const RETRY_AFTER_MS = [
  10 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  60 * MINUTE_MS,
  120 * MINUTE_MS,
];
export const DELIVERY_ATTEMPTS_MAX = RETRY_AFTER_MS.length + 1;
/** Longer than any attempt. One whose process ended is tried again after it. */
const LEASE_MS = 60 * SECOND_MS;
const SWEEP_MS = 5 * SECOND_MS;
const TIDY_MS = MINUTE_MS;

export interface DeliveryJob {
  id: string;
  target: string;
}

export interface DeliveriesOptions {
  store: DeliveryStore;
  queue: Pick<JobQueue<DeliveryJob>, 'add' | 'process'>;
  /** Each throws an {@link AppError} that is safe to show. */
  senders: Record<ChannelKind, { send(letter: Letter, nowMs: number): Promise<void> }>;
  logger: Logger;
  clock?: Clock;
  /** For tests. */
  retryAfterMs?: readonly number[];
  sweepMs?: number;
}

export class Deliveries {
  readonly #options: Required<DeliveriesOptions>;
  readonly counters = { deliveriesSent: 0, deliveriesFailed: 0, deliveriesDead: 0, deadLettersDropped: 0 };
  /** Targets that have a job, and until when that is believed: a queue whose store is away may lose one. */
  readonly #busy = new Map<string, number>();
  #counts = { waiting: 0, dead: 0 };
  #timer: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  #tidyAtMs = 0;
  #isWanted = false;
  #isClosed = false;

  constructor(options: DeliveriesOptions) {
    this.#options = { clock: systemClock, retryAfterMs: RETRY_AFTER_MS, sweepMs: SWEEP_MS, ...options };
  }

  /** As last counted. */
  get counts(): { waiting: number; dead: number } {
    return this.#counts;
  }

  start(): void {
    this.#options.queue.process(DELIVERIES_AT_ONCE_MAX, (job) => this.#deliver(job));
    this.wake();
  }

  /** There is something new to send. */
  wake(): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#isWanted = true;
    this.#sweeping ??= this.#sweepWhileWanted().finally(() => {
      this.#sweeping = undefined;
      if (!this.#isClosed) this.#timer = this.#options.clock.after(this.#options.sweepMs, () => this.wake());
    });
  }

  /** Idempotent. What is under way is finished by the queue, which its owner closes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#sweeping;
  }

  /** Sends a test through each channel that the rule may use. @returns their ids. @throws {AppError} CHANNEL_MISSING */
  async test(rule: { id: string; site: string | null; channels: readonly string[] }): Promise<string[]> {
    const ids = await this.#options.store.test(rule, rule.channels, this.#now());
    if (ids.length === 0) throw new AppError('CHANNEL_MISSING', `rule ${rule.id} has no channel that is on`);
    this.wake();
    return ids;
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  list(query: DeliveryQuery): Promise<Page<Delivery>> {
    return this.#options.store.list(query);
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<Delivery> {
    const found = await this.#options.store.get(id);
    if (!found) throw new AppError('NOT_FOUND', `delivery ${id} does not exist`);
    return found;
  }

  /** A dead letter begins anew; anything else goes on as it was. @throws {AppError} NOT_FOUND */
  async sendAgain(id: string): Promise<Delivery> {
    await this.#options.store.sendAgain(id, this.#now());
    this.wake();
    return this.get(id);
  }

  /** A dead letter only. */
  async remove(id: string): Promise<void> {
    await this.#options.store.remove(id);
    this.wake();
  }

  async #deliver({ id, target }: DeliveryJob): Promise<void> {
    this.#busy.set(target, this.#options.clock.nowMs() + LEASE_MS);
    try {
      await this.#attempt(id);
    } finally {
      this.#busy.delete(target);
      // The next one for it.
      this.wake();
    }
  }

  async #attempt(id: string): Promise<void> {
    const { store, senders, clock } = this.#options;
    const nowMs = clock.nowMs();
    const letter = await store.claim(id, new Date(nowMs), new Date(nowMs + LEASE_MS));
    if (!letter) return;
    try {
      if (!letter.channel.enabled) throw new AppError('CHANNEL_MISSING', 'the channel is switched off');
      await senders[letter.channel.settings.kind].send(letter, nowMs);
    } catch (error) {
      await this.#failed(letter, error);
      return;
    }
    await store.sent(id, this.#now());
    this.counters.deliveriesSent += 1;
  }

  async #failed(letter: Letter, error: unknown): Promise<void> {
    const { store, logger, retryAfterMs, clock } = this.#options;
    const { id, attempts, channel } = letter;
    const nowMs = clock.nowMs();
    const waitMs = isAppError(error) && error.retryable ? retryAfterMs[attempts - 1] : undefined;
    // Anything else is a fault of ours, whose text nobody has looked at.
    const { code, message } = isAppError(error)
      ? error
      : { code: 'INTERNAL', message: 'something went wrong' };
    const nextAt = waitMs === undefined ? null : new Date(nowMs + waitMs);
    await store.failed(id, { code, message }, new Date(nowMs), nextAt);
    this.counters.deliveriesFailed += 1;
    if (nextAt === null) this.counters.deliveriesDead += 1;
    logger.warn(
      {
        delivery: id,
        channel: channel.id,
        kind: channel.settings.kind,
        target: nameOfTarget(channel.settings),
        attempts,
        isDead: nextAt === null,
        reason: isAppError(error) ? message : (error as Error).name,
      },
      'an alert could not be told',
    );
  }

  /** What came during a sweep may have been missed by it. */
  async #sweepWhileWanted(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      await this.#sweep();
    }
  }

  async #sweep(): Promise<void> {
    const { store, logger, clock } = this.#options;
    try {
      const nowMs = clock.nowMs();
      for (const [target, untilMs] of this.#busy) if (untilMs <= nowMs) this.#busy.delete(target);
      for (const due of await store.due(this.#now(), [...this.#busy.keys()])) await this.#add(due);
      if (nowMs >= this.#tidyAtMs) {
        this.#tidyAtMs = nowMs + TIDY_MS;
        const dropped = await store.removeSurplus({ sent: SENT_KEPT_MAX, dead: DEAD_LETTERS_MAX });
        this.counters.deadLettersDropped += dropped;
      }
      this.#counts = await store.counts();
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'messages about alerts wait for the next sweep');
    }
  }

  /** Adding a job that is there already changes nothing. */
  async #add({ id, attempts, target }: DueDelivery): Promise<void> {
    // Before it is there: it may be done before we hear that it was added.
    this.#busy.set(target, this.#options.clock.nowMs() + LEASE_MS);
    try {
      await this.#options.queue.add(`${id}-${attempts}`, { id, target });
    } catch (error) {
      this.#busy.delete(target);
      throw error;
    }
  }

  #now(): Date {
    return new Date(this.#options.clock.nowMs());
  }
}
