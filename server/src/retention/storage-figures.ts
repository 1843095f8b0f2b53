// How much is stored and how fast it grows, from the sums that triggers keep by day. Borrows the database.

import type { DiskReading } from '../guard/disk-watch.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { DailyFlow } from './forecast.ts';
import type { StoredAmount } from './marks.ts';
import type { FileKind } from './media-kinds.ts';

/** Days that are told apart; older ones become one row. */
const STORAGE_DAYS_KEPT = 400;

/** Whole days that a forecast looks back. */
const LOOK_BACK_DAYS = 7;

export class StorageFigures {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async stored(): Promise<Record<FileKind, StoredAmount>> {
    const rows = await this.#database.query<StoredAmount & { kind: string }>(
      `select kind, sum(case flow when 'added' then items else -items end)::int8 as items,
         sum(case flow when 'added' then bytes else -bytes end)::int8 as bytes
       from storage_days group by kind`,
    );
    const of = (kind: string): StoredAmount => {
      const { items, bytes } = rows.find((row) => row.kind === kind) ?? { items: 0, bytes: 0 };
      return { items, bytes };
    };
    return { snapshots: of('snapshots'), clips: of('clips'), reports: of('reports') };
  }

  /** A day, on average over the last whole days since there was anything; undefined before there is one. */
  async flow(at: Date): Promise<Record<FileKind, DailyFlow | undefined>> {
    const rows = await this.#database.query<DailyFlow & { kind: string; days: number }>(
      `with today as (select ($1::timestamptz at time zone 'UTC')::date as day)
       select kind, today.day - greatest(min(known.day), today.day - $2::int) as days,
         coalesce(sum(bytes) filter (where flow = 'added' and known.day >= today.day - $2::int), 0)::int8 as "addedBytes",
         coalesce(sum(bytes) filter (where flow = 'removed' and known.day >= today.day - $2::int), 0)::int8 as "removedBytes"
       from storage_days as known, today where known.day < today.day group by kind, today.day`,
      [at, LOOK_BACK_DAYS],
    );
    const of = (kind: string): DailyFlow | undefined => {
      const row = rows.find((one) => one.kind === kind);
      if (!row) return undefined;
      return { addedBytes: row.addedBytes / row.days, removedBytes: row.removedBytes / row.days };
    };
    return { snapshots: of('snapshots'), clips: of('clips'), reports: of('reports') };
  }

  /** What the file system lost a day since the oldest of the last days that were noted; undefined before there are two. */
  async diskBytesPerDay(at: Date): Promise<number | undefined> {
    const [row] = await this.#database.query<{ days: number; lost: number }>(
      `select max(day) - min(day) as days,
         ((array_agg(free_bytes order by day))[1] - (array_agg(free_bytes order by day desc))[1])::int8 as lost
       from disk_days where day >= ($1::timestamptz at time zone 'UTC')::date - $2::int`,
      [at, LOOK_BACK_DAYS],
    );
    return row && row.days > 0 ? row.lost / row.days : undefined;
  }

  /** Once a day is enough; the last of a day stays. */
  async noteDisk({ totalBytes, freeBytes }: DiskReading, at: Date): Promise<void> {
    await this.#database.query(
      `insert into disk_days (day, total_bytes, free_bytes, database_bytes)
       values (($1::timestamptz at time zone 'UTC')::date, $2, $3, pg_database_size(current_database()))
       on conflict (day) do update set total_bytes = excluded.total_bytes, free_bytes = excluded.free_bytes,
         database_bytes = excluded.database_bytes`,
      [at, totalBytes, freeBytes],
    );
  }

  /** Keeps these tables small: days that no forecast looks at are summed up, or removed. */
  async fold(at: Date): Promise<void> {
    await this.#database.query(
      `with old as (
         delete from storage_days where day > '-infinity' and day < ($1::timestamptz at time zone 'UTC')::date - $2::int
         returning kind, flow, items, bytes
       )
       insert into storage_days as known (kind, day, flow, items, bytes)
       select kind, '-infinity', flow, sum(items), sum(bytes) from old group by kind, flow
       on conflict (kind, day, flow) do update set items = known.items + excluded.items, bytes = known.bytes + excluded.bytes`,
      [at, STORAGE_DAYS_KEPT],
    );
    await this.#database.query(
      `delete from disk_days where day < ($1::timestamptz at time zone 'UTC')::date - $2::int`,
      [at, STORAGE_DAYS_KEPT],
    );
  }
}
