// What BullMQ stamped in PostgreSQL while the clock of this machine was ahead. It goes by these times: until then it would neither
// look for jobs whose worker died, nor take such jobs for stalled, nor try a failed one again. On Redis they end by themselves.

import { withClient } from '../postgres/databases.ts';

/** Far above every lock and pause between attempts. */
const AHEAD_MS = 10 * 60_000;

const STATEMENTS = [
  `delete from bullmq.meta where queue = $1 and field = 'stalled-check' and value::bigint > $2::bigint`,
  `update bullmq.job set locked_until_ms = $2::bigint - ${AHEAD_MS}, stalled_marked = true
   where queue = $1 and state = 'active' and locked_until_ms > $2::bigint`,
  // Jobs of a schedule are put in order by who keeps the schedule.
  `update bullmq.job set process_at_ms = $2::bigint - ${AHEAD_MS}
   where queue = $1 and state = 'delayed' and scheduler_id is null and process_at_ms > $2::bigint`,
];

/** Once its tables are there, and before anybody works on it. @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function forgetFutureMarks(databaseUrl: string, queue: string, nowMs: number): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    for (const statement of STATEMENTS) await client.query(statement, [queue, nowMs + AHEAD_MS]);
  });
}
