import { describe, expect, it, onTestFinished } from 'vitest';
import { CLOCK_JUMP_MS, ClockTrust, HOLD_MS } from '../../src/retention/clock-trust.ts';
import { Partitions } from '../../src/telemetry/partitions.ts';
import { TierRetention } from '../../src/telemetry/tier-retention.ts';
import { MovableClock } from '../support/clock-trust.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 10, 26);

describe('the clock of the server', () => {
  const postgres = useTestPostgres();

  it('is believed where nothing is known yet, and while it goes on, however long nobody looked', async () => {
    const { open, clock } = await openHouse();
    const trust = open();
    expect(await trust.isBelieved()).toBe(true);
    clock.pass(10 * DAY_MS);
    expect([await trust.isBelieved(), trust.doubt, trust.counters.clockJumps]).toEqual([true, null, 0]);
  });

  it('is doubted when a server starts far from where it was, until it is set right', async () => {
    const { open, clock } = await openHouse();
    await open().isBelieved();
    clock.step(100 * DAY_MS);
    const trust = open();
    expect(await trust.isBelieved()).toBe(false);
    clock.pass(MINUTE_MS);
    expect(await trust.isBelieved()).toBe(false);
    expect(trust.doubt).toEqual({
      lastSeenAt: new Date(NOW_MS).toISOString(),
      heldUntil: new Date(NOW_MS + 100 * DAY_MS + HOLD_MS).toISOString(),
    });
    clock.step(-100 * DAY_MS);
    expect([await trust.isBelieved(), trust.doubt, trust.counters.clockJumps]).toEqual([true, null, 1]);
  });

  it('is doubted again after another start, for it was not believed before', async () => {
    const { open, clock } = await openHouse();
    await open().isBelieved();
    clock.step(100 * DAY_MS);
    await open().isBelieved();
    expect(await open().isBelieved()).toBe(false);
  });

  it('is believed in the end where it stays: the server was off for so long', async () => {
    const { open, clock } = await openHouse();
    await open().isBelieved();
    clock.step(30 * DAY_MS);
    const trust = open();
    expect(await trust.isBelieved()).toBe(false);
    clock.pass(HOLD_MS - 1);
    expect(await trust.isBelieved()).toBe(false);
    clock.pass(1);
    expect(await trust.isBelieved()).toBe(true);
    expect(await open().isBelieved()).toBe(true);
  });

  it('is doubted when it jumps while the server runs, either way, but not for an hour of a summer', async () => {
    const { open, clock } = await openHouse();
    const trust = open();
    await trust.isBelieved();
    clock.step(3_600_000);
    expect(await trust.isBelieved()).toBe(true);
    for (const jumpMs of [CLOCK_JUMP_MS + 1, -20_000 * DAY_MS]) {
      clock.step(jumpMs);
      expect(await trust.isBelieved()).toBe(false);
      clock.step(-jumpMs);
      expect(await trust.isBelieved()).toBe(true);
    }
  });

  it('drops no readings while it is doubted', async () => {
    const { open, clock, database } = await openHouse();
    await open().isBelieved();
    const partitions = new Partitions({ database, logger: testLogger, clock });
    await partitions.start();
    onTestFinished(() => partitions.close());
    const tables = (): Promise<unknown[]> =>
      database.query(
        `select inhrelid::regclass::text from pg_inherits where inhparent = 'telemetry'::regclass`,
      );
    const before = await tables();
    expect(before.length).toBeGreaterThan(0);
    clock.step(100 * DAY_MS);
    const kept = { rawDays: 1, minutesDays: 1, hoursDays: 1, daysDays: 1 };
    const retention = new TierRetention({
      ...{ database, partitions, kept, clock, clockTrust: open(), logger: testLogger },
    });
    expect([await retention.dropExpired(), retention.counters.partitionsDropped]).toEqual([false, 0]);
    expect(await tables()).toEqual(before);
  });

  async function openHouse() {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    const clock = new MovableClock(NOW_MS);
    const open = (): ClockTrust => new ClockTrust({ database: db.database, logger: testLogger, clock });
    return { open, clock, database: db.database };
  }
});
