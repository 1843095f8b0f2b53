// The files of reports, each named after its id: whole, or not there. Owns its folder.

import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isUlid } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { replaceDurably, syncDirectory, toDiskError } from '../media-store/durable-file.ts';
import type { StoredFile } from '../media-store/media-store.ts';
import { REPORT_FILES, type ReportKind } from './report-kinds.ts';

export interface ReportFileName {
  id: string;
  kind: ReportKind;
}

export class ReportFiles {
  readonly #dir: string;

  static async open(dir: string): Promise<ReportFiles> {
    await mkdir(dir, { recursive: true, mode: 0o750 });
    return new ReportFiles(dir);
  }

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Removes what a crash left: half written files, and those of no report in `kept`. */
  async sweep(kept: readonly ReportFileName[]): Promise<void> {
    const names = new Set(kept.map(fileNameOf));
    const orphans = (await readdir(this.#dir)).filter((name) => !names.has(name));
    await Promise.all(orphans.map((name) => rm(join(this.#dir, name), { force: true })));
  }

  /**
   * Durable once it resolves; nothing stays when `chunks` fails or there are more than `maxBytes`.
   * @returns the size. @throws {AppError} REPORT_TOO_LARGE; STORE_UNAVAILABLE (retryable); and what `chunks` throws.
   */
  async write(report: ReportFileName, chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<number> {
    let bytes = 0;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > maxBytes)
          throw new AppError('REPORT_TOO_LARGE', `report ${report.id} is above ${maxBytes} bytes`);
        yield chunk;
      }
    }
    await replaceDurably(this.#path(report), counted());
    return bytes;
  }

  /** @throws {AppError} NOT_FOUND; STORE_UNAVAILABLE (retryable). */
  async open(report: ReportFileName): Promise<StoredFile> {
    const { id } = report;
    const file = await open(this.#path(report), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new AppError('NOT_FOUND', `report ${id} has no file`);
      throw toDiskError(error, `opening report ${id}`);
    });
    try {
      const { size } = await file.stat();
      return { bytes: size, stream: file.createReadStream() };
    } catch (error) {
      await file.close();
      throw toDiskError(error, `opening report ${id}`);
    }
  }

  async remove(report: ReportFileName): Promise<void> {
    try {
      await rm(this.#path(report), { force: true });
      await syncDirectory(this.#dir);
    } catch (error) {
      throw toDiskError(error, `removing report ${report.id}`);
    }
  }

  #path(report: ReportFileName): string {
    return join(this.#dir, fileNameOf(report));
  }
}

function fileNameOf({ id, kind }: ReportFileName): string {
  if (!isUlid(id)) throw new TypeError(`not the id of a report: ${JSON.stringify(id.slice(0, 100))}`);
  return id + REPORT_FILES[kind].suffix;
}
