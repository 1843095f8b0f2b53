// Watches how close the process is to trouble, and sheds load in a fixed order before trouble comes. Owns its timer.
//
// The level is the worst of all signals. Each step of shedding begins at its level and ends below it; telemetry and what was
// acknowledged are never shed.

import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { higherOf, isAtLeast, nextLevel, type PressureLevel, type Thresholds } from './levels.ts';

export interface Signal {
  name: string;
  /** In the unit of the thresholds; larger is worse. */
  read: () => number;
  thresholds: Thresholds;
}

export interface SheddingStep {
  name: string;
  /** In force at this level and above. */
  from: Exclude<PressureLevel, 'normal'>;
  begin: () => void;
  end: () => void;
}

export interface GuardChange {
  at: string;
  level: PressureLevel;
  /** The signals that are at this level; empty at `normal`. */
  causes: string[];
  shedding: string[];
}

export interface GuardReading {
  level: PressureLevel;
  causes: string[];
  /** Steps in force, in the order in which they began. */
  shedding: string[];
  /** By name, as last read. */
  signals: Record<string, { value: number; level: PressureLevel }>;
  /** Newest first. */
  changes: readonly GuardChange[];
}

export interface GuardOptions {
  signals: readonly Signal[];
  /** In the order in which they begin; they end in the reverse one. */
  steps: readonly SheddingStep[];
  /** Before each look at the signals, for those whose source has to be asked. */
  refresh?: () => Promise<void>;
  onChange?: (change: GuardChange) => void;
  logger: Logger;
  clock?: Clock;
}

const SAMPLE_MS = 1_000;
/** A level is kept at least so long, so that what is let in again does not at once bring it back. */
const HOLD_MS = 5_000;
export const GUARD_CHANGES_MAX = 50;

export class Guard {
  readonly #options: Required<Omit<GuardOptions, 'onChange' | 'refresh'>> & GuardOptions;
  readonly #levels = new Map<string, { value: number; level: PressureLevel }>();
  readonly #begun: SheddingStep[] = [];
  /** Bound: GUARD_CHANGES_MAX, policy drop-oldest. */
  #changes: GuardChange[] = [];
  #level: PressureLevel = 'normal';
  #calmSinceMs: number | undefined;
  #timer: Timer | undefined;
  #isClosed = false;
  readonly counters = { levelChanges: 0, sheddingBegun: 0 };

  constructor(options: GuardOptions) {
    this.#options = { clock: systemClock, ...options };
  }

  start(): void {
    this.#lookLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  read(): GuardReading {
    return {
      level: this.#level,
      causes: this.#causes(),
      shedding: this.#begun.map(({ name }) => name),
      signals: Object.fromEntries(this.#levels),
      changes: this.#changes,
    };
  }

  /** One look at everything; the timer does it each second. */
  async look(): Promise<void> {
    await this.#options.refresh?.();
    for (const { name, read, thresholds } of this.#options.signals) {
      const value = read();
      const before = this.#levels.get(name)?.level ?? 'normal';
      this.#levels.set(name, { value, level: nextLevel(before, value, thresholds) });
    }
    const worst = [...this.#levels.values()].reduce<PressureLevel>(
      (level, one) => higherOf(level, one.level),
      'normal',
    );
    if (this.#mayEnter(worst)) this.#enter(worst);
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(SAMPLE_MS, () => {
      void this.look()
        .catch((error: unknown) =>
          this.#options.logger.error({ reason: messageOf(error) }, 'the guard could not look'),
        )
        .finally(() => {
          if (!this.#isClosed) this.#lookLater();
        });
    });
  }

  /** Up at once; down only after the lower level has held for a while. */
  #mayEnter(worst: PressureLevel): boolean {
    if (isAtLeast(worst, this.#level)) {
      this.#calmSinceMs = undefined;
      return worst !== this.#level;
    }
    const nowMs = this.#options.clock.monotonicMs();
    this.#calmSinceMs ??= nowMs;
    return nowMs - this.#calmSinceMs >= HOLD_MS;
  }

  #enter(level: PressureLevel): void {
    this.#level = level;
    this.#calmSinceMs = undefined;
    this.counters.levelChanges += 1;
    this.#shed();
    const { clock, logger, onChange } = this.#options;
    const change = {
      at: new Date(clock.nowMs()).toISOString(),
      level,
      causes: this.#causes(),
      shedding: this.#begun.map(({ name }) => name),
    };
    this.#changes = [change, ...this.#changes].slice(0, GUARD_CHANGES_MAX);
    logger[level === 'normal' ? 'info' : 'warn'](change, 'pressure changed');
    onChange?.(change);
  }

  #shed(): void {
    for (const step of this.#options.steps) {
      if (!isAtLeast(this.#level, step.from) || this.#begun.includes(step)) continue;
      this.#begun.push(step);
      this.counters.sheddingBegun += 1;
      step.begin();
    }
    for (const step of this.#begun.toReversed()) {
      if (isAtLeast(this.#level, step.from)) continue;
      this.#begun.splice(this.#begun.indexOf(step), 1);
      step.end();
    }
  }

  #causes(): string[] {
    if (this.#level === 'normal') return [];
    return [...this.#levels].flatMap(([name, { level }]) => (level === this.#level ? [name] : []));
  }
}
