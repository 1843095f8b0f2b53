// Puts what the lanes lost into the spool as messages of their own: when the server is back, and each minute while it is there.

import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import type { Gap } from './gap.ts';
import { LANES, type Lane } from './lanes.ts';

/** A gap that grows while the server listens is told this often, in pieces. */
const EVERY_MS = 60_000;

export interface GapTellerOptions {
  spool: { gapToTell(lane: Lane): Promise<Gap | undefined>; gapTold(lane: Lane): Promise<void> };
  /** Resolves when it is in the spool. */
  keep: (lane: Lane, gap: Gap) => Promise<void>;
  isOnline: () => boolean;
  /** The server is back, and what is counted is what it did not get. */
  onReady: (listener: () => void) => () => void;
  log: QuietLog;
  clock?: Clock;
}

/** Borrows the spool; owns its timer. While the server is away it says nothing, and the gaps grow. */
export class GapTeller {
  readonly #options: GapTellerOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #telling: Promise<void> | undefined;

  constructor(options: GapTellerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#unsubscribe = this.#options.onReady(() => this.#tell());
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#unsubscribe?.();
    await this.#telling;
  }

  #schedule(): void {
    this.#timer = this.#clock.after(EVERY_MS, () => {
      this.#schedule();
      this.#tell();
    });
  }

  #tell(): void {
    if (!this.#options.isOnline()) return;
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = undefined));
  }

  async #tellAll(): Promise<void> {
    const { spool, keep, log } = this.#options;
    for (const lane of LANES) {
      try {
        const gap = await spool.gapToTell(lane);
        if (!gap) continue;
        await keep(lane, gap);
        await spool.gapTold(lane);
      } catch (error) {
        // It stays, and is tried again.
        log.warn('GAP', { lane, reason: messageOf(error) }, 'a gap was not spooled');
      }
    }
  }
}
