// The way of readings to the rules: readings are stored before there are rules to look at them, and what nobody listens to is gone.

import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';

export interface ReadingListener {
  /** Values that became the newest of their series. */
  valuesChanged(values: readonly LatestValue[]): void;
  /** Readings that were stored, new or not. */
  heard(readings: readonly { site: string; sensor: string; metric: string }[]): void;
}

export class AlertFeed implements ReadingListener {
  #listener: ReadingListener | undefined;

  listen(listener: ReadingListener): void {
    this.#listener = listener;
  }

  valuesChanged(values: readonly LatestValue[]): void {
    this.#listener?.valuesChanged(values);
  }

  heard(readings: readonly { site: string; sensor: string; metric: string }[]): void {
    this.#listener?.heard(readings);
  }
}
