// Watches how close the process is to trouble, and sheds load in a fixed order before trouble comes. Owns its timer.
//
// Each resource is at the level of its worst signal, and the server at that of its worst resource. A step of shedding is in force
// while a resource that it gives back is at the level of the step: a full queue of images is no reason to let viewers wait.
// Telemetry and what was acknowledged are never shed.

import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { HeldLevel, higherOf, isAtLeast, nextLevel, type PressureLevel, type Thresholds } from './levels.ts';

/** What can run short: memory and time of this process, the database, room for images, the disk. */
export const RESOURCES = ['process', 'database', 'images', 'disk'] as const;
export type Resource = (typeof RESOURCES)[number];

export interface Signal {
  name: string;
  resource: Resource;
  /** In the unit of the thresholds; larger is worse. */
  read: () => number;
  thresholds: Thresholds;
}

export interface SheddingStep {
  name: string;
  /** Which resources it gives back. */
  relieves: readonly Resource[];
  /** In force while one of them is at this level or above. */
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

/** A step that began or ended. */
export interface SheddingChange {
  step: string;
  inForce: boolean;
  /** The signals for which it began; empty at its end. */
  causes: string[];
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
  onShedding?: (change: SheddingChange) => void;
  logger: Logger;
  clock?: Clock;
}

const SAMPLE_MS = 1_000;
const HOLD_MS = 5_000;
export const GUARD_CHANGES_MAX = 50;

export class Guard {
  readonly #options: GuardOptions & { clock: Clock };
  readonly #readings = new Map<string, { value: number; level: PressureLevel }>();
  readonly #held = new Map<Resource, HeldLevel>(RESOURCES.map((name) => [name, new HeldLevel(HOLD_MS)]));
  readonly #begun: SheddingStep[] = [];
  /** Bound: GUARD_CHANGES_MAX, policy drop-oldest. */
  #changes: GuardChange[] = [];
  #timer: Timer | undefined;
  #isClosed = false;
  readonly counters = { levelChanges: 0, sheddingBegun: 0, changesForgotten: 0 };

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
      signals: Object.fromEntries(this.#readings),
      changes: this.#changes,
    };
  }

  /** One look at everything; the timer does it each second. */
  async look(): Promise<void> {
    await this.#options.refresh?.();
    for (const { name, read, thresholds } of this.#options.signals) {
      const value = read();
      const before = this.#readings.get(name)?.level ?? 'normal';
      this.#readings.set(name, { value, level: nextLevel(before, value, thresholds) });
    }
    const nowMs = this.#options.clock.monotonicMs();
    const changed = RESOURCES.filter((name) => this.#held.get(name)?.follow(this.#measured(name), nowMs));
    if (changed.length > 0) this.#react();
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

  get #level(): PressureLevel {
    return [...this.#held.values()].reduce<PressureLevel>(
      (worst, one) => higherOf(worst, one.level),
      'normal',
    );
  }

  #measured(resource: Resource): PressureLevel {
    return this.#options.signals
      .filter((signal) => signal.resource === resource)
      .reduce<PressureLevel>((worst, { name }) => higherOf(worst, this.#levelOf(name)), 'normal');
  }

  #levelOf(signal: string): PressureLevel {
    return this.#readings.get(signal)?.level ?? 'normal';
  }

  #react(): void {
    this.#shed();
    const level = this.#level;
    const shedding = this.#begun.map(({ name }) => name);
    const [last] = this.#changes;
    if ((last?.level ?? 'normal') === level && String(last?.shedding ?? '') === String(shedding)) return;
    this.counters.levelChanges += 1;
    const at = new Date(this.#options.clock.nowMs()).toISOString();
    const change = { at, level, causes: this.#causes(), shedding };
    if (this.#changes.length >= GUARD_CHANGES_MAX) this.counters.changesForgotten += 1;
    this.#changes = [change, ...this.#changes].slice(0, GUARD_CHANGES_MAX);
    this.#options.logger[level === 'normal' ? 'info' : 'warn'](change, 'pressure changed');
  }

  #shed(): void {
    const { steps, onShedding } = this.#options;
    for (const step of steps) {
      if (!this.#isDue(step) || this.#begun.includes(step)) continue;
      this.#begun.push(step);
      this.counters.sheddingBegun += 1;
      step.begin();
      onShedding?.({ step: step.name, inForce: true, causes: this.#reasonsFor(step) });
    }
    for (const step of this.#begun.toReversed()) {
      if (this.#isDue(step)) continue;
      this.#begun.splice(this.#begun.indexOf(step), 1);
      step.end();
      onShedding?.({ step: step.name, inForce: false, causes: [] });
    }
  }

  #isDue({ relieves, from }: SheddingStep): boolean {
    return relieves.some((resource) => isAtLeast(this.#held.get(resource)?.level ?? 'normal', from));
  }

  #reasonsFor({ relieves, from }: SheddingStep): string[] {
    return this.#options.signals
      .filter(({ name, resource }) => relieves.includes(resource) && isAtLeast(this.#levelOf(name), from))
      .map(({ name }) => name);
  }

  #causes(): string[] {
    const level = this.#level;
    if (level === 'normal') return [];
    return [...this.#readings].flatMap(([name, reading]) => (reading.level === level ? [name] : []));
  }
}
