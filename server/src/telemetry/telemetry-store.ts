// Writes values, folds them into minutes and marks their hours as due, in one statement. Borrows the database and the partitions.

import type { Queryable } from '../postgres/pool.ts';
import type { Partitions } from './partitions.ts';

/** Column by column, as PostgreSQL takes them in. */
export interface ValueColumns {
  seriesIds: number[];
  timesMs: number[];
  values: number[];
}

// Only rows that were really inserted reach the fold, so duplicates, late and reordered values leave the minutes exact.
// Sorted, so that two writers lock rows in the same order. The mark that is there already is not written again but locked: who
// computes that hour right now has it locked too, so one of the two waits, and what we fold is either seen there or marked anew.
const INSERT = `
  with inserted as (
    insert into telemetry (series_id, ts, value)
    select series_id, timestamptz 'epoch' + ms * interval '1 millisecond', value
    from unnest($1::int[], $2::int8[], $3::float8[]) as given (series_id, ms, value)
    order by 1, 2
    on conflict do nothing
    returning series_id, ts, value
  ), folded as (
    insert into telemetry_1m as stored (series_id, bucket, count, sum, min, max)
    select series_id, date_bin('1 minute', ts, 'epoch'), count(*), sum(value), min(value), max(value)
    from inserted group by 1, 2 order by 1, 2
    on conflict (series_id, bucket) do update
      set count = stored.count + excluded.count, sum = stored.sum + excluded.sum,
          min = least(stored.min, excluded.min), max = greatest(stored.max, excluded.max)
  ), marked as (
    insert into rollup_due (hour, series_id)
    select distinct date_bin('1 hour', ts, 'epoch'), series_id from inserted order by 1, 2
    on conflict (hour, series_id) do update set hour = excluded.hour where false
  )
  select count(*) from inserted`;

export class TelemetryStore {
  readonly #database: Queryable;
  readonly #partitions: Partitions;

  constructor({ database, partitions }: { database: Queryable; partitions: Partitions }) {
    this.#database = database;
    this.#partitions = partitions;
  }

  /**
   * Committed once it resolves. A value whose series and time are stored already is left as it is.
   * @returns how many were new.
   * @throws {AppError} BAD_REQUEST when a value does not fit; STORE_UNAVAILABLE (retryable).
   */
  async insert(columns: ValueColumns): Promise<number> {
    return this.#partitions.withRoomFor(columns.timesMs, () => this.#insert(columns));
  }

  async #insert({ seriesIds, timesMs, values }: ValueColumns): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      INSERT,
      [seriesIds, timesMs, values],
      'insert-telemetry',
    );
    return row?.count ?? 0;
  }
}
