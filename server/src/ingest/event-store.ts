// SQL of the table `events`. Borrows the database.

import type { AgentEvent, CameraEvent, GapReport } from '@sitecast/shared/protocol/events';
import type { Address } from '@sitecast/shared/protocol/ids';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import type { Queryable } from '../postgres/pool.ts';
import { Conditions, parseCursor, toPage, type Page } from './page.ts';

/** As the API shows it. */
export interface StoredEvent {
  id: string;
  /** Null, as agent and camera: of the server itself. */
  site: string | null;
  agent: string | null;
  /** Null: of the agent itself. */
  camera: string | null;
  kind: string;
  at: string;
  until: string | null;
  detail: string | null;
  snapshotId: string | null;
  /** Of kind clip: it may be on the gateway only. */
  clipId: string | null;
  gap: GapReport | null;
}

/** Of the server itself: of no site and no camera. */
export interface OwnEvent {
  id: string;
  kind: string;
  at: Date;
  until: Date | null;
  detail: string;
}

export interface EventQuery {
  /** Sites that the asker may see; undefined is all. */
  sites?: string[];
  site?: string;
  camera?: string;
  kind?: string;
  /** Began at or after. */
  from?: Date;
  /** Began before. */
  to?: Date;
  /** At least 1. */
  limit: number;
  cursor?: string;
}

type Row = Omit<StoredEvent, 'at' | 'until'> & { at: Date; until: Date | null };

const COLUMNS = `id, site, agent, camera, kind, at, until, detail, snapshot_id as "snapshotId", clip_id as "clipId", gap`;

export class EventStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * Durable once it resolves; the same message again changes nothing. A message with an end closes the event that the same
   * agent began under this id; one that arrives late never opens it again.
   */
  async insert(camera: Address, agent: string, event: CameraEvent): Promise<void> {
    await this.#database.query(
      `insert into events (id, site, camera, agent, kind, at, until, detail, snapshot_id, clip_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       on conflict (id) do update
         set until = coalesce(events.until, excluded.until), detail = coalesce(excluded.detail, events.detail),
             snapshot_id = coalesce(excluded.snapshot_id, events.snapshot_id)
         where events.until is null and excluded.until is not null
           and (events.site, events.camera, events.agent) = (excluded.site, excluded.camera, excluded.agent)`,
      [
        event.id,
        camera.site,
        camera.id,
        agent,
        event.kind,
        new Date(event.at),
        event.until === null ? null : new Date(event.until),
        event.detail,
        event.snapshotId,
        event.clipId ?? null,
      ],
    );
  }

  /** Durable once it resolves; the same message again changes nothing. */
  async insertOfAgent({ site, agent }: AgentAddress, event: AgentEvent): Promise<void> {
    const { id, kind, at, until, detail, gap } = event;
    await this.#database.query(
      `insert into events (id, site, agent, kind, at, until, detail, gap) values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (id) do nothing`,
      [id, site, agent, kind, new Date(at), until === null ? null : new Date(until), detail, gap],
    );
  }

  /** Durable once it resolves; the same again changes nothing, and with an end it closes what began under this id. */
  async storeOwn({ id, kind, at, until, detail }: OwnEvent): Promise<void> {
    await this.#database.query(
      `insert into events (id, kind, at, until, detail) values ($1, $2, $3, $4, $5)
       on conflict (id) do update set until = excluded.until where events.site is null and events.until is null`,
      [id, kind, at, until, detail],
    );
  }

  /** Ends every event of the server itself that is open. */
  async endOwn(kind: string, until: Date): Promise<void> {
    await this.#database.query(
      `update events set until = greatest(at, $2) where site is null and kind = $1 and until is null`,
      [kind, until],
    );
  }

  /** Newest begin first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list({ sites, site, camera, kind, from, to, limit, cursor }: EventQuery): Promise<Page<StoredEvent>> {
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('site = any(?)', sites)
      .add('site = ?', site)
      .add('camera = ?', camera)
      .add('kind = ?', kind)
      .add('at >= ?', from)
      .add('at < ?', to)
      .add('(at, id) < (?, ?)', after?.at, after?.id);
    const rows = await this.#database.query<Row>(
      `select ${COLUMNS} from events ${conditions.where} order by at desc, id desc limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    const page = toPage(rows, limit, ({ at, id }) => ({ at, id }));
    return { ...page, items: page.items.map(toStoredEvent) };
  }
}

function toStoredEvent(row: Row): StoredEvent {
  return { ...row, at: row.at.toISOString(), until: row.until?.toISOString() ?? null };
}
