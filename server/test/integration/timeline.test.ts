import { describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import type { Database } from '../../src/postgres/pool.ts';
import { TelemetryQueries } from '../../src/telemetry/telemetry-query.ts';
import { TIMELINE_ITEMS_MAX, Timelines, type Timeline } from '../../src/timeline/timeline.ts';
import type { TimelineQuery } from '../../src/timeline/timeline-query.ts';
import { openHttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { makeReadings } from '../support/readings.ts';

const postgres = useTestPostgres();
const DAY = '2026-05-04';
const at = (time: string, day = DAY): Date => new Date(`${day}T${time}Z`);

describe('a timeline', () => {
  it('shows from near every picture, event, value and outage that touches the range, and of this site only', async () => {
    await using run = await openRun();
    const picture = await run.picture('front', at('12:00:10'));
    await run.picture('front', at('12:30:00'));
    await run.picture('till', at('12:00:20'), 'shop');
    const motion = await run.event('motion', at('12:00:05'), at('12:00:45'));
    const reaching = await run.event('dark', at('11:59:00'), at('12:00:30'));
    const long = await run.event('covered', at('03:00:00'), at('12:00:01'));
    await run.event('motion', at('11:58:00'), at('11:59:59'));
    await run.event('motion', at('12:00:30'), null, { site: 'shop', camera: 'till' });
    await run.outage('camera', 'front', at('11:00:00'), at('12:00:15'));
    await run.outage('camera', 'front', at('09:00:00'), at('10:00:00'));
    await run.outage('agent', 'gateway', at('12:00:50'), null);
    await run.outage('agent', 'gateway', at('12:00:40'), at('12:00:45'));
    await run.outage('camera', 'till', at('12:00:00'), null, 'shop');
    await makeReadings(run.database, {
      site: 'home',
      sensor: 'boiler',
      metric: 'temperature',
      unit: '°C',
      from: at('11:59:50'),
      count: 20,
      stepMs: 10_000,
    });

    const { curves, ...timeline } = await run.answer({ from: at('12:00:00'), to: at('12:01:00') });
    expect(timeline).toEqual({
      site: 'home',
      from: at('12:00:00'),
      to: at('12:01:00'),
      pictures: [{ id: picture, camera: 'front', capturedAt: at('12:00:10'), reason: 'interval' }],
      events: [
        { ...anEvent('covered', at('03:00:00'), at('12:00:01')), id: long },
        { ...anEvent('dark', at('11:59:00'), at('12:00:30')), id: reaching },
        { ...anEvent('motion', at('12:00:05'), at('12:00:45')), id: motion },
      ],
      eventCounts: [],
      outages: [
        anOutage('camera', 'front', at('11:00:00'), at('12:00:15'), 15_000),
        anOutage('agent', 'gateway', at('12:00:40'), at('12:00:45'), 5_000),
        anOutage('agent', 'gateway', at('12:00:50'), null, 10_000),
      ],
      thinned: [],
    });
    expect(curves).toMatchObject([{ sensor: 'boiler', metric: 'temperature', unit: '°C', tier: 'raw' }]);
    expect(curves[0]?.points).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => [at('11:59:50').getTime() + n * 10_000, n]),
    );
  });

  it('has every event that goes on, however long ago it began, but none that nobody will end any more', async () => {
    await using run = await openRun();
    await run.database.query(
      `insert into cameras (site, id, agent, name, report)
       select 'home', id, 'gateway', id, '{}' from unnest(array['front', 'back']) as id`,
    );
    const frozen = await run.event('frozen', at('09:00:00'), null);
    const dark = await run.event('dark', at('02:00:00', '2026-02-01'), null, { camera: 'back' });
    await run.event('online', at('09:00:00'), null);
    await run.event('offline', at('09:30:00'), null);
    await run.event('motion', at('12:30:00'), null);
    // Its agent lost what it knew of the first two: later ones began and ended.
    await run.event('covered', at('08:00:00', '2026-03-01'), null);
    await run.event('covered', at('08:10:00', '2026-03-01'), null);
    await run.event('covered', at('10:00:00'), at('10:05:00'));
    await run.event('frozen', at('09:00:00'), null, { camera: 'taken-down' });
    const range = { from: at('12:00:00'), to: at('12:01:00') };
    expect((await run.answer(range)).events.map(({ id, until }) => [id, until])).toEqual([
      [dark, null],
      [frozen, null],
    ]);
    expect((await run.answer({ ...range, camera: 'front' })).events.map(({ id }) => id)).toEqual([frozen]);
    const before = await run.answer({ from: at('08:00:00'), to: at('08:30:00') });
    expect(before.events.map(({ id }) => id)).toEqual(expect.arrayContaining([dark]));
    expect(before.events.map(({ id }) => id)).not.toContain(frozen);
  });

  it('asks for one camera or sensor: the others are left out, agents are not', async () => {
    await using run = await openRun();
    await run.picture('front', at('12:00:10'));
    const back = await run.picture('back', at('12:00:11'));
    await run.event('motion', at('12:00:05'), null);
    await run.event('dark', at('12:00:06'), null, { camera: 'back' });
    await run.outage('camera', 'front', at('12:00:00'), null);
    await run.outage('camera', 'back', at('12:00:01'), null);
    await run.outage('sensor', 'boiler', at('12:00:02'), null);
    await run.outage('sensor', 'barn', at('12:00:03'), null);
    await run.outage('agent', 'gateway', at('12:00:04'), null);
    for (const sensor of ['barn', 'boiler'])
      for (const metric of ['humidity', 'temperature'])
        await makeReadings(run.database, { site: 'home', sensor, metric, from: at('12:00:00'), count: 2 });
    const range = { from: at('12:00:00'), to: at('12:01:00') };
    const one = await run.answer({ ...range, camera: 'back', sensor: 'barn', metric: 'temperature' });
    expect(one.pictures.map(({ id }) => id)).toEqual([back]);
    expect(one.events.map(({ kind }) => kind)).toEqual(['dark']);
    expect(one.outages.map(({ kind, id }) => [kind, id])).toEqual([
      ['camera', 'back'],
      ['sensor', 'barn'],
      ['agent', 'gateway'],
    ]);
    expect(one.curves.map(({ sensor, metric }) => [sensor, metric])).toEqual([['barn', 'temperature']]);
    const all = await run.answer({ ...range, sensor: 'barn' });
    expect(all.curves.map(({ metric }) => metric)).toEqual(['humidity', 'temperature']);
    expect(all.events).toHaveLength(2);
  });

  it('takes one picture of each camera and stretch of time where there are too many, and says of which length', async () => {
    await using run = await openRun();
    await run.pictures('front', at('00:00:00'), 2_000, 30_000);
    await run.pictures('back', at('00:00:00'), 10, 30_000);
    const from = at('00:00:00');
    const { pictures, thinned } = await run.answer({ from, to: at('20:00:00') });
    const [{ bucketMs, what } = { what: '', bucketMs: 0 }] = thinned;
    expect(what).toBe('pictures');
    const ofFront = pictures.filter(({ camera }) => camera === 'front');
    const places = ofFront.map(({ capturedAt }) =>
      Math.floor((capturedAt.getTime() - from.getTime()) / (bucketMs ?? 1)),
    );
    expect(places).toEqual(Array.from({ length: places.length }, (_, place) => place));
    expect(ofFront.length).toBeGreaterThan(150);
    expect(pictures.some(({ camera }) => camera === 'back')).toBe(true);
  });

  it('counts events from far, in days that begin at the midnight of the asked time zone', async () => {
    await using run = await openRun();
    for (let day = 1; day <= 28; day += 1)
      await run.events('motion', new Date(Date.UTC(2026, 1, day, 14, 30)), 40, 60_000);
    const range = { from: new Date(Date.UTC(2026, 1, 1)), to: new Date(Date.UTC(2026, 6, 1)) };
    const utc = await run.answer(range);
    expect(utc.events).toEqual([]);
    expect(utc.eventCounts.every(({ kind }) => kind === 'motion')).toBe(true);
    expect(utc.eventCounts.reduce((sum, { count }) => sum + count, 0)).toBe(28 * 40);
    expect(utc.thinned).toMatchObject([{ what: 'events', bucketMs: 2 * 86_400_000 }]);
    const korea = await run.answer({ ...range, to: new Date(Date.UTC(2026, 3, 15)), timeZone: 'Asia/Seoul' });
    // 14:30 to 15:09 in UTC is 23:30 to 00:09 in Korea: 30 of one day, 10 of the next.
    expect(korea.eventCounts.map(({ from }) => from.toISOString().slice(11))).toEqual(
      korea.eventCounts.map(() => '15:00:00.000Z'),
    );
    expect(korea.eventCounts.slice(0, 2)).toMatchObject([{ count: 30 }, { count: 40 }]);
  });

  it('counts kinds that an agent makes up without end as a few and others', async () => {
    await using run = await openRun();
    for (let kind = 0; kind < 40; kind += 1)
      await run.events(`kind-${kind}`, at('00:00:00'), 20 + kind, 60_000);
    const { eventCounts } = await run.answer({ from: at('00:00:00'), to: at('23:00:00') });
    const kinds = new Set(eventCounts.map(({ kind }) => kind));
    expect(kinds.size).toBe(12);
    expect([kinds.has('other'), kinds.has('kind-39'), kinds.has('kind-0')]).toEqual([true, true, false]);
    expect(eventCounts.reduce((sum, { count }) => sum + count, 0)).toBe(40 * 20 + (39 * 40) / 2);
  });

  it('takes one event of each stretch where thousands happen within hours', async () => {
    await using run = await openRun();
    await run.events('motion', at('12:00:00'), 5_000, 700);
    const { events, eventCounts, thinned } = await run.answer({ from: at('12:00:00'), to: at('13:00:00') });
    expect(eventCounts).toEqual([]);
    expect(events.length).toBeGreaterThan(200);
    expect(thinned).toMatchObject([{ what: 'events', bucketMs: expect.any(Number) }]);
  });

  it('puts outages of one thing that are close together into one, and loses none of the time', async () => {
    await using run = await openRun();
    await run.database.query(
      `insert into outages select 'home', 'camera', 'front', $1::timestamptz + n * interval '1 minute',
         $1::timestamptz + n * interval '1 minute' + interval '20 seconds', 'offline' from generate_series(0, 3999) as n`,
      [at('00:00:00')],
    );
    await run.outage('agent', 'gateway', at('05:00:00'), at('05:00:03'));
    const { outages, thinned } = await run.answer({ from: at('00:00:00'), to: at('00:00:00', '2026-05-07') });
    expect(thinned).toMatchObject([{ what: 'outages', shown: null }]);
    const ofCamera = outages.filter(({ kind }) => kind === 'camera');
    expect(ofCamera.reduce((sum, { count }) => sum + count, 0)).toBe(4_000);
    expect(ofCamera.reduce((sum, { awayMs }) => sum + awayMs, 0)).toBe(4_000 * 20_000);
    expect(ofCamera.length).toBeLessThan(500);
    expect(outages.filter(({ kind }) => kind === 'agent')).toHaveLength(1);
  });

  it('has no more than 2,000 items however much there is, and what one kind does not need goes to the others', async () => {
    await using run = await openRun();
    await run.pictures('front', at('00:00:00'), 3_000, 20_000);
    const from = at('00:00:00');
    const to = at('16:00:00');
    const alone = await run.answer({ from, to });
    expect(alone.pictures.length).toBeGreaterThan(500);
    await run.events('motion', from, 3_000, 19_000);
    await run.database.query(
      `insert into outages select 'home', 'camera', 'c' || n % 100, $1::timestamptz + n * interval '10 seconds',
         $1::timestamptz + n * interval '10 seconds' + interval '1 second', 'offline' from generate_series(0, 4999) as n`,
      [from],
    );
    for (const sensor of ['a', 'b', 'c', 'd', 'e'])
      await makeReadings(run.database, {
        site: 'home',
        sensor,
        metric: 'value',
        from,
        count: 250,
        stepMs: 200_000,
      });
    const all = await run.answer({ from, to });
    expect(itemsOf(all)).toBeLessThanOrEqual(TIMELINE_ITEMS_MAX);
    expect(all.thinned.map(({ what }) => what).toSorted()).toEqual([
      'curves',
      'events',
      'outages',
      'pictures',
    ]);
    expect(all.thinned.find(({ what }) => what === 'curves')).toMatchObject({ shown: 4, of: 5 });
    for (const kind of [all.pictures, all.eventCounts, all.outages, all.curves])
      expect(kind.length).toBeGreaterThan(0);
  });

  it('refuses a range that ends before it begins or is longer than years', async () => {
    await using run = await openRun();
    await expect(run.answer({ from: at('12:00:00'), to: at('12:00:00') })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    await expect(run.answer({ from: new Date(0), to: at('12:00:00') })).rejects.toMatchObject({
      code: 'PERIOD_TOO_LONG',
    });
  });
});

describe('GET timeline', () => {
  it('answers with times as text, and knows no site that the user may not see', async () => {
    await using harness = await openHttpHarness(postgres);
    const run = runOn(harness.database);
    await harness.database.query(`insert into sites (id, name) values ('home', 'Home'), ('shop', 'Shop')`);
    const id = await run.picture('front', at('12:00:10'));
    await run.event('motion', at('12:00:05'), null);
    await run.outage('agent', 'gateway', at('12:00:04'), null);
    const url = (given: string): string =>
      `/api/v1/timeline?from=${DAY}T12:00:00Z&to=${DAY}T13:00:00Z&${given}`;
    const cookie = await harness.login('viewer', ['home']);
    const answer = await harness.request(cookie, { url: url('site=home&tz=Asia/Seoul') });
    expect([answer.statusCode, answer.json()]).toMatchObject([
      200,
      {
        site: 'home',
        from: `${DAY}T12:00:00.000Z`,
        pictures: [{ id, capturedAt: `${DAY}T12:00:10.000Z` }],
        events: [{ kind: 'motion', at: `${DAY}T12:00:05.000Z`, until: null }],
        outages: [{ kind: 'agent', began: `${DAY}T12:00:04.000Z`, ended: null, count: 1 }],
        thinned: [],
      },
    ]);
    expect((await harness.request(cookie, { url: url('site=shop') })).statusCode).toBe(404);
    expect((await harness.request(null, { url: url('site=home') })).statusCode).toBe(401);
    for (const wrong of [
      'site=home&tz=%2B09:00',
      'site=home&tz=Nowhere/Land',
      'site=home&metric=x',
      'tz=UTC',
    ])
      expect([wrong, (await harness.request(cookie, { url: url(wrong) })).statusCode]).toEqual([wrong, 400]);
  });
});

async function openRun() {
  const test = await postgres.createDatabase();
  await test.database.query(`insert into sites (id, name) values ('home', 'Home'), ('shop', 'Shop')`);
  return { ...runOn(test.database), [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

function runOn(database: Database) {
  const timelines = new Timelines({ database, queries: new TelemetryQueries({ database }) });
  return {
    database,
    answer: (query: Omit<TimelineQuery, 'site'>): Promise<Timeline> =>
      timelines.answer({ site: 'home', ...query }),
    async picture(camera: string, capturedAt: Date, site = 'home'): Promise<string> {
      const id = ulid();
      await insertPictures(database, `select $1::text, $2::text, $3::text, $4::timestamptz`, [
        id,
        site,
        camera,
        capturedAt,
      ]);
      return id;
    },
    pictures: (camera: string, from: Date, count: number, stepMs: number): Promise<void> =>
      insertPictures(
        database,
        `select ${ULID}, 'home', $1::text, $2::timestamptz + n * $4 * interval '1 millisecond' from generate_series(0, $3::int - 1) as n`,
        [camera, from, count, stepMs],
      ),
    async event(kind: string, begin: Date, until: Date | null, { site = 'home', camera = 'front' } = {}) {
      const id = ulid();
      await database.query(
        `insert into events (id, site, camera, agent, kind, at, until) values ($1, $2, $3, 'gateway', $4, $5, $6)`,
        [id, site, camera, kind, begin, until],
      );
      return id;
    },
    async events(kind: string, from: Date, count: number, stepMs: number): Promise<void> {
      await database.query(
        `insert into events (id, site, camera, agent, kind, at)
         select ${ULID}, 'home', 'front', 'gateway', $1::text, $2::timestamptz + n * $4 * interval '1 millisecond'
         from generate_series(0, $3::int - 1) as n`,
        [kind, from, count, stepMs],
      );
    },
    async outage(kind: string, id: string, began: Date, ended: Date | null, site = 'home'): Promise<void> {
      await database.query(
        `insert into outages (site, kind, id, began, ended, reason) values ($1, $2, $3, $4, $5, 'offline')`,
        [site, kind, id, began, ended],
      );
    },
  };
}

/** Made by PostgreSQL: enough hexadecimal digits of a random one are a ULID too. */
const ULID = `'0' || upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 25))`;

async function insertPictures(database: Database, rows: string, values: unknown[]): Promise<void> {
  await database.query(
    `insert into snapshots (id, site, camera, captured_at, agent, received_at, reason, type, width, height, bytes, sha256,
       thumbnail_type, thumbnail_width, thumbnail_height, thumbnail_bytes, path, thumbnail_path)
     select given.*, 'gateway', now(), 'interval', 'image/jpeg', 1280, 720, 1, pg_catalog.sha256(''::bytea), 'image/jpeg', 320, 180, 1, 'p', 't'
     from (${rows}) as given`,
    values,
  );
}

const anEvent = (kind: string, begin: Date, until: Date) => ({
  camera: 'front',
  agent: 'gateway',
  kind,
  at: begin,
  until,
  detail: null,
  snapshotId: null,
  clipId: null,
});

const anOutage = (kind: string, id: string, began: Date, ended: Date | null, awayMs: number) => ({
  kind,
  id,
  began,
  ended,
  reason: 'offline',
  count: 1,
  awayMs,
});

function itemsOf({ pictures, events, eventCounts, curves, outages }: Timeline): number {
  const points = curves.reduce((sum, curve) => sum + curve.points.length, 0);
  return pictures.length + events.length + eventCounts.length + outages.length + points;
}
