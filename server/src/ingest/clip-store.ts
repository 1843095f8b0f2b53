// SQL of the table `clips`. Borrows the database.

import type { ClipChunkHeader, ClipReason } from '@sitecast/shared/protocol/clip-chunk';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import type { Queryable } from '../postgres/pool.ts';
import { isBeingDeleted, missingItem } from '../retention/deleted-items.ts';
import { Conditions, parseCursor, toPage, type Page } from './page.ts';

/** As the API shows it. */
export interface Clip {
  id: string;
  site: string;
  camera: string;
  startedAt: string;
  receivedAt: string;
  durationMs: number;
  reason: ClipReason;
  type: 'video/mp4';
  codec: string;
  width: number;
  height: number;
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
}

export interface ListedClip extends Clip {
  /** Taken while it was recorded, by preference for a reason of its own: to show it by. Null: none is here. */
  snapshotId: string | null;
}

export interface ClipQuery {
  /** Sites that the asker may see; undefined is all. */
  sites?: readonly string[];
  site?: string;
  camera?: string;
  /** Started at or after. */
  from?: Date;
  /** Started before. */
  to?: Date;
  reason?: ClipReason;
  /** At least 1. */
  limit: number;
  cursor?: string;
}

type Row = Omit<Clip, 'startedAt' | 'receivedAt'> & { startedAt: Date; receivedAt: Date };

const COLUMNS = `id, site, camera, started_at as "startedAt", received_at as "receivedAt", duration_ms as "durationMs", reason, type,
  codec, width, height, bytes, encode(sha256, 'hex') as sha256`;

const SNAPSHOT = `(select s.id from snapshots s
    where s.site = clips.site and s.camera = clips.camera and s.captured_at >= clips.started_at
      and s.captured_at <= clips.started_at + clips.duration_ms * interval '1 millisecond'
    order by s.reason = 'interval', s.captured_at limit 1) as "snapshotId"`;

export class ClipStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** @returns false when the id is there already. Nothing is changed then. */
  async insert({ site, agent }: AgentAddress, header: ClipChunkHeader, receivedAt: Date): Promise<boolean> {
    const { id, camera, startedAt, durationMs, reason, type, codec, width, height, total, maskVersion } =
      header;
    const inserted = await this.#database.query(
      `insert into clips (id, site, camera, agent, started_at, received_at, duration_ms, reason, type, codec, width, height, bytes,
         sha256, mask_version)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
       on conflict (id) do nothing returning id`,
      [
        ...[
          id,
          site,
          camera,
          agent,
          new Date(startedAt),
          receivedAt,
          durationMs,
          reason,
          type,
          codec,
          width,
          height,
        ],
        ...[total, Buffer.from(header.sha256, 'hex'), maskVersion],
      ],
    );
    return inserted.length > 0;
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list({ sites, site, camera, from, to, reason, limit, cursor }: ClipQuery): Promise<Page<ListedClip>> {
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('site = any(?)', sites)
      .add('site = ?', site)
      .add('camera = ?', camera)
      .add('started_at >= ?', from)
      .add('started_at < ?', to)
      .add('reason = ?', reason)
      .add('(started_at, id) < (?, ?)', after?.at, after?.id);
    const rows = await this.#database.query<Row & Pick<ListedClip, 'snapshotId'>>(
      `select ${COLUMNS}, ${SNAPSHOT} from clips ${conditions.where}
       order by started_at desc, id desc limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    const page = toPage(rows, limit, ({ startedAt, id }) => ({ at: startedAt, id }));
    return { ...page, items: page.items.map((row) => ({ ...toClip(row), snapshotId: row.snapshotId })) };
  }

  /** @throws {AppError} DELETED_BY_RETENTION, NOT_FOUND. */
  async get(id: string): Promise<Clip> {
    const found = await this.find(id);
    if (!found) throw await missingItem(this.#database, 'clips', id);
    return found;
  }

  /** Its row is gone, its file is not yet. */
  isBeingDeleted(id: string): Promise<boolean> {
    return isBeingDeleted(this.#database, 'clips', id);
  }

  async find(id: string): Promise<Clip | undefined> {
    const [row] = await this.#database.query<Row>(`select ${COLUMNS} from clips where id = $1`, [id]);
    return row && toClip(row);
  }

  /** Which of these there are. */
  async known(ids: string[]): Promise<Set<string>> {
    const rows = await this.#database.query<{ id: string }>('select id from clips where id = any($1)', [ids]);
    return new Set(rows.map(({ id }) => id));
  }
}

function toClip(row: Row): Clip {
  return { ...row, startedAt: row.startedAt.toISOString(), receivedAt: row.receivedAt.toISOString() };
}
