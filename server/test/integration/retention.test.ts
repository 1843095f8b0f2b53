import { describe, expect, it, onTestFinished } from 'vitest';
import { ulid } from 'ulid';
import { makeSnapshot } from '../support/snapshots.ts';
import { openMediaHouse, type MediaHouse } from '../support/media.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { BELIEVED, MovableClock } from '../support/clock-trust.ts';
import { ClockTrust, HOLD_MS } from '../../src/retention/clock-trust.ts';
import { Garbage } from '../../src/retention/garbage.ts';
import { MediaRemoval } from '../../src/retention/media-removal.ts';
import { Retention, type RetentionOptions } from '../../src/retention/retention.ts';
import { EXPIRY_BATCH, RowExpiry } from '../../src/retention/row-expiry.ts';
import { StorageFigures } from '../../src/retention/storage-figures.ts';
import { Turns } from '../../src/retention/turns.ts';

const DISK = { totalBytes: 1e12, freeBytes: 5e11, minFreeBytes: 1e9, isWritable: true };
const FOR_EVER = { snapshots: 0, clips: 0, events: 0, outages: 0, seals: 0, reports: 0 };
const UNBOUND = { mediaMaxBytes: 0, clipsMaxBytes: 2 ** 40, reportsMaxBytes: 2 ** 31 };
const DAY_MS = 86_400_000;

describe('retention', () => {
  const postgres = useTestPostgres();

  it('deletes what is older than it may be, with its files, and says so to whoever asks for it', async () => {
    const house = await openMediaHouse(postgres);
    const oldOnes = [await house.storeSnapshot(40), await house.storeSnapshot(31)];
    const newOne = await house.storeSnapshot(29);
    const oldClip = await house.storeClip(8);
    const newClip = await house.storeClip(6);
    const retention = open(house, { maxAgeDays: { ...FOR_EVER, snapshots: 30, clips: 7 } });
    await retention.pass();
    expect([await house.ids('snapshots'), await house.ids('clips')]).toEqual([[newOne], [newClip]]);
    expect([await house.ids('garbage'), await house.faults()]).toEqual([[], { dangling: [], orphans: [] }]);
    expect(await house.files()).toHaveLength(3);
    expect(retention.counters).toMatchObject({ itemsRemovedByAge: 3, filesUnlinked: 5, passesFailed: 0 });
    for (const id of oldOnes)
      await expect(house.snapshots.get(id)).rejects.toMatchObject({ code: 'DELETED_BY_RETENTION' });
    await expect(house.clips.get(oldClip)).rejects.toMatchObject({ code: 'DELETED_BY_RETENTION' });
    await expect(house.snapshots.get(ulid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('deletes nothing by age while the clock is doubted, and says so', async () => {
    const house = await openMediaHouse(postgres);
    const stored = [await house.storeSnapshot(40), await house.storeClip(40)];
    const lastSeenAt = ago(100);
    await house.database.query('insert into server_clock (seen_at) values ($1)', [lastSeenAt]);
    const clock = new MovableClock(Date.now());
    const clockTrust = new ClockTrust({ database: house.database, logger: testLogger, clock });
    const retention = open(house, { maxAgeDays: { ...FOR_EVER, snapshots: 30, clips: 7 }, clockTrust });
    await retention.pass();
    expect([await house.ids('snapshots'), await house.ids('clips')]).toEqual([[stored[0]], [stored[1]]]);
    expect(retention.report?.clockDoubt).toMatchObject({ lastSeenAt: lastSeenAt.toISOString() });
    expect(retention.counters).toMatchObject({ clockJumps: 1, itemsRemovedByAge: 0 });
    clock.pass(HOLD_MS);
    await retention.pass();
    expect([await house.ids('snapshots'), await house.ids('clips')]).toEqual([[], []]);
    expect(retention.report?.clockDoubt).toBeNull();
  });

  it('leaves a clip that was sent for later a day, however old it is', async () => {
    const house = await openMediaHouse(postgres);
    const fetched = await house.storeClip(50, 300, 0.5);
    await house.storeClip(50, 300, 2);
    await open(house, { maxAgeDays: { ...FOR_EVER, clips: 7 } }).pass();
    expect(await house.ids('clips')).toEqual([fetched]);
  });

  it('deletes events by age, but not one that goes on, nor one that ended lately', async () => {
    const house = await openMediaHouse(postgres);
    const store = (id: string, daysAgo: number, untilDaysAgo: number | null): Promise<unknown> =>
      house.database.query(
        `insert into events (id, site, camera, agent, kind, at, until) values ($1, 'home', 'front', 'gateway', 'motion', $2, $3)`,
        [id, ago(daysAgo), untilDaysAgo === null ? null : ago(untilDaysAgo)],
      );
    const kept = [ulid(), ulid()].sort();
    await store(ulid(), 40, 39);
    await store(ulid(), 40, null);
    await store(kept[0]!, 40, 20);
    await store(kept[1]!, 10, null);
    const retention = open(house, { maxAgeDays: { ...FOR_EVER, events: 30 } });
    await retention.pass();
    expect(await house.ids('events')).toEqual(kept);
    expect(retention.counters).toMatchObject({ rowsExpired: 2 });
  });

  it('deletes outages by age, but not one that goes on', async () => {
    const house = await openMediaHouse(postgres);
    await house.database.query(
      `insert into outages (site, kind, id, began, ended, reason) values ('home', 'agent', 'a', $1, $2, 'disconnected'),
         ('home', 'agent', 'a', $3, null, 'disconnected'), ('home', 'camera', 'a', $1, $4, 'disconnected')`,
      [ago(60), ago(40), ago(39), ago(20)],
    );
    const retention = open(house, { maxAgeDays: { ...FOR_EVER, outages: 30 } });
    await retention.pass();
    const left = await house.database.query(
      'select kind, ended is null as "isOpen" from outages order by kind',
    );
    expect(left).toEqual([
      { kind: 'agent', isOpen: true },
      { kind: 'camera', isOpen: false },
    ]);
    expect(retention.counters).toMatchObject({ rowsExpired: 1 });
  });

  it('deletes seals by age, also those of a gateway that signs no more, and notes where the chain was cut', async () => {
    const house = await openMediaHouse(postgres);
    const chain = ulid();
    const many = 3 * EXPIRY_BATCH + 7;
    await house.database.query(
      `insert into seals (site, agent, chain, sequence, at, has_gaps, body, signature)
       select 'home', 'gateway', $1, n, $2::timestamptz + n * interval '1 second', false, '{}', 'none' from generate_series(1, $3::int) as n`,
      [chain, ago(91), many],
    );
    await house.database.query(
      `insert into seals (site, agent, chain, sequence, at, has_gaps, body, signature)
       values ('home', 'gateway', $1, $2, $3, false, '{}', 'none')`,
      [chain, many + 1, ago(1)],
    );
    const retention = open(house, { maxAgeDays: { ...FOR_EVER, seals: 90 } });
    await retention.pass();
    const left = await house.database.query('select sequence::int from seals');
    expect(left).toEqual([{ sequence: many + 1 }]);
    expect(await house.database.query('select sequence::int from seal_anchors')).toEqual([
      { sequence: many },
    ]);
    expect(retention.counters).toMatchObject({ rowsExpired: many });
  });

  it('keeps what is stored below its bound: the oldest go, down to the low mark, of both kinds alike', async () => {
    const house = await openMediaHouse(postgres);
    for (let day = 1; day <= 20; day += 1) {
      await house.storeSnapshot(day, 800);
      await house.storeClip(day, 1_000);
    }
    const bounds = { ...UNBOUND, mediaMaxBytes: 20_000 };
    await open(house, { bounds }).pass();
    const { snapshots, clips } = await new StorageFigures(house.database).stored();
    expect(snapshots.bytes + clips.bytes).toBeLessThanOrEqual(18_000);
    expect(snapshots.bytes + clips.bytes).toBeGreaterThan(15_000);
    expect([snapshots.items, clips.items]).toEqual([9, 9]);
    expect(await house.faults()).toEqual({ dangling: [], orphans: [] });
  });

  it('does not let a flood of clips eat up the snapshots', async () => {
    const house = await openMediaHouse(postgres);
    for (let day = 100; day <= 104; day += 1) await house.storeSnapshot(day, 400);
    for (let day = 1; day <= 20; day += 1) await house.storeClip(day, 1_000);
    await open(house, { bounds: { ...UNBOUND, mediaMaxBytes: 20_000 } }).pass();
    const { snapshots, clips } = await new StorageFigures(house.database).stored();
    expect([snapshots.items, clips.items]).toEqual([5, 15]);
  });

  it('frees a disk that is nearly full, but nothing of the last day', async () => {
    const house = await openMediaHouse(postgres);
    const fresh = await house.storeSnapshot(0.5);
    for (let day = 2; day <= 5; day += 1) await house.storeSnapshot(day);
    const full = { ...DISK, freeBytes: 1_000, minFreeBytes: 100_000 };
    const retention = open(house, { readDisk: async () => full });
    await retention.pass();
    expect(await house.ids('snapshots')).toEqual([fresh]);
    expect(retention.counters).toMatchObject({ itemsRemovedByDisk: 4 });
  });

  it('makes room for a new clip at once, and refuses only one that would never fit', async () => {
    const house = await openMediaHouse(postgres);
    const clips = [await house.storeClip(3, 400), await house.storeClip(2, 400)];
    const retention = open(house, { bounds: { ...UNBOUND, clipsMaxBytes: 1_000 } });
    expect(await retention.makeRoomForClip(200)).toBe(true);
    expect(await house.ids('clips')).toEqual(clips);
    expect(await retention.makeRoomForClip(600)).toBe(true);
    expect(await house.ids('clips')).toEqual([clips[1]]);
    expect(await retention.makeRoomForClip(1_001)).toBe(false);
    expect(await house.ids('clips')).toEqual([clips[1]]);
  });

  it('does not file a picture again whose files wait to be unlinked', async () => {
    const house = await openMediaHouse(postgres);
    const id = await house.storeSnapshot(40);
    await new MediaRemoval(house.database).removeOldest({ kind: 'snapshots', reason: 'age' });
    expect([await house.snapshots.isBeingDeleted(id), await house.snapshots.find(id)]).toEqual([
      true,
      undefined,
    ]);
    await garbageOf(house).collect();
    expect(await house.snapshots.isBeingDeleted(id)).toBe(false);
  });

  it('never has two collectors unlink the same files, in two processes as little as in one', async () => {
    const house = await openMediaHouse(postgres);
    for (let day = 1; day <= 30; day += 1) await house.storeSnapshot(day);
    await new MediaRemoval(house.database).removeOldest({ kind: 'snapshots', reason: 'age' });
    const collectors = [garbageOf(house), garbageOf(house), garbageOf(house)];
    const collected = await Promise.all([...collectors, ...collectors].map((one) => one.collect()));
    expect(collected.toSorted((a, b) => b - a)).toEqual([30, 0, 0, 0, 0, 0]);
    expect(collectors.reduce((sum, { counters }) => sum + counters.filesUnlinked, 0)).toBe(60);
  });

  it('passes by rows that somebody holds instead of waiting for them', async () => {
    const house = await openMediaHouse(postgres);
    const held = await house.storeSnapshot(40);
    await house.storeSnapshot(39);
    await house.database.transaction(async (client) => {
      await client.query('select 1 from snapshots where id = $1 for update', [held]);
      await open(house, { maxAgeDays: { ...FOR_EVER, snapshots: 30 } }).pass();
    });
    expect(await house.ids('snapshots')).toEqual([held]);
  });

  it('counts what is stored as it comes and goes, exactly, also for many at once', async () => {
    const house = await openMediaHouse(postgres);
    const figures = new StorageFigures(house.database);
    await Promise.all(Array.from({ length: 20 }, (_, day) => house.storeSnapshot(day + 1, 1_000)));
    expect((await figures.stored()).snapshots).toEqual({ items: 20, bytes: 20 * 1_200 });
    const retention = open(house, { maxAgeDays: { ...FOR_EVER, snapshots: 10 } });
    await Promise.all([retention.pass(), house.storeSnapshot(1, 1_000), house.storeClip(1, 77)]);
    const [counted] = await house.database.query(
      'select count(*) as items, sum(bytes + thumbnail_bytes) as bytes from snapshots',
    );
    expect((await figures.stored()).snapshots).toEqual(counted);
    await figures.fold(new Date(Date.now() + 500 * DAY_MS));
    expect(await figures.stored()).toEqual({
      snapshots: counted,
      clips: { items: 1, bytes: 77 },
      reports: { items: 0, bytes: 0 },
    });
    expect(await house.database.query(`select day::text from storage_days where day > '-infinity'`)).toEqual(
      [],
    );
  });

  it('tells what is stored, what comes in a day, and what the disk loses, from the days before', async () => {
    const house = await openMediaHouse(postgres);
    await house.storeSnapshot(1, 1_000);
    await house.storeClip(1, 7_000);
    await house.database.query(
      `insert into reports (id, site, kind, from_at, to_at, created_at)
       select id, 'home', 'html', now() - interval '1 day', now(), now() from unnest($1::text[]) as id`,
      [[ulid(), ulid(), ulid()]],
    );
    for (const bytes of [4_000, 800])
      await house.database.query(
        `update reports set state = 'done', bytes = $1, finished_at = now()
         where id = (select id from reports where state = 'queued' limit 1)`,
        [bytes],
      );
    await house.database.query('delete from reports where bytes = 800');
    await house.database.query(`update storage_days set day = day - 4`);
    await house.storeSnapshot(1, 1_800);
    for (const [daysAgo, freeBytes] of [
      [3, 900_000],
      [1, 700_000],
    ] as const)
      await new StorageFigures(house.database).noteDisk({ ...DISK, freeBytes }, ago(daysAgo));
    const disk = { ...DISK, freeBytes: 600_000, minFreeBytes: 100_000 };
    const retention = open(house, { readDisk: async () => disk });
    expect(retention.report).toBeUndefined();
    await retention.pass();
    expect(retention.report).toMatchObject({
      kinds: {
        snapshots: { items: 2, bytes: 3_200, bytesPerDay: 300, maxAgeDays: null },
        clips: { items: 1, bytes: 7_000, bytesPerDay: 1_750 },
        reports: { items: 1, bytes: 4_000, bytesPerDay: 1_200, maxAgeDays: null },
      },
      disk: { bytesPerDay: 100_000, fullInDays: 5 },
      garbage: { items: 0, bytes: 0 },
    });
    const rows = await house.database.query(`select free_bytes from disk_days order by day desc limit 1`);
    expect(rows).toEqual([{ free_bytes: 600_000 }]);
  });

  it('goes on at the next pass after the database was away', async () => {
    const house = await openMediaHouse(postgres);
    await house.storeSnapshot(40);
    const media = new MediaRemoval(house.database);
    let isAway = true;
    const flaky = Object.assign(Object.create(media) as MediaRemoval, {
      removeOldest: (...given: Parameters<MediaRemoval['removeOldest']>) =>
        isAway ? Promise.reject(new Error('away')) : media.removeOldest(...given),
    });
    const retention = open(house, { media: flaky, maxAgeDays: { ...FOR_EVER, snapshots: 30 } });
    await retention.pass();
    expect(retention.counters).toMatchObject({ passes: 0, passesFailed: 1 });
    isAway = false;
    await retention.pass();
    expect([await house.ids('snapshots'), await house.files()]).toEqual([[], []]);
  });

  it('lets a picture be filed in a folder that it has just removed', async () => {
    const house = await openMediaHouse(postgres);
    await house.storeSnapshot(40);
    await open(house, { maxAgeDays: { ...FOR_EVER, snapshots: 30 } }).pass();
    const made = makeSnapshot({ capturedAt: ago(40).toISOString() });
    const { path } = await house.mediaStore.put('home', made);
    const { bytes, stream } = await house.mediaStore.open(path);
    stream.destroy();
    expect(bytes).toBe(made.snapshot.length);
  });

  function open(house: MediaHouse, given: Partial<RetentionOptions> = {}): Retention {
    const retention = new Retention({
      media: new MediaRemoval(house.database),
      rows: new RowExpiry(house.database),
      garbage: garbageOf(house),
      figures: new StorageFigures(house.database),
      turns: new Turns({ isBusy: () => false, isUrgent: async () => false }),
      readDisk: async () => DISK,
      maxAgeDays: FOR_EVER,
      bounds: UNBOUND,
      clockTrust: BELIEVED,
      logger: testLogger,
      ...given,
    });
    onTestFinished(() => retention.close());
    return retention;
  }
});

function garbageOf({ database, mediaStore, clipFiles }: MediaHouse): Garbage {
  return new Garbage({ database, mediaStore, clipFiles });
}

function ago(days: number): Date {
  return new Date(Date.now() - days * DAY_MS);
}
