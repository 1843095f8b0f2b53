// Schemas that several resources share: addresses, pages of a list, errors.

import * as z from 'zod';
import { ID_PATTERN, ULID_PATTERN } from '@sitecast/shared/protocol/ids';
import { isoTime } from '@sitecast/shared/protocol/json-message';
import { AppError } from '@sitecast/shared/runtime/app-error';

export const id = z.string().regex(ID_PATTERN, 'a name has a-z, 0-9 and "-", at most 63 characters');
export const ulid = z.string().regex(ULID_PATTERN, 'not an id');
export const displayName = z.string().trim().min(1).max(120);
export const time = isoTime;
export const address = z.object({ site: id, id });
export const cameraAddress = z.object({ site: id, camera: id });

const MAX_PAGE_ITEMS = 500;
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_ITEMS).default(100),
  cursor: z.string().max(200).optional(),
});
export type PageQuery = z.output<typeof pageQuery>;
/** Lists of what belongs to sites, of one site only when asked. */
export const sitePageQuery = pageQuery.extend({ site: id.optional() });

const errorAnswer = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    messageKo: z.string(),
    detail: z.record(z.string(), z.unknown()),
  }),
});

/** The success answer under its status, and the one error body under every other. */
export function answers<S extends z.ZodType, Status extends 200 | 201 | 202 = 200>(
  schema: S,
  status: Status = 200 as Status,
): Record<Status, S> & Record<'4xx' | '5xx', typeof errorAnswer> {
  return { [status]: schema, '4xx': errorAnswer, '5xx': errorAnswer };
}

/** For answers without a body. */
export const noContent = { 204: z.null(), '4xx': errorAnswer, '5xx': errorAnswer };

export function listOf<S extends z.ZodType>(
  item: S,
): z.ZodObject<{ items: z.ZodArray<S>; nextCursor: z.ZodNullable<z.ZodString> }> {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/**
 * One page of a list that is held in memory.
 * @param keyOf unique; the order of the list, and its cursor.
 * @throws {AppError} BAD_REQUEST when the cursor is not one of ours.
 */
export function pageOf<T>(
  all: T[],
  { limit, cursor }: PageQuery,
  keyOf: (item: T) => string,
): { items: T[]; nextCursor: string | null } {
  const after = cursor === undefined ? '' : decodeCursor(cursor);
  const following = all.filter((item) => keyOf(item) > after).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const items = following.slice(0, limit);
  const last = items.at(-1);
  const hasMore = last !== undefined && following.length > limit;
  return { items, nextCursor: hasMore ? Buffer.from(keyOf(last)).toString('base64url') : null };
}

function decodeCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!/^[a-z0-9][a-z0-9/-]*$/.test(key)) throw new AppError('BAD_REQUEST', 'cursor: not one of this list');
  return key;
}
