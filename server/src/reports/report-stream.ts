// The file of a report as bytes that are made while they are read, and the ways to make one of each kind.

import { Readable } from 'node:stream';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { MediaStore } from '../media-store/media-store.ts';
import type { Database } from '../postgres/pool.ts';
import { CSV_STREAM_BYTES, CsvStream } from '../telemetry/csv-stream.ts';
import { EXPORT_STALL_MS } from '../telemetry/telemetry-exports.ts';
import { SHEET_PICTURE_BYTES } from './contact-sheet.ts';
import { htmlReport } from './html-report.ts';
import { ReportContent } from './report-content.ts';
import type { ReportKind } from './report-kinds.ts';
import type { StoredReport } from './report-store.ts';
import type { ReportSubject } from './report-subject.ts';
import { summaryCsv } from './summary-csv.ts';
import { xlsxReport } from './xlsx-report.ts';

/** Characters that are written at once. */
const PIECE_LENGTH = 32 * 1024;
/** Pieces that wait for the disk. */
const PIECES_WAITING = 2;
/** What making one holds at most: parts that are listed whole, a batch of curves as read and as drawn, pieces with a picture. */
export const REPORT_STREAM_BYTES =
  CSV_STREAM_BYTES + 3 * 1024 * 1024 + 3 * PIECES_WAITING * SHEET_PICTURE_BYTES;
export const REPORT_MAX_MS = 1_800_000;

/** Its reader reads it to the end or destroys it; an error in the middle destroys it as well. */
export interface ReportStream extends AsyncIterable<Uint8Array> {
  /** Read so far. */
  readonly rows: number;
  /** 0 to 1. */
  readonly progress: number;
  /** Whether it leaves something out. */
  readonly isShortened?: boolean;
  destroy(error?: Error): unknown;
}

export interface ReportStreamOptions {
  database: Database;
  pictures: Pick<MediaStore, 'open'>;
  clock: Clock;
}

/** @throws {AppError} NOT_FOUND when the site is gone; STORE_UNAVAILABLE (retryable). */
export function openReportStream(
  options: ReportStreamOptions,
  report: StoredReport,
  siteName: string,
): Promise<ReportStream> {
  const { database, clock } = options;
  const { kind, site, from, to } = report;
  if (kind !== 'csv') return Promise.resolve(openSummary(options, report, kind, siteName));
  const range = { site, from, to };
  return CsvStream.open({ database, range, clock, stallMs: EXPORT_STALL_MS, maxMs: REPORT_MAX_MS });
}

const WRITERS: Record<
  Exclude<ReportKind, 'csv'>,
  (content: ReportContent) => AsyncIterable<string | Uint8Array>
> = {
  html: htmlReport,
  'summary-csv': summaryCsv,
  xlsx: xlsxReport,
};

function openSummary(
  { database, pictures, clock }: ReportStreamOptions,
  report: StoredReport,
  kind: Exclude<ReportKind, 'csv'>,
  siteName: string,
): ReportStream {
  const subject: ReportSubject = { ...report, siteName, madeAt: new Date(clock.nowMs()) };
  const content = new ReportContent({ database, pictures, subject });
  const stream = Readable.from(bytesOf(WRITERS[kind](content)), { highWaterMark: PIECES_WAITING });
  const expiry = clock.after(REPORT_MAX_MS, () =>
    stream.destroy(
      new AppError('EXPORT_STALLED', `report ${report.id} was not done within ${REPORT_MAX_MS} ms`),
    ),
  );
  stream.once('close', () => expiry.cancel());
  return {
    get rows() {
      return content.rows;
    },
    get progress() {
      return content.progress;
    },
    get isShortened() {
      return content.isShortened;
    },
    destroy: (error) => stream.destroy(error),
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
  };
}

/** In pieces that are worth a write. */
async function* bytesOf(pieces: AsyncIterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: string[] = [];
  let length = 0;
  for await (const piece of pieces) {
    if (typeof piece !== 'string') {
      yield piece;
      continue;
    }
    waiting.push(piece);
    length += piece.length;
    if (length < PIECE_LENGTH) continue;
    yield Buffer.from(waiting.join(''));
    [waiting, length] = [[], 0];
  }
  if (length > 0) yield Buffer.from(waiting.join(''));
}
