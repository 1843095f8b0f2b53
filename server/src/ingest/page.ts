// Pages of lists that are newest first: the cursor says where the page before ended, by time and id.

import { AppError } from '@sitecast/shared/runtime/app-error';

export interface Page<Item> {
  items: Item[];
  /** For the next page; null on the last. */
  nextCursor: string | null;
}

export interface Position {
  at: Date;
  id: string;
}

/** @param found up to `limit + 1` items, so that the last page is known without another query. */
export function toPage<Item>(found: Item[], limit: number, positionOf: (item: Item) => Position): Page<Item> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: found.length > limit && last ? formatCursor(positionOf(last)) : null };
}

function formatCursor({ at, id }: Position): string {
  return Buffer.from(`${at.getTime()} ${id}`).toString('base64url');
}

/** @throws {AppError} BAD_REQUEST when it is not one of ours. */
export function parseCursor(cursor: string): Position {
  const match = /^(-?\d{1,16}) ([0-9A-Z]{26})$/.exec(Buffer.from(cursor, 'base64url').toString());
  const at = new Date(Number(match?.[1]));
  if (!match?.[2] || Number.isNaN(at.getTime()))
    throw new AppError('BAD_REQUEST', 'the cursor is not one of this list');
  return { at, id: match[2] };
}

/** `where` conditions with their values, in step. */
export class Conditions {
  readonly #parts: string[] = [];
  readonly values: unknown[] = [];

  /** @param sql with `?` in the place of each value. Left out when `value` is undefined. */
  add(sql: string, ...values: unknown[]): this {
    if (values.some((value) => value === undefined)) return this;
    this.#parts.push(sql.replaceAll('?', () => this.value(values.shift())));
    return this;
  }

  /** @returns its placeholder. */
  value(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  get where(): string {
    return this.#parts.length === 0 ? '' : `where ${this.#parts.join(' and ')}`;
  }
}
