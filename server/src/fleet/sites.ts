// Sites: the places that users are limited to. Owns the `sites` table.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { limitReached } from '../errors.ts';
import type { Database } from '../postgres/pool.ts';

export interface Site {
  id: string;
  name: string;
  /** IANA name; null where nobody said. */
  timeZone: string | null;
  createdAt: Date;
}

export interface SiteChange {
  name?: string;
  timeZone?: string | null;
}

interface SiteRow {
  id: string;
  name: string;
  time_zone: string | null;
  created_at: Date;
}

export const MAX_SITES = 1_000;

export class Sites {
  readonly #database: Database;

  constructor({ database }: { database: Database }) {
    this.#database = database;
  }

  async list(): Promise<Site[]> {
    const rows = await this.#database.query<SiteRow>(
      `select * from sites order by id limit ${MAX_SITES}`,
      [],
    );
    return rows.map(toSite);
  }

  async get(id: string): Promise<Site | undefined> {
    const [row] = await this.#database.query<SiteRow>('select * from sites where id = $1', [id]);
    return row && toSite(row);
  }

  /** @throws {AppError} CONFLICT when it exists; LIMIT_REACHED above MAX_SITES. */
  async create({ id, name }: { id: string; name: string }): Promise<Site> {
    const [row] = await this.#database.query<SiteRow>(
      `insert into sites (id, name) select $1, $2 where (select count(*) from sites) < ${MAX_SITES}
       on conflict (id) do nothing returning *`,
      [id, name],
    );
    if (row) return toSite(row);
    if (await this.get(id)) throw new AppError('CONFLICT', `site ${id} exists already`);
    throw limitReached('sites', MAX_SITES);
  }

  /** What is left out stays. @returns undefined when it does not exist. */
  async change(id: string, { name, timeZone }: SiteChange): Promise<Site | undefined> {
    const [row] = await this.#database.query<SiteRow>(
      `update sites set name = coalesce($2, name), time_zone = case when $3 then $4 else time_zone end
       where id = $1 returning *`,
      [id, name ?? null, timeZone !== undefined, timeZone ?? null],
    );
    return row && toSite(row);
  }
}

function toSite({ id, name, time_zone: timeZone, created_at: createdAt }: SiteRow): Site {
  return { id, name, timeZone, createdAt };
}
