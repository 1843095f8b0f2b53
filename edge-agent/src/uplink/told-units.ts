// Which units the server was told of: each goes with the first reading of its series, and again each hour, because a spool
// that drops its oldest may have dropped the one that said it.

import type { Reading } from '@sitecast/shared/protocol/telemetry';
import type { Clock } from '@sitecast/shared/runtime/clock';

const TELL_AGAIN_MS = 60 * 60 * 1000;
/** Series. Policy: above it, units go with each reading. The site broker lets in fewer. */
export const TOLD_UNITS_MAX = 10_000;

interface Told {
  unit: string;
  atMs: number;
}

export class ToldUnits {
  readonly #clock: Clock;
  readonly #told = new Map<string, Told>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns the readings with those units only that are to be told now; they count as told. */
  toTell(sensor: string, readings: readonly Reading[]): Reading[] {
    return readings.map(({ tsMs, values, units = {} }) => {
      const due = Object.entries(units).filter(([metric, unit]) => this.#isDue(`${sensor} ${metric}`, unit));
      return due.length === 0 ? { tsMs, values } : { tsMs, values, units: Object.fromEntries(due) };
    });
  }

  /** What was to be told did not get into the spool. */
  forget(sensor: string, readings: readonly Reading[]): void {
    for (const { units = {} } of readings)
      for (const metric of Object.keys(units)) this.#told.delete(`${sensor} ${metric}`);
  }

  #isDue(key: string, unit: string): boolean {
    const known = this.#told.get(key);
    const nowMs = this.#clock.monotonicMs();
    if (known?.unit === unit && nowMs - known.atMs < TELL_AGAIN_MS) return false;
    if (known || this.#told.size < TOLD_UNITS_MAX) this.#told.set(key, { unit, atMs: nowMs });
    return true;
  }
}
