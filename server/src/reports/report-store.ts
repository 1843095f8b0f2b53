// SQL of the table `reports`. Borrows the database.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { Conditions, parseCursor, toPage, type Page } from '../ingest/page.ts';
import type { Database, Queryable } from '../postgres/pool.ts';
import type { ReportFileName } from './report-files.ts';
import type { ReportKind, ReportLanguage } from './report-kinds.ts';
import type { ReportPeriod } from './report-period.ts';

export type ReportState = 'queued' | 'running' | 'done' | 'failed';

export interface StoredReport {
  id: string;
  site: string;
  kind: ReportKind;
  language: ReportLanguage;
  timeZone: string;
  /** Which one `from` and `to` are; null when they were given. */
  period: ReportPeriod | null;
  /** Which schedule asked for it. */
  schedule: string | null;
  from: Date;
  to: Date;
  state: ReportState;
  attempts: number;
  rows: number;
  bytes: number;
  errorCode: string | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export type NewReport = Pick<
  StoredReport,
  'id' | 'site' | 'kind' | 'language' | 'timeZone' | 'period' | 'schedule' | 'from' | 'to' | 'createdAt'
>;

/** What a report says of its site. */
export interface ReportSite {
  name: string;
  /** Null: nobody said. */
  timeZone: string | null;
}

/** How many finished ones stay. */
export interface KeptReports {
  maxKept: number;
  /** Of their files together; the newest one stays whatever it has. */
  maxBytes: number;
  /** Asked for at or after. */
  before: Date;
}

export interface ReportQuery {
  /** Sites that the asker may see; undefined is all. */
  sites?: string[];
  site?: string;
  limit: number;
  cursor?: string;
}

const COLUMNS = `id, site, kind, language, time_zone as "timeZone", period, schedule, from_at as "from", to_at as "to", state, attempts, row_count as "rows", bytes,
  error_code as "errorCode", created_at as "createdAt", started_at as "startedAt", finished_at as "finishedAt"`;

export class ReportStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * One that a schedule asks for is stored together with the schedule's `done_until`, so that it is asked for once.
   * @returns full when `maxWaiting` are queued already; known when the schedule is gone, or has asked for this period before.
   */
  async insert(report: NewReport, maxWaiting: number): Promise<'inserted' | 'full' | 'known'> {
    const { id, site, kind, language, timeZone, period, schedule, from, to, createdAt } = report;
    return this.#database.transaction(async (client) => {
      // Two that count at the same time would both find the last place.
      await client.query(`select pg_advisory_xact_lock(hashtext('reports'))`);
      if (schedule !== null && !(await isDue(client, schedule, to))) return 'known';
      const inserted = await client.query(
        `insert into reports (id, site, kind, language, time_zone, period, schedule, from_at, to_at, created_at)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
         where (select count(*) from reports where state = 'queued') < $11 returning id`,
        [id, site, kind, language, timeZone, period, schedule, from, to, createdAt, maxWaiting],
      );
      if (inserted.length === 0) return 'full';
      await client.query('update report_schedules set done_until = $2 where id = $1', [schedule, to]);
      return 'inserted';
    });
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<StoredReport> {
    const [found] = await this.#database.query<StoredReport>(`select ${COLUMNS} from reports where id = $1`, [
      id,
    ]);
    if (!found) throw new AppError('NOT_FOUND', `report ${id} does not exist`);
    return found;
  }

  /** @returns undefined when it does not exist. */
  async site(id: string): Promise<ReportSite | undefined> {
    const [found] = await this.#database.query<ReportSite>(
      'select name, time_zone as "timeZone" from sites where id = $1',
      [id],
    );
    return found;
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list({ sites, site, limit, cursor }: ReportQuery): Promise<Page<StoredReport>> {
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('site = any(?)', sites)
      .add('site = ?', site)
      .add('(created_at, id) < (?, ?)', after?.at, after?.id);
    const found = await this.#database.query<StoredReport>(
      `select ${COLUMNS} from reports ${conditions.where} order by created_at desc, id desc
       limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    return toPage(found, limit, ({ createdAt, id }) => ({ at: createdAt, id }));
  }

  /** Ids of those that are neither done nor failed, oldest first. */
  async unfinished(): Promise<string[]> {
    const found = await this.#database.query<{ id: string }>(
      `select id from reports where state in ('queued', 'running') order by created_at, id`,
    );
    return found.map(({ id }) => id);
  }

  /** Those whose files are kept. */
  withFiles(): Promise<ReportFileName[]> {
    return this.#database.query<ReportFileName>(`select id, kind from reports where state = 'done'`);
  }

  /** @returns undefined when it is gone, or finished already. */
  async begin(id: string): Promise<StoredReport | undefined> {
    const [begun] = await this.#database.query<StoredReport>(
      `update reports set state = 'running', attempts = attempts + 1, started_at = now()
       where id = $1 and state in ('queued', 'running') returning ${COLUMNS}`,
      [id],
    );
    return begun;
  }

  /** @param isCounted whether the attempt counts among those that a report has. */
  async putBack(id: string, isCounted: boolean): Promise<void> {
    await this.#database.query(
      `update reports set state = 'queued', attempts = attempts - $2 where id = $1 and state = 'running'`,
      [id, isCounted ? 0 : 1],
    );
  }

  /** @returns false when it is gone. */
  async finish(id: string, { rows, bytes }: { rows: number; bytes: number }): Promise<boolean> {
    const finished = await this.#database.query(
      `update reports set state = 'done', row_count = $2, bytes = $3, finished_at = now()
       where id = $1 and state = 'running' returning id`,
      [id, rows, bytes],
    );
    return finished.length > 0;
  }

  async fail(id: string, code: string): Promise<void> {
    await this.#database.query(
      `update reports set state = 'failed', error_code = $2, finished_at = now()
       where id = $1 and state in ('queued', 'running')`,
      [id, code],
    );
  }

  /** @returns undefined when it was gone already. */
  async remove(id: string): Promise<ReportFileName | undefined> {
    const [removed] = await this.#database.query<ReportFileName>(
      'delete from reports where id = $1 returning id, kind',
      [id],
    );
    return removed;
  }

  /** Removes finished ones: the oldest above a number or above bytes in all, and what is older than `before`. */
  removeSurplus({ maxKept, maxBytes, before }: KeptReports): Promise<ReportFileName[]> {
    return this.#database.query<ReportFileName>(
      `delete from reports where id in (
         select id from (
           select id, created_at, row_number() over newest as place, sum(bytes) over newest as bytes_so_far
           from reports where state in ('done', 'failed') window newest as (order by created_at desc, id desc)
         ) as finished
         where place > $1 or (bytes_so_far > $2 and place > 1) or created_at < $3
       ) returning id, kind`,
      [maxKept, maxBytes, before],
    );
  }
}

async function isDue(client: Queryable, schedule: string, to: Date): Promise<boolean> {
  const due = await client.query(
    'select from report_schedules where id = $1 and done_until < $2 for update',
    [schedule, to],
  );
  return due.length > 0;
}
