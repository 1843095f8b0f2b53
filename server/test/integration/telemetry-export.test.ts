import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Database } from '../../src/postgres/pool.ts';
import { CsvStream, EXPORT_BATCH_ROWS } from '../../src/telemetry/csv-stream.ts';
import {
  EXPORT_MAX_MS,
  EXPORT_STALL_MS,
  EXPORTS_AT_ONCE_MAX,
  TelemetryExports,
} from '../../src/telemetry/telemetry-exports.ts';
import { openHttpHarness, type HttpHarness } from '../support/http-harness.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { makeReadings } from '../support/readings.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const FROM = new Date('2026-03-01T23:59:59.500Z');
const PERIOD = 'from=2026-03-01T00:00:00Z&to=2026-03-03T00:00:00Z';
/** About 15 MB of CSV: more than the kernel takes for a reader that stops. */
const MANY = 300_000;

describe('an export', () => {
  it('is CSV by sensor, metric and time, with exactly what was asked for', async () => {
    await using harness = await openHttpHarness(postgres);
    await makeReadings(harness.database, { ...series('boiler', 'flow', 'm,"3"/h\n'), count: 1 });
    await makeReadings(harness.database, { ...series('attic', 'temp', '=°C'), count: 3, stepMs: 1_000 });
    await makeReadings(harness.database, { ...series('attic', 'pm2.5', null), count: 1 });
    await makeReadings(harness.database, { ...series('attic', 'temp', null), site: 'farm', count: 1 });
    const cookie = await harness.login('viewer');
    const ask = async (more = ''): Promise<string> =>
      (await harness.request(cookie, { url: `/api/v1/telemetry/export?site=yard${more}` })).body;

    expect(await ask(`&${PERIOD}`)).toBe(
      [
        'ts,site,sensor,metric,unit,value',
        '2026-03-01T23:59:59.500Z,yard,attic,pm2.5,,0',
        "2026-03-01T23:59:59.500Z,yard,attic,temp,'=°C,0",
        "2026-03-02T00:00:00.500Z,yard,attic,temp,'=°C,1",
        "2026-03-02T00:00:01.500Z,yard,attic,temp,'=°C,2",
        '2026-03-01T23:59:59.500Z,yard,boiler,flow,"m,""3""/h\n",0',
        '',
      ].join('\r\n'),
    );
    expect(
      await ask('&sensor=attic&metric=temp&from=2026-03-02T00:00:00.500Z&to=2026-03-02T00:00:01.500Z'),
    ).toBe("ts,site,sensor,metric,unit,value\r\n2026-03-02T00:00:00.500Z,yard,attic,temp,'=°C,1\r\n");
    expect(await ask('&sensor=nobody')).toBe('ts,site,sensor,metric,unit,value\r\n');
    expect(linesOf(await ask('&to=2026-03-02T00:00:00Z'))).toBe(4);
  });

  it('is a download with a name, not kept by caches, and has no HEAD', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('viewer');
    const url = `/api/v1/telemetry/export?site=yard&sensor=attic&${PERIOD}`;
    const { headers, statusCode } = await harness.request(cookie, { url });
    expect([statusCode, headers]).toMatchObject([
      200,
      {
        'content-type': 'text/csv; charset=utf-8; header=present',
        'content-disposition':
          'attachment; filename="telemetry_yard_attic_20260301T000000Z_20260303T000000Z.csv"',
        'cache-control': 'no-store',
      },
    ]);
    expect((await harness.request(cookie, { method: 'HEAD', url })).statusCode).toBe(404);
  });

  it('ends at the sites of the user, also by a token', async () => {
    await using harness = await openHttpHarness(postgres);
    await harness.services.sites.create({ id: 'farm', name: 'Farm' });
    const stranger = await harness.login('admin', ['farm']);
    const made = await harness.request(stranger, {
      method: 'POST',
      url: '/api/v1/tokens',
      payload: { name: 'exports' },
    });
    const headers = { authorization: `Bearer ${made.json<{ token: string }>().token}` };
    const ask = async (site: string): Promise<number> =>
      (await harness.request(null, { url: `/api/v1/telemetry/export?site=${site}`, headers })).statusCode;
    expect([await ask('yard'), await ask('farm')]).toEqual([404, 200]);
    expect((await harness.request(null, { url: '/api/v1/telemetry/export?site=farm' })).statusCode).toBe(401);
  });

  it('is refused when it asks for no one site, for a bad name, for no time at all or for too much', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('viewer');
    for (const [asked, code] of [
      ['sensor=attic', 'BAD_REQUEST'],
      ['site=yard&metric=a%20b', 'BAD_REQUEST'],
      ['site=yard&from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z', 'BAD_REQUEST'],
      ['site=yard&from=2020-03-02T00:00:00Z&to=2026-03-02T00:00:00Z', 'PERIOD_TOO_LONG'],
    ]) {
      const answer = await harness.request(cookie, { url: `/api/v1/telemetry/export?${asked}` });
      expect([asked, answer.statusCode, answer.json()]).toMatchObject([asked, 400, { error: { code } }]);
    }
    const metrics = await harness.services.metrics.render();
    expect(metrics).toContain('sitecast_http_errors_total{code="PERIOD_TOO_LONG"} 1');
  });

  it('of a store that is away is an error as any other, not a file', async () => {
    const away = new AppError('STORE_UNAVAILABLE', 'away', { retryable: true });
    const exports = new TelemetryExports({ database: { openCursor: () => Promise.reject(away) } });
    await using harness = await openHttpHarness(postgres, { services: { exports } });
    const cookie = await harness.login('viewer');
    const answer = await harness.request(cookie, { url: '/api/v1/telemetry/export?site=yard' });
    expect([answer.statusCode, answer.headers]).toMatchObject([
      503,
      { 'content-type': expect.stringContaining('application/json') },
    ]);
    expect(answer.headers['content-disposition']).toBeUndefined();
    expect(exports.active).toBe(0);
  });
});

describe('an export of many readings', () => {
  it('is complete, and holds a few batches however slow its reader is', async () => {
    await using test = await postgres.createDatabase();
    await makeReadings(test.database, { ...series('boiler', 'flow', 'l'), count: MANY });
    const exports = new TelemetryExports({ database: test.database });
    const stream = await exports.open({ site: 'yard', from: FROM, to: new Date('2026-03-03T00:00:00Z') });
    let [lines, mostHeld] = [-1, 0];
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      lines += linesOf(chunk.toString());
      mostHeld = Math.max(mostHeld, stream.rows - lines);
    }
    expect(lines).toBe(MANY);
    expect(stream).toMatchObject({ rows: MANY, progress: 1 });
    expect(mostHeld).toBeLessThanOrEqual(2 * EXPORT_BATCH_ROWS);
    expect(exports).toMatchObject({ active: 0, counters: { exportsDone: 1, exportsBroken: 0 } });
    expect(test.database.stats()).toMatchObject({ total: 1, idle: 1 });
  });

  it('tells its progress by series and time', async () => {
    await using test = await postgres.createDatabase();
    const to = new Date(FROM.getTime() + 1_000 * 100);
    await makeReadings(test.database, { ...series('a', 'flow', 'l'), count: 1_000 });
    await makeReadings(test.database, { ...series('b', 'flow', 'l'), count: 1_000 });
    const stream = await new TelemetryExports({ database: test.database }).open({
      site: 'yard',
      from: FROM,
      to,
    });
    const seen = new Set<number>();
    for await (const _chunk of stream) seen.add(Math.round(stream.progress * 100) / 100);
    expect([...seen]).toEqual([...seen].toSorted((a, b) => a - b));
    expect([...seen]).toEqual(expect.arrayContaining([0.25, 0.5, 0.75, 1]));
  });

  it('gives its connection back when the client goes away in the middle', async () => {
    await using served = await serve();
    const response = await served.ask();
    await once(response, 'data');
    expect(served.exports.active).toBe(1);
    response.destroy();
    await served.rest();
    expect(served.exports.counters).toMatchObject({ exportsBroken: 1, exportsDone: 0 });
  });

  it('ends with the numbers it began with after 200 that were broken off', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const clock = new ManualClock();
    await using served = await serve(clock);
    for (let index = 0; index < 200; index += 1) {
      await breakOff(served, index % 3);
      await served.rest();
    }
    const { server } = served.harness.app;
    await waitFor(
      'the sockets to close',
      () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count === 0))),
    );
    await served.rest();
    expect(clock.pendingTimers).toBe(0);
    expect(served.harness.database.stats()).toMatchObject({ waiting: 0 });
    expect(served.harness.database.counters).toMatchObject({ callersRefused: 0 });
    expect(served.exports.counters).toMatchObject({ exportsDone: 0, exportsStalled: 0 });
    expect(warnings).toEqual([]);
  });

  it('ends when its reader stops reading, and does not look complete', async () => {
    const clock = new ManualClock();
    await using served = await serve(clock);
    const response = await served.ask();
    await waitFor('the reader to be given up', () => {
      clock.advance(EXPORT_STALL_MS);
      return served.exports.counters.exportsStalled === 1;
    });
    await served.rest();
    await expect(readAll(response)).rejects.toThrow(/aborted|ECONNRESET/);
  });

  it('ends when it takes longer than an export may, however steadily it is read', async () => {
    const clock = new ManualClock();
    await using served = await serve(clock);
    const response = await served.ask();
    response.once('data', () => {
      response.pause();
      for (let ms = 0; ms < EXPORT_MAX_MS; ms += 1_000) clock.advance(1_000);
      response.resume();
    });
    await expect(readAll(response)).rejects.toThrow(/aborted|ECONNRESET/);
    await served.rest();
    expect(served.exports.counters.exportsStalled).toBe(1);
  });

  it('whose connection to PostgreSQL is lost does not look complete', async () => {
    await using served = await serve();
    const response = await served.ask();
    await served.harness.database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
    );
    await expect(readAll(response)).rejects.toThrow(/aborted|ECONNRESET/);
    await served.rest();
    expect(served.exports.counters.exportsBroken).toBe(1);
  });

  it('is refused above the number at once, with a time to come back', async () => {
    await using served = await serve();
    const running = await Promise.all(Array.from({ length: EXPORTS_AT_ONCE_MAX }, () => served.ask()));
    const answer = await served.harness.request(served.cookie, {
      url: '/api/v1/telemetry/export?site=yard',
    });
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, '10']);
    expect(answer.json()).toMatchObject({
      error: {
        code: 'EXPORT_LIMIT',
        messageKo: expect.stringContaining('내보내기') as string,
        detail: { limit: EXPORTS_AT_ONCE_MAX, active: EXPORTS_AT_ONCE_MAX },
      },
    });
    for (const response of running) response.destroy();
    await served.rest();
    const after = await served.ask('&sensor=nobody');
    expect(linesOf(await readAll(after))).toBe(1);
    expect(served.exports.counters.exportsRefused).toBe(1);
  });
});

describe('a stream of CSV', () => {
  it('that is destroyed before anybody read it gives its connection back', async () => {
    await using test = await postgres.createDatabase();
    await makeReadings(test.database, { ...series('boiler', 'flow', 'l'), count: 5_000 });
    const clock = new ManualClock();
    const range = { site: 'yard', from: FROM, to: new Date('2026-03-03T00:00:00Z') };
    const stream = await CsvStream.open({
      database: test.database,
      range,
      clock,
      stallMs: 60_000,
      maxMs: 60_000,
    });
    stream.destroy();
    await once(stream, 'close');
    expect(test.database.stats()).toMatchObject({ total: 1, idle: 1 });
  });
});

interface Served extends AsyncDisposable {
  harness: HttpHarness;
  exports: TelemetryExports;
  cookie: string;
  /** Resolves with headers; nothing of the body is read. */
  ask(more?: string): Promise<IncomingMessage>;
  askRaw(): Promise<Socket>;
  /** Until nothing of an export is left, here or in PostgreSQL. */
  rest(): Promise<void>;
}

async function serve(clock?: ManualClock): Promise<Served> {
  let exports: TelemetryExports | undefined;
  const harness = await openHttpHarness(postgres, {
    services: ({ database }) => ({ exports: (exports = new TelemetryExports({ database, clock })) }),
  });
  if (!exports) throw new TypeError('the harness made no services');
  await makeReadings(harness.database, { ...series('boiler', 'flow', 'l'), count: MANY });
  await harness.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = harness.app.server.address() as AddressInfo;
  const cookie = await harness.login('viewer');
  const path = `/api/v1/telemetry/export?site=yard&${PERIOD}`;
  const made = exports;
  return {
    harness,
    exports,
    cookie,
    ask: async (more = '') => {
      const request = get({ port, path: path + more, headers: { cookie }, agent: false });
      request.on('error', () => undefined);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return response;
    },
    askRaw: async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      await once(socket, 'connect');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`);
      return socket;
    },
    rest: () => restOf(harness.database, made),
    [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
  };
}

async function restOf(database: Database, exports: TelemetryExports): Promise<void> {
  await waitFor('the end of the export', () => exports.active === 0);
  await waitFor('the connections to be idle', async () => {
    const [others] = await database.query<{ count: number }>(
      `select count(*) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
    );
    return others?.count === 0;
  });
  await waitFor('the pool to have its connections back', () => {
    const { total, idle, waiting } = database.stats();
    return total === idle && waiting === 0;
  });
}

/** As soon as the request is sent, with the headers, or with the first bytes. */
async function breakOff(served: Served, when: number): Promise<void> {
  if (when === 0) {
    const socket = await served.askRaw();
    await delay(Math.random() * 4);
    socket.destroy();
    return;
  }
  const response = await served.ask();
  if (when === 2) await once(response, 'data');
  response.destroy();
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}

function series(sensor: string, metric: string, unit: string | null) {
  return { site: 'yard', sensor, metric, unit, from: FROM };
}

const linesOf = (csv: string): number => csv.split('\r\n').length - 1;
