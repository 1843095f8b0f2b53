// What is known of items whose rows are gone. Borrows the database.

import { decodeTime } from 'ulid';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Queryable } from '../postgres/pool.ts';
import type { MediaKind } from './media-kinds.ts';

const NAMES: Record<MediaKind, string> = { snapshots: 'snapshot', clips: 'clip' };

/**
 * Asked after the row was not found and before files are stored under the id: they would be unlinked with those that wait for it.
 * One that is sent again meanwhile counts as known.
 */
export async function isBeingDeleted(database: Queryable, kind: MediaKind, id: string): Promise<boolean> {
  const found = await database.query('select 1 from garbage where item = $1 and kind = $2', [id, kind]);
  return found.length > 0;
}

/** @returns the error to throw for an id without a row: DELETED_BY_RETENTION where that is what happened, else NOT_FOUND. */
export async function missingItem(database: Queryable, kind: MediaKind, id: string): Promise<AppError> {
  // Ids of uploads say no time.
  const madeAtMs = decodeTime(id);
  const [horizon] = await database.query<{ before: Date }>(
    'select before from retention_horizons where kind = $1',
    [kind],
  );
  const before = horizon?.before.toISOString();
  if (horizon && madeAtMs > 0 && madeAtMs <= horizon.before.getTime())
    return new AppError('DELETED_BY_RETENTION', `${NAMES[kind]} ${id} was deleted by retention`, {
      detail: { before },
    });
  return new AppError('NOT_FOUND', `there is no ${NAMES[kind]} ${id}`);
}
