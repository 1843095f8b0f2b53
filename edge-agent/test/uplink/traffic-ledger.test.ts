import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { QuietLog } from '../../src/health/quiet-log.ts';
import {
  SAVE_AT_LEAST_EVERY_BYTES,
  SAVE_EVERY_MS,
  SAVE_MIN_INTERVAL_MS,
  TrafficLedger,
} from '../../src/uplink/traffic-ledger.ts';
import { TrafficMonth, trafficState } from '../../src/uplink/traffic-month.ts';
import { ManualClock, silentLogger, temporaryFolder, waitFor } from '../support.ts';

let clock: ManualClock;
let path: string;

beforeEach(async () => {
  clock = new ManualClock();
  path = join(await temporaryFolder(), 'uplink-month.json');
});

const open = (): Promise<TrafficLedger> =>
  TrafficLedger.open({ path, resetDay: 1, log: new QuietLog(silentLogger, clock), clock });

async function savedBytes(): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? 0 : new TrafficMonth(1, trafficState.parse(JSON.parse(text))).usedBytes;
}

describe('TrafficLedger', () => {
  test('survives a restart', async () => {
    const ledger = await open();
    ledger.count(1_000_000);
    await ledger.close();
    const again = await open();
    expect(again.usedBytes).toBe(1_050_000);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('is on the disk a minute later without being closed, and not before', async () => {
    const ledger = await open();
    for (let ms = 0; ms < SAVE_EVERY_MS - 1_000; ms += 1_000) {
      clock.advance(1_000);
      ledger.count(100);
    }
    expect(await savedBytes()).toBe(0);
    clock.advance(1_000);
    ledger.count(100);
    await waitFor(async () => (await savedBytes()) > 0, 'the file');
    expect(await savedBytes()).toBeCloseTo(ledger.usedBytes, 0);
  });

  test('is written sooner when much flows, but not all the time', async () => {
    const ledger = await open();
    let writes = 0;
    let before = 0;
    const seconds = 60;
    for (let second = 1; second <= seconds; second += 1) {
      clock.advance(1_000);
      ledger.count(SAVE_AT_LEAST_EVERY_BYTES);
      const isDue = (second * 1_000) % SAVE_MIN_INTERVAL_MS === 0;
      if (isDue) await waitFor(async () => (await savedBytes()) !== before, 'the file');
      else await new Promise((resolve) => setTimeout(resolve, 10));
      const saved = await savedBytes();
      if (saved !== before) writes += 1;
      before = saved;
    }
    expect(writes).toBeGreaterThan(2);
    expect(writes).toBeLessThanOrEqual((seconds * 1_000) / SAVE_MIN_INTERVAL_MS);
  });

  test('writes nothing while nothing flows', async () => {
    const ledger = await open();
    clock.advance(10 * SAVE_EVERY_MS);
    ledger.count(0);
    await ledger.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.each(['', '{', '{"usedBytes":-1}', '[]'])('begins anew after a file that holds "%s"', async (text) => {
    await writeFile(path, text);
    const ledger = await open();
    expect(ledger.usedBytes).toBe(0);
    ledger.count(100);
    await ledger.close();
    expect(await savedBytes()).toBeCloseTo(105, 5);
  });

  test('counts on when the disk takes nothing', async () => {
    await mkdir(path);
    const ledger = await open();
    ledger.count(100);
    await ledger.close();
    expect(ledger.usedBytes).toBe(105);
  });
});
