// Looks for rows without files and files without rows, of snapshots, clips and reports, while a server runs or not. Borrows the database.
//
// A row exists only while its files do, so one without is broken whenever it is seen twice: before and after its files were looked
// for. A file may be written before its row, and be unlinked after it, so one without counts only when it is old, is not in the
// garbage, and does not belong to a snapshot that is staged.

import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PARTIAL_SUFFIX } from '../media-store/durable-file.ts';
import type { Queryable } from '../postgres/pool.ts';
import { isBeingDeleted } from '../retention/deleted-items.ts';
import { REPORT_KINDS, REPORT_FILES } from '../reports/report-kinds.ts';
import type { FileKind } from '../retention/media-kinds.ts';
import type { MediaRemoval } from '../retention/media-removal.ts';
import { filesBelow, inBatches, rowsInBatches } from './batches.ts';
import { Tally } from './tally.ts';

/** Of files that may still be on their way to a row. */
export const ORPHAN_AGE_MS = 3_600_000;
/** Below DATA_DIR: what has no row is set aside there, never deleted, since the row may be what is missing. */
export const ORPHANS_FOLDER = 'orphans';

interface Place {
  /** Below DATA_DIR. */
  folder: string;
  /** Of each row: the paths of its files in the folder. */
  columns: string;
  /** Where only some rows have files: those that must, and those that may have one. */
  must?: string;
  may?: string;
}

const suffixes = REPORT_KINDS.map((kind) => `when '${kind}' then '${REPORT_FILES[kind].suffix}'`);

const PLACES: Record<FileKind, Place> = {
  snapshots: { folder: 'media', columns: 'array[path, thumbnail_path] as paths' },
  clips: { folder: 'clips/files', columns: `array[id || '.mp4'] as paths` },
  reports: {
    folder: 'reports',
    columns: `array[id || case kind ${suffixes.join(' ')} end] as paths`,
    must: `state = 'done'`,
    may: `state <> 'failed'`,
  },
};

export interface MediaScanOptions {
  database: Queryable;
  removal: MediaRemoval;
  dataDir: string;
  /** Whether a staged snapshot has this id: it is filed, or filed again. */
  isStaged: (id: string) => boolean;
  isRepairing: boolean;
  signal: AbortSignal;
  nowMs: number;
}

export interface MediaFindings {
  rows: number;
  files: number;
  /** Rows whose file is missing. */
  dangling: Tally;
  /** Files without a row. */
  orphans: Tally;
  /** Half written when something crashed. */
  partials: Tally;
  /** Not named as ours are. */
  strangers: Tally;
}

export class MediaScan {
  readonly #options: MediaScanOptions;

  constructor(options: MediaScanOptions) {
    this.#options = options;
  }

  async scan(kind: FileKind): Promise<MediaFindings> {
    const findings: MediaFindings = {
      rows: 0,
      files: 0,
      dangling: new Tally(),
      orphans: new Tally(),
      partials: new Tally(),
      strangers: new Tally(),
    };
    await this.#scanRows(kind, findings);
    await this.#scanFiles(kind, findings);
    return findings;
  }

  async #scanRows(kind: FileKind, findings: MediaFindings): Promise<void> {
    const { database, signal } = this.#options;
    const { columns, must } = PLACES[kind];
    for await (const rows of rowsInBatches<PathsRow>(database, { table: kind, columns, condition: must })) {
      if (signal.aborted) return;
      findings.rows += rows.length;
      for (const row of rows) await this.#checkRow(kind, row, findings);
    }
  }

  async #checkRow(kind: FileKind, { id, paths }: PathsRow, { dangling }: MediaFindings): Promise<void> {
    const { database, isRepairing } = this.#options;
    const found = await Promise.all(paths.map((path) => this.#lookAt(kind, path)));
    if (found.every((one) => one !== undefined)) return;
    const still = await database.query(`select 1 from ${kind} where id = $1`, [id]);
    if (still.length === 0) return;
    dangling.add(id);
    if (isRepairing && (await this.#removeRow(kind, id))) dangling.repaired += 1;
  }

  /** Of a report nothing but the row is left; what of media is left goes by way of the garbage. */
  async #removeRow(kind: FileKind, id: string): Promise<boolean> {
    const { database, removal } = this.#options;
    if (kind !== 'reports') return (await removal.removeOne(kind, id, 'doctor')) !== undefined;
    return (await database.query('delete from reports where id = $1 returning id', [id])).length > 0;
  }

  async #scanFiles(kind: FileKind, findings: MediaFindings): Promise<void> {
    const { dataDir, signal } = this.#options;
    const paths = filesBelow(join(dataDir, PLACES[kind].folder));
    for await (const batch of inBatches(paths)) {
      if (signal.aborted) return;
      findings.files += batch.length;
      const known = await this.#knownPaths(kind, batch);
      for (const path of batch) if (!known.has(path)) await this.#checkUnknown(kind, path, findings);
    }
  }

  async #knownPaths(kind: FileKind, paths: readonly string[]): Promise<Set<string>> {
    const { columns, may = 'true' } = PLACES[kind];
    const rows = await this.#options.database.query<PathsRow>(
      `select id, ${columns} from ${kind} where id = any($1::text[]) and ${may}`,
      [paths.flatMap((path) => idIn(path) ?? [])],
    );
    return new Set(rows.flatMap((row) => row.paths));
  }

  async #checkUnknown(kind: FileKind, path: string, findings: MediaFindings): Promise<void> {
    const { database, isStaged, isRepairing, nowMs } = this.#options;
    const file = await this.#lookAt(kind, path);
    if (!file || nowMs - file.mtimeMs < ORPHAN_AGE_MS) return;
    const name = join(PLACES[kind].folder, path);
    if (path.endsWith(PARTIAL_SUFFIX)) {
      findings.partials.add(name, file.size);
      if (isRepairing) await this.#remove(name, findings.partials);
      return;
    }
    const id = idIn(path);
    if (id === undefined) return findings.strangers.add(name, file.size);
    if (isStaged(id) || (kind !== 'reports' && (await isBeingDeleted(database, kind, id)))) return;
    // Filed, or deleted, since its batch was looked up.
    if ((await this.#knownPaths(kind, [path])).has(path) || !(await this.#lookAt(kind, path))) return;
    findings.orphans.add(name, file.size);
    if (isRepairing) await this.#setAside(name, findings.orphans);
  }

  async #remove(name: string, tally: Tally): Promise<void> {
    await rm(join(this.#options.dataDir, name), { force: true });
    tally.repaired += 1;
  }

  async #setAside(name: string, tally: Tally): Promise<void> {
    const { dataDir } = this.#options;
    const target = join(dataDir, ORPHANS_FOLDER, name);
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    await rename(join(dataDir, name), target);
    tally.repaired += 1;
  }

  async #lookAt(kind: FileKind, path: string): Promise<{ mtimeMs: number; size: number } | undefined> {
    return stat(join(this.#options.dataDir, PLACES[kind].folder, path)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      },
    );
  }
}

interface PathsRow {
  id: string;
  paths: string[];
}

const NAME = /(?:^|\/)([0-7][0-9A-HJKMNP-TV-Z]{25})(?:\.thumbnail)?\.(?:jpg|webp|mp4|html|csv|xlsx)$/;

function idIn(path: string): string | undefined {
  return NAME.exec(path)?.[1];
}
