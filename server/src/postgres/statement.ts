// One statement on one connection, with errors in our codes.

import type pg from 'pg';
import { toStoreError } from './errors.ts';

/** @throws {AppError} as `toStoreError` says. */
export async function runStatement<Row extends object>(
  client: pg.ClientBase,
  sql: string,
  values?: unknown[],
  name?: string,
): Promise<Row[]> {
  try {
    const result = await client.query<Row>({ text: sql, values, name });
    return result.rows;
  } catch (error) {
    throw toStoreError(error, 'querying');
  }
}
