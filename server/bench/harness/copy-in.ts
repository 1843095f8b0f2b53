// COPY ... FROM STDIN over one connection of the driver, in PostgreSQL's binary form (manual of COPY, "Binary Format").

import type pg from 'pg';

export type ColumnType = 'int4' | 'float8' | 'timestamptz';

const BYTES: Record<ColumnType, number> = { int4: 4, float8: 8, timestamptz: 8 };
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([0xff, 0xff]);
/** Timestamps count from here. */
const EPOCH_MS = Date.UTC(2000, 0);

/** So many rows of numbers; a timestamp is given in ms since 1970. */
export class BinaryRows {
  readonly #columns: ColumnType[];
  readonly #buffer: Buffer;
  #at = 0;

  constructor(columns: ColumnType[], maxRows: number) {
    this.#columns = columns;
    const rowBytes = columns.reduce((sum, type) => sum + 4 + BYTES[type], 2);
    this.#buffer = Buffer.allocUnsafe(maxRows * rowBytes);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
  }

  add(...values: number[]): void {
    this.#at = this.#buffer.writeInt16BE(values.length, this.#at);
    for (let n = 0; n < values.length; n += 1) this.#write(this.#columns[n]!, values[n]!);
  }

  #write(type: ColumnType, value: number): void {
    this.#at = this.#buffer.writeInt32BE(BYTES[type], this.#at);
    if (type === 'int4') this.#at = this.#buffer.writeInt32BE(value, this.#at);
    else if (type === 'float8') this.#at = this.#buffer.writeDoubleBE(value, this.#at);
    else {
      const micros = (value - EPOCH_MS) * 1_000;
      this.#at = this.#buffer.writeInt32BE(Math.floor(micros / 2 ** 32), this.#at);
      this.#at = this.#buffer.writeUInt32BE(((micros % 2 ** 32) + 2 ** 32) % 2 ** 32, this.#at);
    }
  }
}

interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** What the driver wants of a query that it does not know. */
class CopyIn {
  readonly #sql: string;
  readonly #rows: Buffer;
  readonly done: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(sql: string, rows: Buffer) {
    this.#sql = sql;
    this.#rows = rows;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: CopyConnection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (const chunk of [HEADER, this.#rows, TRAILER]) connection.sendCopyFromChunk(chunk);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve();
  }
}

/**
 * @param isNew the table was made in the same transaction: its rows are frozen, which spares a vacuum.
 * @throws {Error} of the driver.
 */
export async function copyIn(
  client: pg.Client,
  table: string,
  rows: BinaryRows,
  { isNew = false } = {},
): Promise<void> {
  const options = isNew ? 'format binary, freeze' : 'format binary';
  const copy = new CopyIn(`copy ${table} from stdin with (${options})`, rows.bytes);
  client.query(copy as unknown as pg.Submittable);
  await copy.done;
}
