// The snapshots of the agents that sign: each row is what was signed, follows the camera's one before it, and has its file.

import { createHash } from 'node:crypto';
import { decodeTime } from 'ulid';
import { snapshotText } from '@sitecast/shared/protocol/evidence';
import type { SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';
import { sha256Of } from '@sitecast/shared/node/signing';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { MediaStore } from '../media-store/media-store.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Period } from './check-seals.ts';
import type { ProofBook } from './proof.ts';
import type { Trust } from './trust.ts';

const PAGE_ROWS = 200;
/** Two that were signed one after the other may be stored in another order, but not in a very different one. */
const REMEMBERED = 16;

type Row = Omit<SnapshotHeader, 'capturedAt' | 'thumbnail'> & {
  agent: string;
  capturedAt: Date;
  path: string;
};

const COLUMNS = `id, camera, agent, captured_at as "capturedAt", reason, type, width, height, bytes, encode(sha256, 'hex') as sha256,
  mask_version as "maskVersion", encode(previous_sha256, 'hex') as "previousSha256", signature, path`;

export interface SnapshotCheckOptions {
  client: Queryable;
  period: Period;
  trust: ReadonlyMap<string, Trust>;
  book: ProofBook;
  /** Files are not looked at without it. */
  media: Pick<MediaStore, 'open'> | undefined;
}

export class SnapshotCheck {
  readonly #options: SnapshotCheckOptions;
  /** By camera: what was signed of the newest ones. */
  readonly #signed = new Map<string, string[]>();
  #horizonMs = -Infinity;

  constructor(options: SnapshotCheckOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { client, period, trust } = this.#options;
    this.#horizonMs = await retentionHorizon(client);
    let after: [Date, string] = [new Date(0), ''];
    for (;;) {
      const rows = await client.query<Row>(
        `select ${COLUMNS} from snapshots
         where site = $1 and agent = any($2::text[]) and captured_at >= $3 and captured_at < $4 and (captured_at, id) > ($5, $6)
         order by captured_at, id limit ${PAGE_ROWS}`,
        [period.site, [...trust.keys()], period.from, period.to, ...after],
      );
      for (const row of rows) await this.#check(row);
      const last = rows.at(-1);
      if (!last || rows.length < PAGE_ROWS) break;
      after = [last.capturedAt, last.id];
    }
    await this.#tellMissing();
  }

  async #check(row: Row): Promise<void> {
    const { book, trust } = this.#options;
    const of = trust.get(row.agent);
    const what = `snapshot ${row.id} of ${row.camera} (${row.capturedAt.toISOString()})`;
    const atMs = row.capturedAt.getTime();
    if (!of) return;
    book.checked.snapshots += 1;
    if (!row.signature) {
      if (atMs < of.firstSealMs) return book.noted('before-signing');
      return book.found('snapshot-unsigned', what);
    }
    const text = this.#textOf(row);
    const doubt = of.doubt(text, row.signature, atMs);
    if (doubt !== undefined) book.found(doubt === 'changed' ? 'snapshot-changed' : doubt, what);
    else await this.#checkLink(row, of, what);
    await this.#remember(row, text);
    await this.#checkFile(row, what);
  }

  async #checkLink(
    { camera, previousSha256, capturedAt, agent }: Row,
    of: Trust,
    what: string,
  ): Promise<void> {
    const { book } = this.#options;
    if (!previousSha256) return;
    const before = this.#signed.get(camera) ?? (await this.#signedBefore(camera, agent, capturedAt));
    this.#signed.set(camera, before);
    if (before.includes(previousSha256)) return;
    const atMs = capturedAt.getTime();
    if (before.length === 0 && atMs >= this.#horizonMs && this.#horizonMs > -Infinity)
      return book.noted('deleted-by-retention');
    if (atMs <= this.#horizonMs) return book.noted('deleted-by-retention');
    if (of.isLost('snapshots', atMs - 24 * 60 * 60 * 1000, atMs)) return book.noted('lost-on-the-way');
    book.found('snapshot-out-of-order', what, 'the one that it follows is missing, or was changed');
  }

  async #signedBefore(camera: string, agent: string, before: Date): Promise<string[]> {
    const { client, period } = this.#options;
    const rows = await client.query<Row>(
      `select ${COLUMNS} from snapshots where site = $1 and camera = $2 and agent = $3 and captured_at < $4
       order by captured_at desc, id desc limit ${REMEMBERED}`,
      [period.site, camera, agent, before],
    );
    return rows.reverse().map((row) => sha256Of(this.#textOf(row)));
  }

  #textOf({ agent, capturedAt, previousSha256, ...row }: Row): string {
    const header = {
      ...row,
      capturedAt: capturedAt.toISOString(),
      ...(previousSha256 && { previousSha256 }),
    };
    return snapshotText({ site: this.#options.period.site, agent }, header);
  }

  async #remember(row: Row, text: string): Promise<void> {
    const known =
      this.#signed.get(row.camera) ?? (await this.#signedBefore(row.camera, row.agent, row.capturedAt));
    this.#signed.set(row.camera, [...known.slice(1 - REMEMBERED), sha256Of(text)]);
  }

  async #checkFile({ path, sha256 }: Row, what: string): Promise<void> {
    const { media, book } = this.#options;
    if (!media) return;
    book.checked.files += 1;
    try {
      const { stream } = await media.open(path);
      const hash = createHash('sha256');
      for await (const chunk of stream) hash.update(chunk as Buffer);
      if (hash.digest('hex') !== sha256) book.found('file-changed', what);
    } catch (error) {
      if (!isAppError(error, 'NOT_FOUND')) throw error;
      book.found('file-missing', what);
    }
  }

  async #tellMissing(): Promise<void> {
    const { client, period, trust, book } = this.#options;
    const rows = await client.query<{ agent: string; camera: string; id: string }>(
      `select agent, camera, id from sealed_snapshots as sealed
       where not exists (select 1 from snapshots where snapshots.id = sealed.id) order by id`,
    );
    for (const { agent, camera, id } of rows) {
      const atMs = decodeTime(id);
      if (atMs < period.from.getTime() || atMs >= period.to.getTime()) continue;
      if (atMs <= this.#horizonMs) book.noted('deleted-by-retention');
      else if (trust.get(agent)?.isLost('snapshots', atMs)) book.noted('lost-on-the-way');
      else book.found('snapshot-missing', `snapshot ${id} of ${camera} (${new Date(atMs).toISOString()})`);
    }
  }
}

/** How far retention has come; nothing older than that is missed. */
async function retentionHorizon(client: Queryable): Promise<number> {
  const [known] = await client.query<{ exists: boolean }>(
    `select to_regclass('retention_horizons') is not null as exists`,
  );
  if (!known?.exists) return -Infinity;
  const [row] = await client.query<{ before: Date }>(
    `select before from retention_horizons where kind = 'snapshots'`,
  );
  return row?.before.getTime() ?? -Infinity;
}
