// Sites: the places that users are limited to. Owns the `sites` table.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { limitReached } from '../errors.ts';
import type { Database } from '../postgres/pool.ts';

export interface Site {
  id: string;
  name: string;
  createdAt: Date;
}

interface SiteRow {
  id: string;
  name: string;
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

  async rename(id: string, name: string): Promise<Site | undefined> {
    const [row] = await this.#database.query<SiteRow>(
      'update sites set name = $2 where id = $1 returning *',
      [id, name],
    );
    return row && toSite(row);
  }
}

function toSite({ id, name, created_at }: SiteRow): Site {
  return { id, name, createdAt: created_at };
}
