// SQL of the table `report_schedules`. Borrows the database.

import { limitReached } from '../errors.ts';
import { Conditions, parseCursor, toPage, type Page } from '../ingest/page.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { ReportKind, ReportLanguage } from './report-kinds.ts';
import type { ReportPeriod } from './report-period.ts';
import type { ReportQuery } from './report-store.ts';

/** Of all sites (`reject`). */
export const SCHEDULES_MAX = 100;

export interface StoredSchedule {
  id: string;
  site: string;
  kind: ReportKind;
  period: ReportPeriod;
  language: ReportLanguage;
  timeZone: string;
  /** Of the first day after the period. */
  hour: number;
  createdAt: Date;
  /** End of the newest period of which a report was asked for. */
  doneUntil: Date;
}

const COLUMNS = `id, site, kind, period, language, time_zone as "timeZone", hour, created_at as "createdAt", done_until as "doneUntil"`;

export class ScheduleStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** @throws {AppError} LIMIT_REACHED above {@link SCHEDULES_MAX}. */
  async insert(schedule: StoredSchedule): Promise<void> {
    const { id, site, kind, period, language, timeZone, hour, createdAt, doneUntil } = schedule;
    const inserted = await this.#database.query(
      `insert into report_schedules (id, site, kind, period, language, time_zone, hour, created_at, done_until)
       select $1, $2, $3, $4, $5, $6, $7, $8, $9 where (select count(*) from report_schedules) < ${SCHEDULES_MAX} returning id`,
      [id, site, kind, period, language, timeZone, hour, createdAt, doneUntil],
    );
    if (inserted.length === 0) throw limitReached('report schedules', SCHEDULES_MAX);
  }

  /** @returns undefined when it does not exist. */
  async get(id: string): Promise<StoredSchedule | undefined> {
    const [found] = await this.#database.query<StoredSchedule>(
      `select ${COLUMNS} from report_schedules where id = $1`,
      [id],
    );
    return found;
  }

  all(): Promise<StoredSchedule[]> {
    return this.#database.query<StoredSchedule>(
      `select ${COLUMNS} from report_schedules order by created_at, id`,
    );
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list({ sites, site, limit, cursor }: ReportQuery): Promise<Page<StoredSchedule>> {
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('site = any(?)', sites)
      .add('site = ?', site)
      .add('(created_at, id) < (?, ?)', after?.at, after?.id);
    const found = await this.#database.query<StoredSchedule>(
      `select ${COLUMNS} from report_schedules ${conditions.where} order by created_at desc, id desc
       limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    return toPage(found, limit, ({ createdAt, id }) => ({ at: createdAt, id }));
  }

  async remove(id: string): Promise<void> {
    await this.#database.query('delete from report_schedules where id = $1', [id]);
  }
}
