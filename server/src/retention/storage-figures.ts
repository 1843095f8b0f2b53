// How much is stored and how fast it grows, from the sums that triggers keep by day. Borrows the database.

import type { DiskReading } from '../guard/disk-watch.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Stored, StoredAmount } from './marks.ts';

/** Days that are told apart; older ones become one row. */
const STORAGE_DAYS_KEPT = 400;

export class StorageFigures {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async stored(): Promise<Stored> {
    const rows = await this.#database.query<StoredAmount & { kind: string }>(
      `select kind, sum(case flow when 'added' then items else -items end)::int8 as items,
         sum(case flow when 'added' then bytes else -bytes end)::int8 as bytes
       from storage_days group by kind`,
    );
    const of = (kind: string): StoredAmount => {
      const { items, bytes } = rows.find((row) => row.kind === kind) ?? { items: 0, bytes: 0 };
      return { items, bytes };
    };
    return { snapshots: of('snapshots'), clips: of('clips') };
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
