// Which number stands for which metric of which sensor. Makes new series, at most so many for each device.
// Borrows the database; owns two bounded caches.

import { systemClock } from '@sitecast/shared/runtime/clock';
import { TokenBucket } from '@sitecast/shared/runtime/token-bucket';
import type { Database, Queryable } from '../postgres/pool.ts';

export const SERIES_PER_DEVICE_MAX = 200;
/** Entries of each cache, `drop-oldest`: a miss costs one query. */
export const SERIES_CACHE_MAX = 20_000;
/** A series that was refused is not asked for again so soon: a device that makes up names must not cost a query a message. */
const REFUSED_FOR_MS = 60_000;

/** Changes of units and labels: a message that brings one of more is stored, and they wait for the next message (`slow`). */
export const UNIT_CHANGES_PER_SECOND = 10;
const UNIT_CHANGES_BURST = 1_000;

export interface Series {
  id: number;
  unit: string | null;
}

export interface SeriesCatalogueOptions {
  database: Database;
  perDeviceMax?: number;
  cacheMax?: number;
  nowMs?: () => number;
}

type Row = Series & { metric: string };

export class SeriesCatalogue {
  readonly #options: Required<SeriesCatalogueOptions>;
  readonly #known = new Map<string, Series>();
  /** By key; when to ask again. */
  readonly #refused = new Map<string, number>();
  readonly #unitChanges = new TokenBucket({
    perSecond: UNIT_CHANGES_PER_SECOND,
    burst: UNIT_CHANGES_BURST,
    clock: systemClock,
  });
  readonly counters = { seriesMade: 0, seriesRefused: 0, seriesForgotten: 0, unitChangesHeldUp: 0 };

  constructor(options: SeriesCatalogueOptions) {
    this.#options = {
      perDeviceMax: SERIES_PER_DEVICE_MAX,
      cacheMax: SERIES_CACHE_MAX,
      nowMs: () => Date.now(),
      ...options,
    };
  }

  get size(): number {
    return this.#known.size;
  }

  /**
   * @param device counts the series that are new.
   * @returns by metric; one that is missing was refused, because the device has SERIES_PER_DEVICE_MAX already.
   * @throws {AppError} BAD_REQUEST when the site does not exist; STORE_UNAVAILABLE (retryable).
   */
  async resolve(
    site: string,
    sensor: string,
    metrics: Iterable<string>,
    device: string,
  ): Promise<Map<string, Series>> {
    const found = new Map<string, Series>();
    const unknown: string[] = [];
    for (const metric of metrics) {
      const key = keyOf(site, sensor, metric);
      const series = this.#known.get(key);
      if (series) found.set(metric, series);
      else if (!this.#isRefused(key)) unknown.push(metric);
    }
    if (unknown.length === 0) return found;
    for (const row of await this.#findOrMake(site, sensor, unknown, device)) found.set(row.metric, row);
    for (const metric of unknown) this.#remember(keyOf(site, sensor, metric), found.get(metric));
    return found;
  }

  /**
   * Keeps what a device says of its units, of series that were resolved before.
   * @param units by metric.
   * @returns those that are other ones than before.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async tellUnits(
    site: string,
    sensor: string,
    units: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>> {
    const changed = Object.entries(units).flatMap(([metric, unit]) => {
      const series = this.#known.get(keyOf(site, sensor, metric));
      return series && series.unit !== unit ? [{ metric, unit, series }] : [];
    });
    if (changed.length === 0) return {};
    if (!this.#unitChanges.tryTake()) {
      this.counters.unitChangesHeldUp += 1;
      return {};
    }
    await this.#options.database.query(
      `update series set unit = told.unit from unnest($1::int[], $2::text[]) as told (id, unit) where series.id = told.id`,
      [changed.map(({ series }) => series.id), changed.map(({ unit }) => unit)],
    );
    for (const { series, unit } of changed) series.unit = unit;
    return Object.fromEntries(changed.map(({ metric, unit }) => [metric, unit]));
  }

  /**
   * Keeps what a device calls its series, of those that were resolved before.
   * @param labels by metric, those that are other ones than before.
   * @returns false where there are too many changes: it is not kept, and may be told again.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async tellLabels(site: string, sensor: string, labels: Readonly<Record<string, string>>): Promise<boolean> {
    if (!this.#unitChanges.tryTake()) {
      this.counters.unitChangesHeldUp += 1;
      return false;
    }
    await this.#options.database.query(
      `update series set label = told.label from unnest($3::text[], $4::text[]) as told (metric, label)
       where site = $1 and sensor = $2 and series.metric = told.metric`,
      [site, sensor, Object.keys(labels), Object.values(labels)],
    );
    return true;
  }

  /** Series are removed by people, rarely; whoever does tells this. */
  forget(): void {
    this.#known.clear();
    this.#refused.clear();
  }

  async #findOrMake(site: string, sensor: string, metrics: string[], device: string): Promise<Row[]> {
    const found = await find(this.#options.database, site, sensor, metrics);
    if (found.length === metrics.length) return found;
    const missing = metrics.filter((metric) => !found.some((row) => row.metric === metric));
    const made = await this.#options.database.transaction(async (client) => {
      // One maker at a time a device, so that the cap holds; another process may have made some of ours meanwhile.
      await client.query('select pg_advisory_xact_lock(hashtext($1))', [`series of ${device}`]);
      const [{ count } = { count: 0 }] = await client.query<{ count: number }>(
        'select count(*) from series where device = $1',
        [device],
      );
      const room = Math.max(0, this.#options.perDeviceMax - count);
      const rows = await client.query<Row>(
        `insert into series (site, sensor, metric, device) select $1, $2, metric, $3 from unnest($4::text[]) as metric
         on conflict do nothing returning id, unit, metric`,
        [site, sensor, device, missing.slice(0, room)],
      );
      this.counters.seriesMade += rows.length;
      return rows.length === missing.length ? rows : find(client, site, sensor, missing);
    });
    return [...found, ...made];
  }

  #isRefused(key: string): boolean {
    const untilMs = this.#refused.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > this.#options.nowMs()) return true;
    this.#refused.delete(key);
    return false;
  }

  #remember(key: string, series: Series | undefined): void {
    if (series) return this.#put(this.#known, key, { id: series.id, unit: series.unit });
    this.counters.seriesRefused += 1;
    this.#put(this.#refused, key, this.#options.nowMs() + REFUSED_FOR_MS);
  }

  #put<Value>(cache: Map<string, Value>, key: string, value: Value): void {
    if (cache.size >= this.#options.cacheMax) {
      const [oldest] = cache.keys();
      if (oldest !== undefined && cache.delete(oldest)) this.counters.seriesForgotten += 1;
    }
    cache.set(key, value);
  }
}

function find(client: Queryable, site: string, sensor: string, metrics: string[]): Promise<Row[]> {
  return client.query<Row>(
    'select id, unit, metric from series where site = $1 and sensor = $2 and metric = any($3::text[])',
    [site, sensor, metrics],
  );
}

// A slash is in no id and in no metric.
const keyOf = (site: string, sensor: string, metric: string): string => `${site}/${sensor}/${metric}`;
