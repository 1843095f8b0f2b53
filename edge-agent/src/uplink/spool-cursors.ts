// Where one lane's log is read: `backlog` reads what was there when the connection came, `fresh` what came since. So both are
// sent in order, and what is new need not wait for what is old.

import type { SpoolSegment } from './spool-segment.ts';

export type SpoolPart = 'fresh' | 'backlog';

export interface Cursor {
  /** Undefined: before the first segment that it is to read. */
  segment: SpoolSegment | undefined;
  offset: number;
  readThrough: number;
  /** The backlog was read to its end. */
  isDone: boolean;
}

/** @param newest what is in it already is no longer fresh. */
export function newCursors(newest: SpoolSegment | undefined): Record<SpoolPart, Cursor> {
  return {
    backlog: { segment: undefined, offset: 0, readThrough: 0, isDone: false },
    fresh: { segment: newest, offset: newest?.bytes ?? 0, readThrough: 0, isDone: false },
  };
}
