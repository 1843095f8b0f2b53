// One client of the driver that writes the same rows into a table like `telemetry`, and does nothing else. Owns its connection.

import pg from 'pg';
import { BinaryRows, copyIn } from '../harness/copy-in.ts';
import { BASE_MS, SERIES, timeOf, valueOf } from './rows.ts';

export type BareWay = 'insert' | 'copy';

const DAY_MS = 86_400_000;
const DAYS = 40;
/** As the server has at most in a statement. */
const INSERT_ROWS = 1_000;
/** One COPY, one commit: what suits it best. */
const COPY_ROWS = 50_000;

const INSERT = (table: string): string => `
  insert into ${table} (series_id, ts, value)
  select series_id, timestamptz 'epoch' + ms * interval '1 millisecond', value
  from unnest($1::int[], $2::int8[], $3::float8[]) as given (series_id, ms, value)
  on conflict do nothing`;

export class BareWriter implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #way: BareWay;
  readonly #table: string;
  readonly #rows = new BinaryRows(['int4', 'timestamptz', 'float8'], COPY_ROWS);
  #step = 0;

  private constructor(client: pg.Client, way: BareWay) {
    this.#client = client;
    this.#way = way;
    this.#table = `bare_${way}`;
  }

  static async open(databaseUrl: string, way: BareWay): Promise<BareWriter> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const table = `bare_${way}`;
    await client.query(`create table ${table} (like telemetry including all) partition by range (ts)`);
    for (let day = 0; day < DAYS; day += 1) {
      const [from, to] = [day, day + 1].map((n) => new Date(BASE_MS + n * DAY_MS).toISOString());
      await client.query(
        `create table ${table}_${day} partition of ${table} for values from ('${from}') to ('${to}')`,
      );
    }
    return new BareWriter(client, way);
  }

  /** @returns rows a second. */
  async writeFor(seconds: number, signal: AbortSignal): Promise<number> {
    const startMs = performance.now();
    let rows = 0;
    while (performance.now() - startMs < seconds * 1_000) {
      signal.throwIfAborted();
      rows += this.#way === 'insert' ? await this.#insert() : await this.#copy();
    }
    return rows / ((performance.now() - startMs) / 1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }

  async #insert(): Promise<number> {
    const columns: [number[], number[], number[]] = [[], [], []];
    this.#next(INSERT_ROWS, (...row) => columns.forEach((column, n) => column.push(row[n]!)));
    await this.#client.query({ text: INSERT(this.#table), values: columns, name: 'bare-insert' });
    return INSERT_ROWS;
  }

  async #copy(): Promise<number> {
    this.#rows.clear();
    this.#next(COPY_ROWS, (...row) => this.#rows.add(...row));
    await copyIn(this.#client, this.#table, this.#rows);
    return COPY_ROWS;
  }

  #next(rows: number, take: (series: number, ms: number, value: number) => void): void {
    for (let n = 0; n < rows; n += SERIES, this.#step += 1) {
      for (let series = 0; series < SERIES; series += 1)
        take(series + 1, timeOf(this.#step), valueOf(series, this.#step));
    }
  }
}
