// What every tier of telemetry must hold: raw values in a map, folded naively.

import type { Queryable } from '../../src/postgres/pool.ts';

export interface Fold {
  count: number;
  sum: number;
  min: number;
  max: number;
}

export const TIER_TABLES = {
  telemetry_1m: 60_000,
  telemetry_1h: 3_600_000,
  telemetry_1d: 86_400_000,
} as const;

/** By series and time; the first value of a time stays. */
export class TelemetryModel {
  readonly #values = new Map<string, number>();

  get size(): number {
    return this.#values.size;
  }

  get(id: number, ms: number): number | undefined {
    return this.#values.get(`${id} ${ms}`);
  }

  add(id: number, ms: number, value: number): void {
    const key = `${id} ${ms}`;
    if (!this.#values.has(key)) this.#values.set(key, value);
  }

  raw(): Map<string, number> {
    return new Map(this.#values);
  }

  /** By series and begin of the bucket. Values that are multiples of 1/8 have sums that are exact in any order. */
  fold(bucketMs: number): Map<string, Fold> {
    const folds = new Map<string, Fold>();
    for (const [key, value] of this.#values) {
      const [id, ms] = key.split(' ').map(Number) as [number, number];
      const bucket = `${id} ${Math.floor(ms / bucketMs) * bucketMs}`;
      const known = folds.get(bucket) ?? { count: 0, sum: 0, min: Infinity, max: -Infinity };
      folds.set(bucket, {
        count: known.count + 1,
        sum: known.sum + value,
        min: Math.min(known.min, value),
        max: Math.max(known.max, value),
      });
    }
    return folds;
  }
}

export async function storedRaw(database: Pick<Queryable, 'query'>): Promise<Map<string, number>> {
  const rows = await database.query<{ key: string; value: number }>(
    `select series_id || ' ' || (extract(epoch from ts) * 1000)::int8 as key, value from telemetry`,
  );
  return new Map(rows.map(({ key, value }) => [key, value]));
}

export async function storedFold(
  database: Pick<Queryable, 'query'>,
  table: keyof typeof TIER_TABLES,
): Promise<Map<string, Fold>> {
  const rows = await database.query<Fold & { key: string }>(
    `select series_id || ' ' || (extract(epoch from bucket) * 1000)::int8 as key, count, sum, min, max from ${table}`,
  );
  return new Map(rows.map(({ key, ...fold }) => [key, fold]));
}
