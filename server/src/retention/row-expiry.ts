// Rows without files, deleted by age in small statements. Borrows the database.

import { DELETE_OLD_SEALS } from '../evidence/seal-store.ts';
import type { Queryable } from '../postgres/pool.ts';

export const EXPIRY_BATCH = 500;

/** An event that goes on is told anew by its end: an agent's message with an end stores one that is not there. */
const STATEMENTS = {
  events: `delete from events where id in (
    select id from events where at < $1 and coalesce(until, at) < $1 order by at limit $2 for update skip locked
  ) returning id`,
  outages: `delete from outages where (site, kind, id, began) in (
    select site, kind, id, began from outages where ended < $1 order by ended limit $2 for update skip locked
  ) returning id`,
  seals: DELETE_OLD_SEALS,
} as const;

export const EXPIRING_ROWS = [
  'events',
  'outages',
  'seals',
] as const satisfies readonly (keyof typeof STATEMENTS)[];
export type ExpiringRows = (typeof EXPIRING_ROWS)[number];

export class RowExpiry {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** @returns how many are gone, EXPIRY_BATCH at most. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async removeOldest(rows: ExpiringRows, before: Date): Promise<number> {
    return (await this.#database.query(STATEMENTS[rows], [before, EXPIRY_BATCH])).length;
  }
}
