// The first phase of a deletion: rows go to the garbage, the oldest first. Borrows the database.

import type { Queryable } from '../postgres/pool.ts';
import { removalSql, timeColumnOf, type MediaKind, type RemovalReason } from './media-kinds.ts';

/** Rows of one statement: some milliseconds of locks on rows that nobody writes. */
export const REMOVAL_BATCH = 200;
const EVERYTHING = Number.MAX_SAFE_INTEGER;

export interface RemovedItem {
  id: string;
  site: string;
  camera: string;
  bytes: number;
}

export interface Removal {
  kind: MediaKind;
  reason: RemovalReason;
  /** Captured or started before. */
  before?: Date | undefined;
  /** Came before. */
  receivedBefore?: Date | undefined;
  /** Ends once so many are freed; everything that meets the rest when left out. */
  bytes?: number | undefined;
}

export class MediaRemoval {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** At most REMOVAL_BATCH of the oldest. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async removeOldest({
    kind,
    reason,
    before,
    receivedBefore,
    bytes = EVERYTHING,
  }: Removal): Promise<RemovedItem[]> {
    const values: unknown[] = [REMOVAL_BATCH, reason, Math.ceil(bytes)];
    const conditions = ['true'];
    const earlier = (column: string, than: Date | undefined): void => {
      if (than) conditions.push(`${column} < $${values.push(than)}`);
    };
    earlier(timeColumnOf(kind), before);
    earlier('received_at', receivedBefore);
    return this.#database.query<RemovedItem>(removalSql(kind, conditions.join(' and '), true), values);
  }

  /** @returns undefined when it is gone already. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async removeOne(
    kind: MediaKind,
    id: string,
    reason: 'person' | 'doctor',
  ): Promise<RemovedItem | undefined> {
    const [removed] = await this.#database.query<RemovedItem>(removalSql(kind, 'id = $4', false), [
      1,
      reason,
      EVERYTHING,
      id,
    ]);
    return removed;
  }

  /** Time of the oldest that may go. */
  async oldest(kind: MediaKind, receivedBefore?: Date): Promise<Date | undefined> {
    const at = timeColumnOf(kind);
    const [row] = await this.#database.query<{ at: Date }>(
      `select ${at} as at from ${kind} where received_at < $1 order by ${at}, id limit 1`,
      [receivedBefore ?? 'infinity'],
    );
    return row?.at;
  }
}
