// The newest value of every series, in memory: what the page shows first, and what changes on it. Borrows the database.

import type { Address } from '@sitecast/shared/protocol/ids';
import { formatAddress } from '@sitecast/shared/protocol/ids';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import type { Queryable } from '../postgres/pool.ts';

/** Series; the values of more are stored, but not shown as newest (`reject`). About 300 bytes each. */
export const LATEST_VALUES_MAX = 20_000;

export interface NewestValue {
  site: string;
  sensor: string;
  metric: string;
  unit: string | null;
  tsMs: number;
  value: number;
}

export class LatestValues {
  readonly #max: number;
  /** By sensor address, then by metric. */
  readonly #sensors = new Map<string, Map<string, NewestValue>>();
  #size = 0;
  #seriesLeftOut = 0;

  constructor({ max = LATEST_VALUES_MAX }: { max?: number } = {}) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Since the start. */
  get seriesLeftOut(): number {
    return this.#seriesLeftOut;
  }

  /** From the table, at start. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async load(database: Queryable): Promise<void> {
    const rows = await database.query<Omit<NewestValue, 'tsMs'> & { ts: Date }>(
      `select site, sensor, metric, unit, ts, value from series
       cross join lateral (select ts, value from telemetry where series_id = series.id order by ts desc limit 1) as newest
       order by series.id limit $1`,
      [this.#max],
    );
    this.accept(rows.map(({ ts, ...rest }) => ({ ...rest, tsMs: ts.getTime() })));
  }

  /** @returns the ones that are newer than what was known: late values change nothing here. */
  accept(values: NewestValue[]): LatestValue[] {
    const changed = new Set<NewestValue>();
    for (const value of values) {
      const metrics = this.#metricsOf(value);
      const known = metrics.get(value.metric);
      if (known && known.tsMs >= value.tsMs) continue;
      if (!known && !this.#hasRoom()) continue;
      if (known) changed.delete(known);
      metrics.set(value.metric, value);
      changed.add(value);
    }
    return [...changed].map(toLatestValue);
  }

  all(): LatestValue[] {
    return [...this.#sensors.values()].flatMap((metrics) => [...metrics.values()].map(toLatestValue));
  }

  of(sensor: Address): LatestValue[] {
    return [...(this.#sensors.get(formatAddress(sensor))?.values() ?? [])].map(toLatestValue);
  }

  #hasRoom(): boolean {
    if (this.#size >= this.#max) {
      this.#seriesLeftOut += 1;
      return false;
    }
    this.#size += 1;
    return true;
  }

  #metricsOf({ site, sensor }: NewestValue): Map<string, NewestValue> {
    const key = formatAddress({ site, id: sensor });
    const known = this.#sensors.get(key);
    if (known) return known;
    const metrics = new Map<string, NewestValue>();
    if (this.#size < this.#max) this.#sensors.set(key, metrics);
    return metrics;
  }
}

function toLatestValue({ tsMs, ...rest }: NewestValue): LatestValue {
  return { ...rest, ts: new Date(tsMs).toISOString() };
}
