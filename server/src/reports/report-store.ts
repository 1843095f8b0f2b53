// SQL of the table `reports`. Borrows the database.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { Conditions, parseCursor, toPage, type Page } from '../ingest/page.ts';
import type { Database } from '../postgres/pool.ts';

export type ReportState = 'queued' | 'running' | 'done' | 'failed';

export interface StoredReport {
  id: string;
  site: string;
  kind: 'csv';
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

export type NewReport = Pick<StoredReport, 'id' | 'site' | 'kind' | 'from' | 'to' | 'createdAt'>;

export interface ReportQuery {
  /** Sites that the asker may see; undefined is all. */
  sites?: string[];
  site?: string;
  limit: number;
  cursor?: string;
}

const COLUMNS = `id, site, kind, from_at as "from", to_at as "to", state, attempts, row_count as "rows", bytes,
  error_code as "errorCode", created_at as "createdAt", started_at as "startedAt", finished_at as "finishedAt"`;

export class ReportStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns false when `maxWaiting` are queued already. @throws {AppError} BAD_REQUEST for a site that does not exist. */
  async insert({ id, site, kind, from, to, createdAt }: NewReport, maxWaiting: number): Promise<boolean> {
    return this.#database.transaction(async (client) => {
      // Two that count at the same time would both find the last place.
      await client.query(`select pg_advisory_xact_lock(hashtext('reports'))`);
      const inserted = await client.query(
        `insert into reports (id, site, kind, from_at, to_at, created_at)
         select $1, $2, $3, $4, $5, $6 where (select count(*) from reports where state = 'queued') < $7 returning id`,
        [id, site, kind, from, to, createdAt, maxWaiting],
      );
      return inserted.length > 0;
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

  /** Ids of those whose files are kept. */
  async withFiles(): Promise<string[]> {
    const found = await this.#database.query<{ id: string }>(`select id from reports where state = 'done'`);
    return found.map(({ id }) => id);
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

  /** @returns false when it was gone already. */
  async remove(id: string): Promise<boolean> {
    const removed = await this.#database.query('delete from reports where id = $1 returning id', [id]);
    return removed.length > 0;
  }

  /** Removes the oldest finished ones above `max`. @returns their ids. */
  async removeSurplus(max: number): Promise<string[]> {
    const removed = await this.#database.query<{ id: string }>(
      `delete from reports where id in (
         select id from reports where state in ('done', 'failed') order by created_at desc, id desc offset $1
       ) returning id`,
      [max],
    );
    return removed.map(({ id }) => id);
  }
}
