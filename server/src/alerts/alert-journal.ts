// Stores what the engine decides, behind it: a database that is away for a while delays alerts, and loses none but the oldest of
// very many. Owns what waits, and the timer of the next attempt; borrows the store.

import type { Logger } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import { merged, type AlertChange, type StandingChange } from './alert-changes.ts';

/** Alerts that fired or ended and are not stored yet (`drop-oldest`). */
export const ALERT_CHANGES_MAX = 1_000;
/** Stored in one transaction, so that each stays far below the time of a statement. */
const BATCH_MAX = 50;
/** What comes together is stored together. */
const LINGER_MS = 100;
const RETRY_MS = 3_000;

export interface AlertJournalOptions {
  store: { save(standings: StandingChange[], alerts: AlertChange[]): Promise<void> };
  /** After the commit. */
  onStored: (alerts: AlertChange[]) => void;
  logger: Logger;
  clock: Clock;
}

export class AlertJournal {
  readonly #options: AlertJournalOptions;
  /** By rule and subject: only the newest is of use. Bound: the watches. */
  readonly #standings = new Map<string, StandingChange>();
  /** By alert. */
  readonly #alerts = new Map<string, AlertChange>();
  readonly counters = { changesDropped: 0 };
  #timer: Timer | undefined;
  #storing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: AlertJournalOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#alerts.size;
  }

  noteStanding(change: StandingChange): void {
    this.#standings.set(keyOf(change), change);
    this.#storeSoon(LINGER_MS);
  }

  noteAlert(change: AlertChange): void {
    this.#alerts.set(change.id, merged(this.#alerts.get(change.id), change));
    const [oldest] = this.#alerts.keys();
    if (this.#alerts.size > ALERT_CHANGES_MAX && oldest !== undefined) {
      this.#alerts.delete(oldest);
      this.counters.changesDropped += 1;
    }
    this.#storeSoon(LINGER_MS);
  }

  /** A rule was removed: there is nothing left to stand for. */
  forgetRule(ruleId: string): void {
    for (const [key, { ruleId: owner }] of this.#standings) if (owner === ruleId) this.#standings.delete(key);
  }

  /** Resolves when what was noted before is stored, or could not be. Never rejects. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#storing;
    this.#storing ??= this.#storeAll()
      .catch((error: unknown) => this.#retryLater(error))
      .finally(() => (this.#storing = undefined));
    await this.#storing;
  }

  /** Idempotent. Tries once more to store what waits. */
  async close(): Promise<void> {
    await this.flush();
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #storeAll(): Promise<void> {
    while (this.#standings.size > 0 || this.#alerts.size > 0) {
      const alerts = takeSome(this.#alerts, BATCH_MAX);
      // Alerts first: a standing names its alert.
      const standings = this.#alerts.size > 0 ? [] : takeSome(this.#standings, Number.POSITIVE_INFINITY);
      try {
        await this.#options.store.save(standings, alerts);
      } catch (error) {
        this.#putBack(standings, alerts);
        throw error;
      }
      if (alerts.length > 0) this.#options.onStored(alerts);
    }
  }

  #putBack(standings: StandingChange[], alerts: AlertChange[]): void {
    for (const change of standings) {
      const key = keyOf(change);
      if (!this.#standings.has(key)) this.#standings.set(key, change);
    }
    for (const change of alerts) {
      const later = this.#alerts.get(change.id);
      this.#alerts.set(change.id, later ? merged(change, later) : change);
    }
  }

  #storeSoon(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#options.clock.after(delayMs, () => void this.flush());
  }

  #retryLater(error: unknown): void {
    const { logger } = this.#options;
    logger.warn(
      { reason: messageOf(error), alerts: this.#alerts.size },
      'what the rules found could not be stored yet',
    );
    this.#storeSoon(RETRY_MS);
  }
}

const keyOf = ({ ruleId, subject }: StandingChange): string => `${ruleId} ${subject}`;

function takeSome<T>(waiting: Map<string, T>, most: number): T[] {
  const taken = [...waiting].slice(0, most);
  for (const [key] of taken) waiting.delete(key);
  return taken.map(([, value]) => value);
}
