// SQL of the table `alert_channels`. Borrows the database. The secret goes in, and comes out for the signature only.

import { ulid } from 'ulid';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { limitReached } from '../../errors.ts';
import type { Database } from '../../postgres/pool.ts';
import type { Channel, ChannelDraft } from './channel.ts';

export const CHANNELS_MAX = 50;

const COLUMNS = `id, site, name, enabled, language, settings || jsonb_build_object('kind', kind) as settings,
  secret is not null as "hasSecret", created_at as "createdAt"`;

export class ChannelStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Oldest first. */
  list(): Promise<Channel[]> {
    return this.#database.query<Channel>(
      `select ${COLUMNS} from alert_channels order by id limit ${CHANNELS_MAX}`,
    );
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<Channel> {
    return found(
      await this.#database.query<Channel>(`select ${COLUMNS} from alert_channels where id = $1`, [id]),
      id,
    );
  }

  /** @throws {AppError} LIMIT_REACHED above CHANNELS_MAX; BAD_REQUEST for a site that does not exist. */
  async create(draft: ChannelDraft, secret: string | null): Promise<Channel> {
    return this.#database.transaction(async (client) => {
      // Two that count at the same time would both find the last place.
      await client.query(`select pg_advisory_xact_lock(hashtext('alert_channels'))`);
      const [made] = await client.query<Channel>(
        `insert into alert_channels (id, site, name, enabled, language, kind, settings, secret)
         select $1, $2, $3, $4, $5, $6, $7, $8 where (select count(*) from alert_channels) < ${CHANNELS_MAX}
         returning ${COLUMNS}`,
        [ulid(), ...valuesOf(draft), secret],
      );
      if (!made) throw limitReached('alert channels', CHANNELS_MAX);
      return made;
    });
  }

  /** @param secret null leaves the one that is there. @throws {AppError} NOT_FOUND; BAD_REQUEST. */
  async replace(id: string, draft: ChannelDraft, secret: string | null): Promise<Channel> {
    const rows = await this.#database.query<Channel>(
      `update alert_channels set site = $2, name = $3, enabled = $4, language = $5, kind = $6, settings = $7,
         secret = case when $6 = 'webhook' then coalesce($8, secret) end
       where id = $1 returning ${COLUMNS}`,
      [id, ...valuesOf(draft), secret],
    );
    return found(rows, id);
  }

  /** What waits for it goes with it. */
  async remove(id: string): Promise<void> {
    await this.#database.query('delete from alert_channels where id = $1', [id]);
  }
}

function found(rows: Channel[], id: string): Channel {
  const [channel] = rows;
  if (!channel) throw new AppError('NOT_FOUND', `alert channel ${id} does not exist`);
  return channel;
}

function valuesOf({ site, name, enabled, language, settings }: ChannelDraft): unknown[] {
  const { kind, ...rest } = settings;
  return [site, name, enabled, language, kind, JSON.stringify(rest)];
}
