// The way of readings to the rules: readings are stored before there are rules to look at them, and what nobody listens to is gone.

import type { StoredReading } from './thresholds.ts';

export interface ReadingListener {
  /** Readings that were stored, new or not, before any of them is the newest of its series. */
  heard(readings: readonly StoredReading[]): void;
}

export class AlertFeed implements ReadingListener {
  #listener: ReadingListener | undefined;

  listen(listener: ReadingListener): void {
    this.#listener = listener;
  }

  heard(readings: readonly StoredReading[]): void {
    this.#listener?.heard(readings);
  }
}
