// SQL of the table `snapshots`. Borrows the database.

import type { SnapshotHeader, SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import type { StoredPaths } from '../media-store/media-store.ts';
import type { Queryable } from '../postgres/pool.ts';
import { isBeingDeleted, missingItem } from '../retention/deleted-items.ts';
import { Conditions, parseCursor, toPage, type Page } from './page.ts';

/** As the API shows it. */
export interface Snapshot {
  id: string;
  site: string;
  camera: string;
  capturedAt: string;
  receivedAt: string;
  reason: SnapshotReason;
  type: SnapshotHeader['type'];
  width: number;
  height: number;
  bytes: number;
  /** The snapshot itself where it came without one. */
  thumbnail: NonNullable<SnapshotHeader['thumbnail']>;
}

/** With what is needed to send its files. */
export interface StoredSnapshot extends Snapshot, StoredPaths {
  /** Lower-case hex. */
  sha256: string;
}

export interface NewSnapshot extends StoredPaths {
  site: string;
  agent: string;
  receivedAt: Date;
  header: SnapshotHeader;
}

export interface SnapshotQuery {
  /** Sites that the asker may see; undefined is all. */
  sites?: readonly string[];
  site?: string;
  camera?: string;
  /** Captured at or after. */
  from?: Date;
  /** Captured before. */
  to?: Date;
  reason?: SnapshotReason;
  /** At least 1. */
  limit: number;
  cursor?: string;
}

interface Row extends Omit<StoredSnapshot, 'capturedAt' | 'receivedAt' | 'thumbnail'> {
  capturedAt: Date;
  receivedAt: Date;
  thumbnailType: SnapshotHeader['type'];
  thumbnailWidth: number;
  thumbnailHeight: number;
  thumbnailBytes: number;
}

const COLUMNS = `id, site, camera, captured_at as "capturedAt", received_at as "receivedAt", reason, type, width, height, bytes,
  thumbnail_type as "thumbnailType", thumbnail_width as "thumbnailWidth", thumbnail_height as "thumbnailHeight",
  thumbnail_bytes as "thumbnailBytes", path, thumbnail_path as "thumbnailPath", encode(sha256, 'hex') as sha256`;

export class SnapshotStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** @returns undefined when the id is there already. Nothing is changed then. */
  async insert({
    site,
    agent,
    receivedAt,
    header,
    path,
    thumbnailPath,
  }: NewSnapshot): Promise<Snapshot | undefined> {
    const { thumbnail = header } = header;
    const [row] = await this.#database.query<Row>(
      `insert into snapshots (id, site, camera, agent, captured_at, received_at, reason, type, width, height, bytes, sha256,
         thumbnail_type, thumbnail_width, thumbnail_height, thumbnail_bytes, mask_version, previous_sha256, signature, path, thumbnail_path)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
       on conflict (id) do nothing
       returning ${COLUMNS}`,
      [
        header.id,
        site,
        header.camera,
        agent,
        new Date(header.capturedAt),
        receivedAt,
        header.reason,
        header.type,
        header.width,
        header.height,
        header.bytes,
        Buffer.from(header.sha256, 'hex'),
        thumbnail.type,
        thumbnail.width,
        thumbnail.height,
        thumbnail.bytes,
        header.maskVersion,
        header.previousSha256 === undefined ? null : Buffer.from(header.previousSha256, 'hex'),
        header.signature ?? null,
        path,
        thumbnailPath,
      ],
    );
    return row && toSnapshot(row);
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list({
    sites,
    site,
    camera,
    from,
    to,
    reason,
    limit,
    cursor,
  }: SnapshotQuery): Promise<Page<Snapshot>> {
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('site = any(?)', sites)
      .add('site = ?', site)
      .add('camera = ?', camera)
      .add('captured_at >= ?', from)
      .add('captured_at < ?', to)
      .add('reason = ?', reason)
      .add('(captured_at, id) < (?, ?)', after?.at, after?.id);
    const rows = await this.#database.query<Row>(
      `select ${COLUMNS} from snapshots ${conditions.where}
       order by captured_at desc, id desc limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    const page = toPage(rows, limit, ({ capturedAt, id }) => ({ at: capturedAt, id }));
    return { ...page, items: page.items.map(toSnapshot) };
  }

  async has(id: string): Promise<boolean> {
    return (await this.#database.query('select 1 from snapshots where id = $1', [id])).length > 0;
  }

  /** @throws {AppError} DELETED_BY_RETENTION, NOT_FOUND. */
  async get(id: string): Promise<StoredSnapshot> {
    const found = await this.find(id);
    if (!found) throw await missingItem(this.#database, 'snapshots', id);
    return found;
  }

  /** Its row is gone, its files are not yet. */
  isBeingDeleted(id: string): Promise<boolean> {
    return isBeingDeleted(this.#database, 'snapshots', id);
  }

  async find(id: string): Promise<StoredSnapshot | undefined> {
    const [row] = await this.#database.query<Row>(`select ${COLUMNS} from snapshots where id = $1`, [id]);
    if (!row) return undefined;
    return { ...toSnapshot(row), path: row.path, thumbnailPath: row.thumbnailPath, sha256: row.sha256 };
  }
}

function toSnapshot(row: Row): Snapshot {
  return {
    id: row.id,
    site: row.site,
    camera: row.camera,
    capturedAt: row.capturedAt.toISOString(),
    receivedAt: row.receivedAt.toISOString(),
    reason: row.reason,
    type: row.type,
    width: row.width,
    height: row.height,
    bytes: row.bytes,
    thumbnail: {
      type: row.thumbnailType,
      width: row.thumbnailWidth,
      height: row.thumbnailHeight,
      bytes: row.thumbnailBytes,
    },
  };
}
