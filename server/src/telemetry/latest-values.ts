// The newest value of every series, in memory: what the page shows first, and what changes on it. Borrows the database.

import type { Address } from '@sitecast/shared/protocol/ids';
import { formatAddress, parseAddress } from '@sitecast/shared/protocol/ids';
import { MAX_LABEL_CHARACTERS } from '@sitecast/shared/protocol/mapping/bounds';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Queryable } from '../postgres/pool.ts';

/** Series; the values of more are stored, but not shown as newest (`reject`). */
export const LATEST_VALUES_MAX = 20_000;
/** One of them: the value, and the text of it in an answer, each with its label. */
export const LATEST_VALUE_BYTES = 300 + 320 + 2 * (2 * MAX_LABEL_CHARACTERS + 10);

/** A clock that is set by less is no other one. */
const CLOCK_STEP_MS = 1_000;

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
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** By sensor address, then by metric. */
  readonly #sensors = new Map<string, Map<string, NewestValue>>();
  /** By sensor address: its values as they stand in an answer, until one of them changes. */
  readonly #texts = new Map<string, string>();
  /** By sensor address, then by metric. */
  readonly #labels = new Map<string, ReadonlyMap<string, string>>();
  #size = 0;
  #seriesLeftOut = 0;

  constructor({
    max = LATEST_VALUES_MAX,
    clock = systemClock,
  }: { max?: number; clock?: Pick<Clock, 'nowMs'> } = {}) {
    this.#max = max;
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** Since the start. */
  get seriesLeftOut(): number {
    return this.#seriesLeftOut;
  }

  /** From the table, at start: what is dated ahead only where there is nothing else. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async load(database: Queryable, nowMs = Date.now()): Promise<void> {
    const rows = await database.query<Omit<NewestValue, 'tsMs'> & { ts: Date; label: string | null }>(
      `select site, sensor, metric, unit, label, ts, value from series
       cross join lateral (
         (select ts, value from telemetry where series_id = series.id and ts <= $2 order by ts desc limit 1)
         union all (select ts, value from telemetry where series_id = series.id and ts > $2 order by ts limit 1)
         limit 1
       ) as newest
       order by series.id limit $1`,
      [this.#max, new Date(nowMs)],
    );
    this.accept(rows.map(({ ts, label: _, ...rest }) => ({ ...rest, tsMs: Math.min(ts.getTime(), nowMs) })));
    for (const { site, sensor, metric, label } of rows)
      if (label !== null) this.nameSeries({ site, id: sensor }, { [metric]: label });
  }

  /** @returns the ones that are newer than what was known: late values change nothing here. */
  accept(values: NewestValue[]): LatestValue[] {
    const changed = new Set<NewestValue>();
    for (const value of values) {
      const metrics = this.#metricsOf(value);
      const known = metrics.get(value.metric);
      if (known && known.tsMs >= value.tsMs && !this.#isOfTomorrow(known)) continue;
      if (!known && !this.#hasRoom()) continue;
      if (known) changed.delete(known);
      metrics.set(value.metric, value);
      this.#texts.delete(formatAddress({ site: value.site, id: value.sensor }));
      changed.add(value);
    }
    return [...changed].map((value) => this.#toLatestValue(value));
  }

  /** Other units for values that are here, by metric. */
  nameUnits(sensor: Address, units: Readonly<Record<string, string>>): void {
    const key = formatAddress(sensor);
    const metrics = this.#sensors.get(key);
    for (const [metric, unit] of Object.entries(units)) {
      const known = metrics?.get(metric);
      if (known) metrics?.set(metric, { ...known, unit });
    }
    this.#texts.delete(key);
  }

  /** What the device calls values that are here, by metric. */
  nameSeries(sensor: Address, labels: Readonly<Record<string, string>>): void {
    const key = formatAddress(sensor);
    const metrics = this.#sensors.get(key);
    const known = Object.entries(labels).filter(([metric]) => metrics?.has(metric));
    this.#labels.set(key, new Map([...(this.#labels.get(key) ?? []), ...known]));
    this.#texts.delete(key);
  }

  labelOf({ site, sensor, metric }: Pick<NewestValue, 'site' | 'sensor' | 'metric'>): string | undefined {
    return this.#labels.get(formatAddress({ site, id: sensor }))?.get(metric);
  }

  of(sensor: Address): LatestValue[] {
    const metrics = this.#sensors.get(formatAddress(sensor));
    return [...(metrics?.values() ?? [])].map((value) => this.#toLatestValue(value));
  }

  /** When the newest value of a series was measured; undefined for one that came before the clock here was set back. */
  timeOf({ site, sensor, metric }: Pick<NewestValue, 'site' | 'sensor' | 'metric'>): number | undefined {
    const known = this.#sensors.get(formatAddress({ site, id: sensor }))?.get(metric);
    return known && this.#isOfTomorrow(known) ? undefined : known?.tsMs;
  }

  newestMsOf(sensor: Address): number | undefined {
    const metrics = this.#sensors.get(formatAddress(sensor));
    return metrics && [...metrics.values()].reduce((newest, { tsMs }) => Math.max(newest, tsMs), 0);
  }

  /**
   * `{items, nextCursor: null}` as JSON. Each value is written down once, not once for everybody who asks: with thousands of
   * series that would keep the event loop busy for longer than anything else here.
   */
  answer({ sites, sensor }: { sites: readonly string[] | null; sensor?: string | undefined }): Buffer {
    const seen = sites && new Set(sites);
    const texts: string[] = [];
    for (const [key, metrics] of this.#sensors) {
      const { site, id } = parseAddress(key);
      if ((seen && !seen.has(site)) || (sensor !== undefined && sensor !== id) || metrics.size === 0)
        continue;
      texts.push(this.#textOf(key, metrics));
    }
    return Buffer.from(`{"items":[${texts.join()}],"nextCursor":null}`);
  }

  #textOf(key: string, metrics: Map<string, NewestValue>): string {
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const text = [...metrics.values()].map((value) => JSON.stringify(this.#toLatestValue(value))).join();
    this.#texts.set(key, text);
    return text;
  }

  /** Nothing is taken in as newer than now: the clock was ahead then, and the next value is newer. */
  #isOfTomorrow({ tsMs }: NewestValue): boolean {
    return tsMs > this.#clock.nowMs() + CLOCK_STEP_MS;
  }

  #toLatestValue({ tsMs, ...rest }: NewestValue): LatestValue {
    return { ...rest, label: this.labelOf(rest) ?? null, ts: new Date(tsMs).toISOString() };
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
