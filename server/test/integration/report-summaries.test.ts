import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { ulid } from 'ulid';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FleetTables } from '../../src/fleet/fleet-tables.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { htmlReport } from '../../src/reports/html-report.ts';
import { ReportContent } from '../../src/reports/report-content.ts';
import type { ReportSubject, SeriesPart } from '../../src/reports/report-subject.ts';
import { summaryCsv } from '../../src/reports/summary-csv.ts';
import { xlsxReport } from '../../src/reports/xlsx-report.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { unzip } from '../support/unzip.ts';

const postgres = useTestPostgres();
const HOUR_MS = 3_600_000;
/** A day of Seoul. */
const FROM = new Date('2026-02-28T15:00:00Z');
const TO = new Date('2026-03-01T15:00:00Z');
const HOSTILE = '=1+1<script>alert("x")</script>\u0007';
const at = (hour: number): Date => new Date(FROM.getTime() + hour * HOUR_MS);

interface Site {
  database: Database;
  pictures: MediaStore;
  subject: ReportSubject;
  content: (change?: Partial<ReportSubject>) => ReportContent;
}

describe('the summary of a day', () => {
  it('tells of each camera how long it was away, its gateway included', async () => {
    const { content } = await openSite();
    const cameras = await content().cameras();
    expect(cameras).toEqual([
      { id: 'dock', name: 'dock', share: 1 - 4 / 24, downMs: 4 * HOUR_MS, downs: 1 },
      { id: 'gate', name: HOSTILE, share: 1 - 6 / 24, downMs: 6 * HOUR_MS, downs: 2 },
    ]);
  });

  it('counts a camera and a sensor from when they were known, and says nothing of them before', async () => {
    const { database, content } = await openSite();
    await database.query(`update cameras set known_since = $1 where id = 'dock'`, [at(20)]);
    await database.query(`update cameras set known_since = $1 where id = 'gate'`, [at(22)]);
    await database.query(`update series set created_at = $1 where sensor = 'meter'`, [at(3)]);
    expect(await content().cameras()).toMatchObject([
      { id: 'dock', share: 1 - 3 / 4, downMs: 3 * HOUR_MS, downs: 1 },
      { id: 'gate', share: 1 - 1 / 2, downMs: HOUR_MS, downs: 1 },
    ]);
    const [, meter] = await content().sensors();
    expect(meter).toMatchObject({ id: 'meter', share: 1 - 1 / 21, downMs: HOUR_MS, downs: 1 });
    const before = content({ from: at(-30), to: at(-24) });
    expect(await before.cameras()).toMatchObject([
      { id: 'dock', share: null, downMs: 0, downs: 0 },
      { id: 'gate', share: null, downMs: 0, downs: 0 },
    ]);
  });

  it('keeps since when a camera is known while its agent tells of it again', async () => {
    const { database } = await openSite();
    await database.query(
      `insert into devices (kind, site, id, secret_hash) values ('agent', 'yard', 'gateway', pg_catalog.sha256(''))`,
    );
    await database.query(`update cameras set known_since = $1`, [FROM]);
    const report = { id: 'dock', name: 'Dock' } as CameraReport;
    const fresh = { ...report, id: 'new' };
    await new FleetTables(database).saveInventory({ site: 'yard', agent: 'gateway' }, [report, fresh], []);
    const known = await database.query(
      `select id, name, known_since > now() - interval '1 hour' as "isNew" from cameras order by id`,
    );
    expect(known).toEqual([
      { id: 'dock', name: 'Dock', isNew: false },
      { id: 'gate', name: 'gate', isNew: false },
      { id: 'new', name: 'Dock', isNew: true },
    ]);
  });

  it('tells of each sensor how long it was away, by outages where there are any, else by its interval', async () => {
    const { content } = await openSite();
    const sensors = await content().sensors();
    expect(sensors.map(({ id, basis, downs }) => [id, basis, downs])).toEqual([
      ['boiler', 'interval', 1],
      ['meter', 'outages', 1],
      ['mute', 'none', 0],
    ]);
    expect(sensors[0]?.downMs).toBe(6 * HOUR_MS);
    expect(sensors[1]?.downMs).toBe(2 * HOUR_MS);
  });

  it('has the numbers of each series as its minutes have them, and curves with their gaps', async () => {
    const { database, content } = await openSite();
    const series = await all(content().series());
    const [exact] = await database.query<{ min: number; mean: number; max: number; count: number }>(
      `select min(min) as min, sum(sum) / sum(count) as mean, max(max) as max, sum(count)::float8 as count
       from telemetry_1m join series on series.id = series_id
       where sensor = 'boiler' and bucket >= $1 and bucket < $2`,
      [FROM, TO],
    );
    expect(series.map(({ sensor, metric }) => `${sensor}/${metric}`)).toEqual([
      'boiler/temperature',
      'meter/power',
    ]);
    expect(series[0]).toMatchObject({
      ...exact,
      unit: '°C',
      place: 1,
      places: 2,
      mean: expect.closeTo(exact?.mean ?? NaN, 9) as number,
    });
    expect(series[0]?.points.some(([ms]) => ms >= at(6).getTime() && ms < at(12).getTime())).toBe(false);
  });

  it('has the same numbers by hours as by minutes, also of hours that are due again', async () => {
    const { database, content } = await openSite();
    const month = { from: at(-24 * 30), to: TO };
    const before = await all(content(month).series());
    await computeHours(database);
    const byHours = await all(content(month).series());
    expect(byHours.map(numbersOf)).toEqual(before.map(numbersOf));
    await database.query('delete from telemetry_1m where bucket < $1', [at(3)]);
    const minutesGone = await all(content(month).series());
    expect(minutesGone.map(numbersOf)).toEqual(before.map(numbersOf));
    await database.query(
      `insert into rollup_due (hour, series_id) select distinct date_bin('1 hour', bucket, 'epoch'), series_id from telemetry_1m`,
    );
    await database.query(
      'update telemetry_1h set max = 1e9 where (bucket, series_id) in (select hour, series_id from rollup_due)',
    );
    expect((await all(content(month).series())).map(numbersOf)).toEqual(before.map(numbersOf));
  });

  it('lists the alerts and gaps of the period, and no others', async () => {
    const { content } = await openSite();
    expect(await all(content().alerts())).toMatchObject([
      { rule: HOSTILE, severity: 'critical', subject: 'boiler/temperature', value: 81, to: null },
    ]);
    expect(await all(content().gaps())).toMatchObject([
      { agent: 'gateway', lane: 'telemetry', count: 12, from: at(6) },
    ]);
  });

  it('calls series as their devices do, in each of its forms, and says units with the values of alerts', async () => {
    const { database, content } = await openSite();
    await database.query(`update series set label = 'Boiler <1>' where sensor = 'boiler'`);
    expect(await all(content().series())).toMatchObject([{ label: 'Boiler <1>' }, { label: null }]);
    expect(await all(content().alerts())).toMatchObject([
      { subject: 'Boiler <1> (boiler/temperature)', unit: '°C' },
    ]);
    const page = (await all(htmlReport(content({ language: 'en' })))).join('');
    expect(page).toContain('· Boiler &lt;1&gt;</h3>');
    expect(page).toContain('Boiler &lt;1&gt; (boiler/temperature)');
    expect(page).toContain('>81 °C<');
    expect((await all(summaryCsv(content({ language: 'en' })))).join('')).toMatch(
      /Measurements,boiler,boiler,temperature,.*Boiler <1>/,
    );
    const files = unzip(Buffer.concat(await all(xlsxReport(content({ language: 'en' })))));
    expect(files.get('xl/worksheets/sheet4.xml')).toContain('Boiler &lt;1&gt;');
  });

  it('shows pictures of all cameras over the whole period, without those that are gone', async () => {
    const { content } = await openSite();
    const shown = await all(content().pictures());
    expect(shown).toHaveLength(23);
    expect(new Set(shown.map(({ camera }) => camera))).toEqual(new Set(['gate', 'dock']));
    expect(shown.map(({ capturedAt }) => capturedAt.getTime())).toEqual(
      shown.map(({ capturedAt }) => capturedAt.getTime()).toSorted((a, b) => a - b),
    );
  });

  it.each(['en', 'ko'] as const)(
    'is a page of HTML that needs nothing and runs nothing (%s)',
    async (language) => {
      const { content } = await openSite();
      const page = (await all(htmlReport(content({ language })))).join('');
      expect(page).toContain(`<html lang="${language}">`);
      expect(page).toContain('http-equiv="Content-Security-Policy"');
      expect(page).not.toContain('<script');
      expect(page).not.toContain(' style="');
      expect(page).not.toMatch(/(src|href)="(?!data:)/);
      expect(page.match(/<svg/g)).toHaveLength(2);
      expect(page.match(/src="data:image\/jpeg;base64,/g)).toHaveLength(23);
      expect(page).toContain(language === 'en' ? '1 March 2026' : '2026년 3월 1일');
      expect(page).toContain(language === 'en' ? 'Availability' : '가동률');
      expect(page).toContain('&lt;script&gt;');
    },
  );

  it.each(['en', 'ko'] as const)('is a table of CSV whose texts are no formulas (%s)', async (language) => {
    const { content } = await openSite();
    const csv = (await all(summaryCsv(content({ language })))).join('');
    expect(csv.startsWith('\ufeff')).toBe(true);
    const lines = csv.trimEnd().split('\r\n');
    expect(lines).toHaveLength(1 + 1 + 2 + 3 + 2 + 1 + 1);
    expect(lines[1]).toContain('2026-03-01T00:00:00+09:00,2026-03-02T00:00:00+09:00');
    expect(csv).toContain(`"'=1+1<script>alert(""x"")</script>`);
    expect(csv).toContain(language === 'en' ? 'Measurements,boiler' : '측정값,boiler');
  });

  it.each(['en', 'ko'] as const)('is a workbook whose texts are texts (%s)', async (language) => {
    const { content } = await openSite();
    const files = unzip(Buffer.concat(await all(xlsxReport(content({ language })))));
    expect(files.get('[Content_Types].xml')).toContain('worksheet+xml');
    const tabs = [...(files.get('xl/workbook.xml') ?? '').matchAll(/<sheet name="([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(tabs).toHaveLength(7);
    expect(tabs[1]).toBe(language === 'en' ? 'Cameras' : '카메라');
    const cameras = files.get('xl/worksheets/sheet2.xml') ?? '';
    expect(cameras).toContain('<t xml:space="preserve">=1+1&lt;script&gt;');
    expect(cameras).not.toContain('<f>');
    expect(cameras).not.toContain('\u0007');
    const curves = files.get('xl/worksheets/sheet5.xml') ?? '';
    // Midnight of the place, as days since 1900 count it.
    expect(curves).toContain('<v>46082</v>');
    expect(files.get('xl/worksheets/sheet4.xml')?.match(/<row /g)).toHaveLength(3);
  });

  it('gives its connection back when nobody reads on', async () => {
    const { database, content } = await openSite();
    for (const pieces of [htmlReport(content()), xlsxReport(content()), summaryCsv(content())]) {
      for await (const piece of pieces) if (piece.length > 0) break;
      const { total, idle } = database.stats();
      expect(total).toBe(idle);
    }
  });

  it('of a site without anything says so', async () => {
    const { database, content } = await openSite();
    await database.query(`insert into sites (id, name) values ('bare', 'Bare')`);
    const page = (await all(htmlReport(content({ site: 'bare', siteName: 'Bare' })))).join('');
    expect(page).toContain('The site has no camera.');
    expect(page).toContain('No sensor has sent a reading yet.');
    const files = unzip(Buffer.concat(await all(xlsxReport(content({ site: 'bare' })))));
    expect(files.get('xl/worksheets/sheet4.xml')?.match(/<row /g)).toHaveLength(1);
  });
});

async function openSite(): Promise<Site> {
  const test = await postgres.createDatabase();
  onTestFinished(() => test[Symbol.asyncDispose]());
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-summaries-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const { database } = test;
  const pictures = await MediaStore.open(dir);
  await makeFleet(database);
  await makeReadings(database);
  await makeHistory(database);
  await makePictures(database, pictures);
  const subject: ReportSubject = {
    site: 'yard',
    siteName: 'Yard',
    period: 'daily',
    from: FROM,
    to: TO,
    timeZone: 'Asia/Seoul',
    language: 'en',
    madeAt: at(48),
  };
  return {
    database,
    pictures,
    subject,
    content: (change) => new ReportContent({ database, pictures, subject: { ...subject, ...change } }),
  };
}

async function makeFleet(database: Database): Promise<void> {
  await database.query(`insert into sites (id, name) values ('yard', 'Yard')`);
  await database.query(
    `insert into cameras (site, id, agent, name, custom_name, report, known_since)
     values ('yard', 'dock', 'gateway', 'dock', null, '{}', $2), ('yard', 'gate', 'gateway', 'gate', $1, '{}', $2)`,
    [HOSTILE, at(-48)],
  );
  await database.query(
    `insert into sensors (site, id) values ('yard', 'boiler'), ('yard', 'meter'), ('yard', 'mute')`,
  );
}

/** One a minute from two days before the period on, and none from its 6th to its 12th hour. */
async function makeReadings(database: Database): Promise<void> {
  await database.query(
    `insert into series (site, sensor, metric, unit, device, created_at)
     values ('yard', 'boiler', 'temperature', '°C', 'gateway', $1), ('yard', 'meter', 'power', 'W', 'gateway', $1)`,
    [at(-48)],
  );
  await database.query(
    `select ensure_telemetry_partitions(day::date) from generate_series($1::timestamptz, $2::timestamptz, '1 day') as day`,
    [at(-72), at(48)],
  );
  await database.query(
    `insert into telemetry_1m (series_id, bucket, count, sum, min, max)
     select id, bucket, 2, 40 + sin(extract(epoch from bucket) / 9000) * 20, 19 + sin(extract(epoch from bucket) / 9000) * 10,
       21 + sin(extract(epoch from bucket) / 9000) * 10
     from series, generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', '1 minute') as bucket
     where bucket < $3 or bucket >= $4`,
    [at(-48), TO, at(6), at(12)],
  );
  await database.query(
    `insert into rollup_due (hour, series_id) select distinct date_bin('1 hour', bucket, 'epoch'), series_id from telemetry_1m`,
  );
}

async function makeHistory(database: Database): Promise<void> {
  const outages: [kind: string, id: string, began: number, ended: number | null][] = [
    ['camera', 'gate', -2, 1],
    ['camera', 'gate', 18, 22],
    ['agent', 'gateway', 19, 23],
    ['sensor', 'meter', 2, 4],
    ['sensor', 'meter', -9, -8],
    ['camera', 'elsewhere', 0, null],
  ];
  for (const [kind, id, began, ended] of outages)
    await database.query(
      `insert into outages (site, kind, id, began, ended, reason) values ('yard', $1, $2, $3, $4, 'silent')`,
      [kind, id, at(began), ended === null ? null : at(ended)],
    );
  const gaps = [
    [6, 12],
    [-40, -30],
  ] as const;
  for (const [from, to] of gaps)
    await database.query(
      `insert into events (id, site, agent, kind, at, until, detail, gap)
       values ($1, 'yard', 'gateway', 'gap', $2, $3, 'lost', '{"lane": "telemetry", "count": 12}')`,
      [ulid(), at(from), at(to)],
    );
  for (const [fired, resolved] of [
    [20, null],
    [-20, -10],
  ] as const)
    await database.query(
      `insert into alerts (id, rule_name, site, kind, subject, severity, state, condition, value, pending_at, fired_at, resolved_at, end_reason)
       values ($1, $2, 'yard', 'threshold', 'boiler/temperature', 'critical', $3, '{}', 81, $4, $4, $5, $6)`,
      [
        ulid(),
        HOSTILE,
        resolved === null ? 'firing' : 'resolved',
        at(fired),
        resolved === null ? null : at(resolved),
        resolved === null ? null : 'cleared',
      ],
    );
}

/** One an hour of each camera; the file of one that would be shown is gone. */
async function makePictures(database: Database, pictures: MediaStore): Promise<void> {
  for (let hour = 0; hour < 24; hour += 1)
    for (const camera of ['gate', 'dock']) {
      const picture = makeSnapshot({ camera, capturedAt: at(hour).toISOString() });
      const isGone = hour === 0 && camera === 'gate';
      const paths = isGone
        ? {
            path: `yard/2026-03-01/${picture.header.id}.jpg`,
            thumbnailPath: `yard/2026-03-01/${picture.header.id}.jpg`,
          }
        : await pictures.put('yard', picture);
      await database.query(
        `insert into snapshots (id, site, camera, agent, captured_at, received_at, reason, type, width, height, bytes, sha256,
           thumbnail_type, thumbnail_width, thumbnail_height, thumbnail_bytes, path, thumbnail_path)
         values ($1, 'yard', $2, 'gateway', $3, $3, 'interval', 'image/jpeg', 1280, 720, 2000, $4, 'image/jpeg', 320, 180, 200, $5, $6)`,
        [picture.header.id, camera, at(hour), Buffer.alloc(32), paths.path, paths.thumbnailPath],
      );
    }
}

async function computeHours(database: Database): Promise<void> {
  await database.query(
    `insert into telemetry_1h (series_id, bucket, count, sum, min, max)
     select series_id, date_bin('1 hour', bucket, 'epoch'), sum(count), sum(sum), min(min), max(max)
     from telemetry_1m group by 1, 2`,
  );
  await database.query('delete from rollup_due');
}

function numbersOf({ sensor, count, min, mean, max, points }: SeriesPart): unknown[] {
  return [sensor, count, min, max, points.length, mean?.toFixed(6)];
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}
