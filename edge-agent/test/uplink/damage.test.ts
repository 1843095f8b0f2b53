import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Gap } from '../../src/uplink/gap.ts';
import { SpoolLog } from '../../src/uplink/spool-log.ts';
import { temporaryFolder } from '../support.ts';

const PAYLOADS = ['one', 'two', 'three', 'four'];
const FIRST_AT_MS = 1_800_000_000_000;

let wallMs = FIRST_AT_MS;
const openLog = (folder: string, segmentBytes = 100_000): Promise<SpoolLog> =>
  SpoolLog.open({
    folder,
    segmentBytes,
    clocks: () => ({ wallMs, monotonicMs: 0, run: 1 }),
    onError: (error) => {
      throw error;
    },
  });

/** A log with one message a second. @returns its files by name. */
async function writtenLog(segmentBytes?: number): Promise<Map<string, Buffer>> {
  const folder = join(await temporaryFolder(), 'log');
  wallMs = FIRST_AT_MS;
  const log = await openLog(folder, segmentBytes);
  for (const payload of PAYLOADS) {
    await log.append([{ topic: 'a/b', payload: Buffer.from(payload) }]);
    wallMs += 1_000;
  }
  await log.close();
  const names = await readdir(folder);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
}

interface Found {
  payloads: string[];
  gap: Gap | undefined;
  corruptTails: number;
  setAside: Buffer | undefined;
}

async function recovered(files: ReadonlyMap<string, Buffer>, folder: string): Promise<Found> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return reopened(folder);
}

async function reopened(folder: string): Promise<Found> {
  const log = await openLog(folder);
  const payloads: string[] = [];
  for (let next = await log.next('backlog'); next; next = await log.next('backlog')) {
    payloads.push(Buffer.from(next.payload).toString());
  }
  const gap = await log.gapToTell();
  const { corruptTails } = log.counters;
  await log.close();
  const [aside] = await readdir(join(folder, 'set-aside')).catch(() => []);
  const setAside = aside === undefined ? undefined : await readFile(join(folder, 'set-aside', aside));
  return { payloads, gap, corruptTails, setAside };
}

const only = (files: ReadonlyMap<string, Buffer>): [string, Buffer] => {
  const found = [...files].find(([name]) => name.endsWith('.segment'));
  if (!found) throw new Error('no segment was written');
  return found;
};

/** Where each record ends. */
function endsOf(segment: Buffer): number[] {
  const recordBytes = PAYLOADS.map((payload) => 44 + 'a/b'.length + payload.length);
  const ends = recordBytes.map((_, index) => recordBytes.slice(0, index + 1).reduce((a, b) => a + b, 0));
  expect(ends.at(-1)).toBe(segment.length);
  return ends;
}

function expectGap(gap: Gap | undefined, lost: number): void {
  if (lost === 0) return expect(gap).toBeUndefined();
  expect(gap).toMatchObject({ count: lost, reasons: { damaged: lost } });
  // After the last that is there, until the file was written for the last time.
  const lastKept = Math.max(0, PAYLOADS.length - lost - 1);
  expect(gap!.fromMs).toBeLessThanOrEqual(Math.max(FIRST_AT_MS + lastKept * 1_000, Date.now()));
  expect(gap!.toMs).toBeGreaterThanOrEqual(gap!.fromMs);
}

test('a bit that flips anywhere costs its record and those behind it, which are set aside and counted', async () => {
  const files = await writtenLog();
  const [name, segment] = only(files);
  const ends = endsOf(segment);
  const folder = await temporaryFolder();
  for (let at = 0; at < segment.length; at += 1) {
    const damaged = Buffer.from(segment);
    damaged[at]! ^= 1 << (at % 8);
    const kept = ends.filter((end) => end <= at).length;
    const found = await recovered(new Map(files).set(name, damaged), join(folder, String(at)));
    expect(found.payloads).toEqual(PAYLOADS.slice(0, kept));
    expect(found.corruptTails).toBe(1);
    expect(found.setAside).toEqual(damaged.subarray(ends[kept - 1] ?? 0));
    expectGap(found.gap, PAYLOADS.length - kept);
  }
});

test('a segment that is cut anywhere loses what lies behind the cut, to the message', async () => {
  const files = await writtenLog();
  const [name, segment] = only(files);
  const ends = endsOf(segment);
  const folder = await temporaryFolder();
  for (let length = 0; length <= segment.length; length += 1) {
    const kept = ends.filter((end) => end <= length).length;
    const found = await recovered(
      new Map(files).set(name, segment.subarray(0, length)),
      join(folder, String(length)),
    );
    expect(found.payloads).toEqual(PAYLOADS.slice(0, kept));
    expectGap(found.gap, PAYLOADS.length - kept);
  }
});

test('what lies in other segments is delivered, the gap says when, and no start counts it again', async () => {
  const files = await writtenLog(1);
  const [name, segment] = [...files].filter(([each]) => each.endsWith('.segment')).sort()[1]!;
  const damaged = Buffer.from(segment);
  damaged[48]! ^= 1;
  const folder = join(await temporaryFolder(), 'log');
  const first = await recovered(new Map(files).set(name, damaged), folder);
  expect(first.payloads).toEqual(['one', 'three', 'four']);
  expect(first.gap).toMatchObject({ count: 1, toMs: FIRST_AT_MS + 2_000 });
  const second = await reopened(folder);
  expect(second.gap).toEqual(first.gap);
  expect(second).toMatchObject({ payloads: ['one', 'three', 'four'], corruptTails: 0 });
});

test('a segment that somebody deleted is a gap, too', async () => {
  const files = await writtenLog(1);
  const names = [...files.keys()].filter((each) => each.endsWith('.segment')).sort();
  files.delete(names[1]!);
  files.delete(names[2]!);
  const { payloads, gap } = await recovered(files, join(await temporaryFolder(), 'log'));
  expect(payloads).toEqual(['one', 'four']);
  expect(gap).toMatchObject({ count: 2, fromMs: FIRST_AT_MS, toMs: FIRST_AT_MS + 3_000 });
});

test('a message that was half written when the power failed counts as one', async () => {
  const files = await writtenLog();
  const [name, segment] = only(files);
  const half = segment.subarray(0, 30);
  const { payloads, gap } = await recovered(
    new Map(files).set(name, Buffer.concat([segment, half])),
    join(await temporaryFolder(), 'log'),
  );
  expect(payloads).toEqual(PAYLOADS);
  expect(gap).toMatchObject({ count: 1 });
});

test('a position that is torn, or lost, costs duplicates and no message', async () => {
  const files = await writtenLog();
  const position = files.get('position')!;
  for (const torn of [Buffer.alloc(0), position.subarray(0, 20), Buffer.alloc(8_192, 0xff)]) {
    const { payloads, gap } = await recovered(
      new Map(files).set('position', torn),
      join(await temporaryFolder(), 'log'),
    );
    expect(payloads).toEqual(PAYLOADS);
    expect(gap).toBeUndefined();
  }
});
