// A sensor that is drawn: one reading every interval, on the beat.

import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import { DEMO_UNITS, demoValues, type DemoKind } from './demo-curves.ts';

export interface DemoSensorOptions {
  kind: DemoKind;
  intervalMs: number;
  onReading: (reading: Reading) => void;
  clock?: Clock;
}

/** Owns its timer. */
export class DemoSensor {
  readonly #options: DemoSensorOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(options: DemoSensorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    const { kind, intervalMs, onReading } = this.#options;
    const tsMs = this.#clock.nowMs();
    const toBeatMs = intervalMs - (tsMs % intervalMs);
    // A timer may come a little early; the beat that it was meant for is then this one.
    const delayMs = toBeatMs < intervalMs / 2 ? toBeatMs + intervalMs : toBeatMs;
    this.#timer = this.#clock.after(delayMs, () => this.start());
    onReading({ tsMs, values: demoValues(kind, tsMs), units: DEMO_UNITS[kind] });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
