// Counts what goes over the uplink in a billing period, so that a restart forgets next to nothing. Owns its file.
//
// The file is written anew once a minute while bytes flow, sooner after 16 MiB, never more than once in ten seconds, and at the
// end. A kill or a power cut loses what came since: at most that.

import { readFile } from 'node:fs/promises';
import { MIB } from '@sitecast/shared/protocol/limits';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import { replaceStateFile } from '../state-file.ts';
import { billingPeriodOf, type BillingPeriod } from './billing-period.ts';
import { TrafficMonth, trafficState, type TrafficState } from './traffic-month.ts';

/** TCP, IP and TLS around the bytes of MQTT: carriers count them too. */
const OVERHEAD = 1.05;
export const SAVE_EVERY_MS = 60_000;
export const SAVE_AT_LEAST_EVERY_BYTES = 16 * MIB;
export const SAVE_MIN_INTERVAL_MS = 10_000;

export interface TrafficLedgerOptions {
  path: string;
  resetDay: number;
  log: QuietLog;
  clock: Clock;
}

export class TrafficLedger {
  readonly #options: TrafficLedgerOptions;
  readonly #month: TrafficMonth;
  #unsavedBytes = 0;
  #savedAtMs: number;
  #saving: Promise<void> | undefined;

  private constructor(options: TrafficLedgerOptions, state: TrafficState | undefined) {
    this.#options = options;
    this.#month = new TrafficMonth(options.resetDay, state);
    this.#savedAtMs = options.clock.monotonicMs();
    this.#month.enter(options.clock.nowMs());
  }

  /** A file that cannot be read is logged, and begun anew. */
  static async open(options: TrafficLedgerOptions): Promise<TrafficLedger> {
    return new TrafficLedger(options, await load(options));
  }

  get usedBytes(): number {
    return Math.round(this.#month.usedBytes);
  }

  get forecastBytes(): number {
    return this.#month.forecastBytes(this.#options.clock.nowMs());
  }

  get period(): BillingPeriod {
    return billingPeriodOf(this.#options.clock.nowMs(), this.#options.resetDay);
  }

  /** @param bytes both ways, as the sockets count them. */
  count(bytes: number): void {
    const { clock } = this.#options;
    this.#month.add(bytes * OVERHEAD, clock.nowMs());
    this.#unsavedBytes += bytes;
    const sinceMs = clock.monotonicMs() - this.#savedAtMs;
    const isDue = sinceMs >= SAVE_EVERY_MS || this.#unsavedBytes >= SAVE_AT_LEAST_EVERY_BYTES;
    if (isDue && this.#unsavedBytes > 0 && sinceMs >= SAVE_MIN_INTERVAL_MS) this.#save();
  }

  async close(): Promise<void> {
    await this.#saving;
    if (this.#unsavedBytes > 0) this.#save();
    await this.#saving;
  }

  #save(): void {
    if (this.#saving) return;
    this.#unsavedBytes = 0;
    this.#savedAtMs = this.#options.clock.monotonicMs();
    this.#saving = replaceStateFile(this.#options.path, this.#month.state)
      .catch((error: unknown) => {
        const fields = { path: this.#options.path, reason: messageOf(error) };
        this.#options.log.warn('TRAFFIC', fields, 'the count of the uplink is not on the disk');
      })
      .finally(() => (this.#saving = undefined));
  }
}

async function load({ path, log }: TrafficLedgerOptions): Promise<TrafficState | undefined> {
  try {
    return trafficState.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    log.warn('TRAFFIC', { path, reason: messageOf(error) }, 'the count of the uplink begins anew');
    return undefined;
  }
}
