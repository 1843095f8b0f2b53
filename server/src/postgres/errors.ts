// What PostgreSQL and its driver throw, in our codes. A statement's values stay out of the messages.

import pg from 'pg';
import { AppError } from '@sitecast/shared/runtime/app-error';

// SQLSTATE classes (PostgreSQL manual, appendix A) that say "not now": connection, resources, operator, system, lock, rollback.
const NOT_NOW = /^(08|53|57|58|55P03|25006|25P0[234]|40|3D000|28)/;

/**
 * @returns the error to throw in place of `error`: BAD_REQUEST (class 22, broken references and checks), CONFLICT (unique), STORE_UNAVAILABLE
 * (retryable); a mistake in our own SQL stays as it is.
 */
export function toStoreError(error: unknown, doing: string): unknown {
  if (error instanceof AppError) return error;
  if (error instanceof pg.DatabaseError) return fromSqlState(error, doing);
  if (error instanceof TypeError || error instanceof RangeError || !(error instanceof Error)) return error;
  return unavailable(doing, error);
}

function fromSqlState(error: pg.DatabaseError, doing: string): unknown {
  const state = error.code ?? '';
  const detail = { sqlState: state, table: error.table, constraint: error.constraint };
  if (state === '23505')
    return new AppError('CONFLICT', `${doing}: it exists already`, { cause: error, detail });
  if (/^2[23]/.test(state)) {
    return new AppError('BAD_REQUEST', `${doing}: the value is refused (${state})`, { cause: error, detail });
  }
  return NOT_NOW.test(state) ? unavailable(doing, error, detail) : error;
}

function unavailable(doing: string, cause: Error, detail: Record<string, unknown> = {}): AppError {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code ?? cause.message;
  return new AppError('STORE_UNAVAILABLE', `${doing}: PostgreSQL is not reachable (${why})`, {
    cause,
    retryable: true,
    detail,
  });
}
