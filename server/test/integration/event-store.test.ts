import { describe, expect, it } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { ulid } from 'ulid';
import { EventStore } from '../../src/ingest/event-store.ts';
import { SnapshotStore } from '../../src/ingest/snapshot-store.ts';
import { useTestPostgres, type TestDatabase } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';

const FRONT = { site: 'home', id: 'front' };
const AT = '2026-05-04T12:00:00.000Z';

function event(given: Partial<CameraEvent> = {}): CameraEvent {
  return { id: ulid(), kind: 'motion', at: AT, until: null, detail: null, snapshotId: null, ...given };
}

describe('lists of what was stored', () => {
  const postgres = useTestPostgres();

  async function openDatabase(): Promise<TestDatabase> {
    const db = await postgres.createDatabase();
    await db.database.query(`insert into sites (id, name) values ('home', 'Home'), ('shop', 'Shop')`);
    return db;
  }

  it('hold an event once, and its end wherever it came from in the order', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const begun = event();
    const ended = { ...begun, until: '2026-05-04T12:01:00.000Z' };
    for (const message of [begun, begun, ended, begun, ended]) await events.insert(FRONT, 'gateway', message);
    const { items } = await events.list({ limit: 10 });
    const nothingElse = { gap: null, clipId: null };
    expect(items).toEqual([{ ...ended, site: 'home', agent: 'gateway', camera: 'front', ...nothingElse }]);
  });

  it('name the clip of an event from its begin to its end', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const begun = event({ kind: 'clip', clipId: ulid() });
    await events.insert(FRONT, 'gateway', begun);
    await events.insert(FRONT, 'gateway', { ...begun, until: AT, detail: '15.0 s, 3.8 MiB' });
    const { items } = await events.list({ kind: 'clip', limit: 10 });
    expect(items).toMatchObject([{ clipId: begun.clipId, until: AT, detail: '15.0 s, 3.8 MiB' }]);
  });

  it('do not let another agent change an event by using its id', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const begun = event();
    await events.insert(FRONT, 'gateway', begun);
    await events.insert({ site: 'shop', id: 'front' }, 'intruder', { ...begun, until: AT });
    expect((await events.list({ limit: 10 })).items).toMatchObject([{ site: 'home', until: null }]);
  });

  it('hold what a gateway lost, once, beside the events of its cameras', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const { snapshotId: _, ...plain } = event({ kind: 'gap', until: AT, detail: '7 messages are lost' });
    const lost = { ...plain, gap: { lane: 'telemetry', from: AT, to: AT, count: 7 } };
    await events.insertOfAgent({ site: 'home', agent: 'gateway' }, lost);
    await events.insertOfAgent({ site: 'shop', agent: 'intruder' }, { ...lost, gap: null });
    await events.insert(FRONT, 'gateway', event());
    const { items } = await events.list({ kind: 'gap', site: 'home', limit: 10 });
    const nothingElse = { camera: null, snapshotId: null, clipId: null };
    expect(items).toEqual([{ ...lost, site: 'home', agent: 'gateway', ...nothingElse }]);
    expect((await events.list({ limit: 10 })).items).toHaveLength(2);
  });

  it('hold events of the server itself, of no site, and end those that a killed one left open', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const own = { id: ulid(), kind: 'shedding', at: new Date(AT), until: null, detail: 'viewers-wait' };
    await events.storeOwn(own);
    await events.storeOwn(own);
    await events.insert(FRONT, 'gateway', { ...event(), id: own.id, until: AT });
    expect((await events.list({ limit: 10 })).items).toMatchObject([
      { id: own.id, site: null, camera: null, until: null },
    ]);
    await events.insert(FRONT, 'gateway', event());
    await events.endOwn('shedding', new Date('2026-05-04T12:05:00.000Z'));
    await events.storeOwn({ ...own, until: new Date('2026-05-04T13:00:00.000Z') });
    const { items } = await events.list({ limit: 10 });
    expect(Object.fromEntries(items.map(({ site, until }) => [site ?? 'own', until]))).toEqual({
      home: null,
      own: '2026-05-04T12:05:00.000Z',
    });
    expect((await events.list({ limit: 10, sites: ['home'] })).items).toHaveLength(1);
  });

  it('are counted by hour, once each, and out of the counts when they are removed', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const counts = async (): Promise<unknown[]> =>
      (
        await db.database.query<{ hour: Date; camera: string; kind: string; count: number }>(
          'select hour, camera, kind, count from event_counts order by hour, camera, kind',
        )
      ).map(({ hour, camera, kind, count }) => [hour.toISOString().slice(11, 16), camera, kind, count]);
    const begun = event();
    const late = event({ at: '2026-05-04T13:59:59.999Z', kind: 'dark' });
    for (const one of [begun, begun, { ...begun, until: AT }, event(), late])
      await events.insert(FRONT, 'gateway', one);
    const { snapshotId: _, ...gap } = event({ kind: 'gap' });
    await events.insertOfAgent({ site: 'home', agent: 'gateway' }, { ...gap, gap: null });
    await events.storeOwn({ id: ulid(), kind: 'shedding', at: new Date(AT), until: null, detail: '' });
    expect(await counts()).toEqual([
      ['12:00', '*', 'gap', 1],
      ['12:00', '*', 'motion', 2],
      ['12:00', 'front', 'motion', 2],
      ['13:00', '*', 'dark', 1],
      ['13:00', 'front', 'dark', 1],
    ]);
    await db.database.query('delete from events where id = any($1)', [[begun.id, late.id]]);
    expect(await counts()).toEqual([
      ['12:00', '*', 'gap', 1],
      ['12:00', '*', 'motion', 1],
      ['12:00', 'front', 'motion', 1],
    ]);
    await db.database.query('delete from events');
    expect(await counts()).toEqual([]);
  });

  it('go page by page through events of the same instant without losing or repeating one', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    const all = Array.from({ length: 7 }, () => event()).sort((a, b) => (a.id < b.id ? 1 : -1));
    for (const one of all) await events.insert(FRONT, 'gateway', one);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await events.list({ site: 'home', limit: 3, cursor });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(all.map(({ id }) => id));
  });

  it('show only the sites that the asker may see, and only the time that was asked for', async () => {
    await using db = await openDatabase();
    const events = new EventStore(db.database);
    await events.insert(FRONT, 'gateway', event({ kind: 'dark' }));
    await events.insert({ site: 'shop', id: 'till' }, 'other', event());
    const kinds = async (query: object): Promise<string[]> =>
      (await events.list({ limit: 10, ...query })).items.map(({ kind }) => kind);
    expect(await kinds({ sites: ['home'] })).toEqual(['dark']);
    expect(await kinds({ sites: [] })).toEqual([]);
    expect(await kinds({ camera: 'till', site: 'shop', kind: 'motion' })).toEqual(['motion']);
    expect(await kinds({ from: new Date(AT), to: new Date(Date.parse(AT) + 1) })).toHaveLength(2);
    expect(await kinds({ to: new Date(AT) })).toEqual([]);
  });

  it('hold snapshots newest first, of one camera, of a site or of all, and know every field again', async () => {
    await using db = await openDatabase();
    const snapshots = new SnapshotStore(db.database);
    const made = ['10', '12', '11'].map((hour) =>
      makeSnapshot({ capturedAt: `2026-05-04T${hour}:00:00.000Z` }),
    );
    const paths = { path: 'p', thumbnailPath: 't' };
    const row = { site: 'home', agent: 'gateway', receivedAt: new Date(AT), ...paths };
    for (const { header } of made) await snapshots.insert({ ...row, header });
    await snapshots.insert({
      ...row,
      site: 'shop',
      header: makeSnapshot({ camera: 'till', reason: 'motion' }).header,
    });
    expect(await snapshots.insert({ ...row, header: made[0]!.header })).toBeUndefined();
    const list = async (query: object): Promise<string[]> =>
      (await snapshots.list({ limit: 10, ...query })).items.map(({ capturedAt }) => capturedAt.slice(11, 13));
    expect(await list({ site: 'home', camera: 'front' })).toEqual(['12', '11', '10']);
    expect(await list({ sites: ['home'], from: new Date('2026-05-04T11:00:00Z'), limit: 1 })).toEqual(['12']);
    expect(await list({ site: 'shop', reason: 'interval' })).toEqual([]);
    const { header } = made[0]!;
    expect(await snapshots.get(header.id)).toEqual({
      id: header.id,
      site: 'home',
      camera: 'front',
      capturedAt: header.capturedAt,
      receivedAt: AT,
      reason: 'interval',
      type: 'image/jpeg',
      width: 1280,
      height: 720,
      bytes: header.bytes,
      thumbnail: header.thumbnail,
      sha256: header.sha256,
      ...paths,
    });
    await expect(snapshots.get(ulid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
