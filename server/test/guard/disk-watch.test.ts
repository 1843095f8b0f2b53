import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskWatch, hasRoom } from '../../src/guard/disk-watch.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { waitFor } from '../support/wait-for.ts';

let dir: string;
let clock: ManualClock;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sitecast-disk-'));
  clock = new ManualClock();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the watch over the disk', () => {
  it('tells room and writability of a real folder, and leaves nothing in it', async () => {
    const reading = await new DiskWatch({ dir, minFreeBytes: 1, clock }).read();
    expect(reading).toMatchObject({ minFreeBytes: 1, isWritable: true });
    expect(reading.freeBytes).toBeGreaterThan(0);
    expect(reading.totalBytes).toBeGreaterThanOrEqual(reading.freeBytes);
    expect(hasRoom(reading)).toBe(true);
    expect(await readdir(dir)).toEqual([]);
  });

  it('has no room below the free space that is asked for', async () => {
    expect(hasRoom(await new DiskWatch({ dir, minFreeBytes: 2 ** 60, clock }).read())).toBe(false);
  });

  it('has no room in a folder that cannot be written, however much is free', async () => {
    // Root may write everywhere, so what is in the way is a folder with the name of the probe.
    await mkdir(join(dir, '.write-probe'));
    const reading = await new DiskWatch({ dir, minFreeBytes: 1, clock }).read();
    expect(reading).toMatchObject({ isWritable: false });
    expect(reading.freeBytes).toBeGreaterThan(1);
    expect(hasRoom(reading)).toBe(false);
  });

  it('looks again after five seconds, and not before', async () => {
    const watch = new DiskWatch({ dir, minFreeBytes: 0, clock });
    expect(hasRoom(await watch.read())).toBe(true);
    await rm(dir, { recursive: true });
    clock.advance(4_999);
    expect(hasRoom(await watch.read())).toBe(true);
    clock.advance(1);
    expect(await watch.read()).toEqual({ totalBytes: 0, freeBytes: 0, minFreeBytes: 0, isWritable: false });
  });

  it('says after two seconds of a disk that hangs that it cannot be written, and looks once at a time', async () => {
    // A pipe that nobody reads: opening it hangs.
    const pipe = join(dir, '.write-probe');
    execFileSync('mkfifo', [pipe]);
    const watch = new DiskWatch({ dir, minFreeBytes: 0, clock });
    for (let look = 0; look < 20; look += 1) {
      const reading = watch.read();
      clock.advance(2_000);
      expect(hasRoom(await reading)).toBe(false);
      clock.advance(5_000);
    }
    // Four hanging looks would have taken all the threads that files are opened with.
    await expect(stat(dir)).resolves.toBeDefined();
    // It hangs no longer once somebody reads.
    await once(spawn('cat', [pipe]), 'exit');
    await waitFor('room', async () => {
      clock.advance(5_000);
      return hasRoom(await watch.read());
    });
  });
});
