import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { MAX_NOTED_EVENTS, OpenEvents, PUT_AGAIN_MS } from '../../src/reporting/open-events.ts';
import type { PutOptions } from '../../src/uplink/spool.ts';
import { ManualClock, silentLogger, temporaryFolder, waitFor } from '../support.ts';

const UNTIL = '2026-01-02T03:05:00.000Z';
let folder: string;
const MINUTE_MS = 60_000;
let clock: ManualClock;
let put: { camera: string; event: CameraEvent }[];
let refused: { event: CameraEvent; options: PutOptions }[];
let spoolTakes: boolean;

beforeEach(async () => {
  folder = await temporaryFolder();
  clock = new ManualClock();
  put = [];
  refused = [];
  spoolTakes = true;
});

function newRun(path = join(folder, 'open-events.json')): OpenEvents {
  const log = new QuietLog(silentLogger);
  const take = async (camera: string, event: CameraEvent, options: PutOptions): Promise<void> => {
    if (spoolTakes) return void put.push({ camera, event });
    refused.push({ event, options });
    throw new Error('lane events of the spool is full');
  };
  return new OpenEvents({ path, put: take, log, clock });
}

interface Noted {
  event: CameraEvent;
  seenAt?: string;
}

async function noted(): Promise<Noted[]> {
  const text = await readFile(join(folder, 'open-events.json'), 'utf8').catch(() => '{"open":[]}');
  return (JSON.parse(text) as { open: Noted[] }).open;
}

function begunNow(kind: string): CameraEvent {
  return { ...event(kind), at: new Date(clock.nowMs()).toISOString() };
}

function event(kind: string, until: string | null = null): CameraEvent {
  return { id: ulid(), kind, at: '2026-01-02T03:04:05.000Z', until, detail: null, snapshotId: null };
}

const lengthMs = (of?: CameraEvent): number => Date.parse(of?.until ?? '') - Date.parse(of?.at ?? '');

describe('OpenEvents', () => {
  test('tells what an earlier run left open, ended when that run last wrote', async () => {
    const first = newRun();
    const [motion, dark, atGate] = [event('motion'), event('dark'), event('motion')];
    await Promise.all([first.tell('front', motion), first.tell('front', dark), first.tell('gate', atGate)]);
    await first.tell('gate', { ...atGate, until: UNTIL });
    put = [];
    await newRun().endLeft();
    expect(put.map(({ camera, event: { kind } }) => `${camera} ${kind}`)).toEqual([
      'front motion',
      'front dark',
    ]);
    expect(put[0]?.event).toEqual({ ...motion, until: expect.stringMatching(/^20.*Z$/) as string });
  });

  test('keeps what goes on when something else of its kind begins and ends at once', async () => {
    const first = newRun();
    const motion = event('motion');
    await first.tell('front', motion);
    await first.tell('front', event('motion', UNTIL));
    put = [];
    await newRun().endLeft();
    expect(put).toMatchObject([{ event: { id: motion.id } }]);
  });

  test('keeps one clip of a camera that is being finished while the next is recorded', async () => {
    const first = newRun();
    const clips = [1, 2].map(() => ({ ...event('clip'), clipId: ulid() }));
    for (const clip of clips) await first.tell('front', clip);
    put = [];
    await newRun().endLeft();
    expect(put.map(({ event: { id } }) => id)).toEqual(clips.map(({ id }) => id));
    await first.tell('front', { ...clips[0]!, until: UNTIL });
    put = [];
    await newRun().endLeft();
    expect(put).toMatchObject([{ event: { id: clips[1]!.id } }]);
  });

  test('ends both of two events of one kind at one camera, as two rules make them', async () => {
    const first = newRun();
    const [one, other] = [event('too-warm'), event('too-warm')];
    for (const each of [one, other]) await first.tell('store', each);
    put = [];
    await newRun().endLeft();
    expect(put.map(({ event: { id, until } }) => [id, until !== null])).toEqual([
      [one.id, true],
      [other.id, true],
    ]);
  });

  test('goes on when the spool refuses the ends, and tells them once it takes them, and once only', async () => {
    const alarm = event('too-warm');
    await newRun().tell('store', alarm);
    [put, spoolTakes] = [[], false];
    const second = newRun();
    await second.endLeft();
    await second.tell('gate', event('dark')).catch(() => undefined);
    clock.advance(PUT_AGAIN_MS);
    await waitFor(() => refused.filter(({ event: { id } }) => id === alarm.id).length === 2, 'a second try');
    // Given again, it is no loss.
    expect(refused.find(({ event: { id } }) => id === alarm.id)?.options).toEqual({ isRetried: true });
    // A kill now leaves it to the next start.
    expect((await noted()).map(({ event: { kind, until } }) => [kind, until !== null])).toEqual([
      ['too-warm', true],
      ['dark', false],
    ]);
    spoolTakes = true;
    await waitFor(() => (clock.advance(PUT_AGAIN_MS), put.length > 0), 'a third try');
    expect(put).toMatchObject([
      { camera: 'store', event: { id: alarm.id, until: expect.any(String) as string } },
    ]);
    await second.close();
    expect(put).toHaveLength(1);
    expect((await noted()).map(({ event: { kind } }) => kind)).toEqual(['dark']);
  });

  test('keeps an end that the spool refuses, also over the end of the run', async () => {
    const first = newRun();
    const alarm = event('too-warm');
    await first.tell('store', alarm);
    spoolTakes = false;
    await first.tell('store', { ...alarm, until: UNTIL });
    await first.close();
    [put, spoolTakes] = [[], true];
    const second = newRun();
    await second.endLeft();
    expect(put).toEqual([{ camera: 'store', event: { ...alarm, until: UNTIL } }]);
    expect(await noted()).toEqual([]);
  });

  test('ends what a kill left at its last sign of life, not at its begin', async () => {
    const first = newRun();
    const alarm = begunNow('too-warm');
    await first.tell('store', alarm);
    const hoursMs = 3 * 60 * MINUTE_MS;
    await waitFor(async () => {
      clock.advance(10 * MINUTE_MS);
      const [one] = await noted();
      return Date.parse(one?.seenAt ?? '') - Date.parse(alarm.at) >= hoursMs;
    }, 'a sign of life after hours');
    put = [];
    await newRun().endLeft();
    expect(lengthMs(put[0]?.event)).toBeGreaterThanOrEqual(hoursMs);
  });

  test('ends it after it began, and as long as it lasted, when the clock was set back before the kill', async () => {
    const first = newRun();
    const alarm = begunNow('too-warm');
    await first.tell('store', alarm);
    clock.setBy(-24 * 60 * MINUTE_MS);
    clock.advance(5 * MINUTE_MS);
    await first.tell('gate', event('dark'));
    put = [];
    await newRun().endLeft();
    expect(lengthMs(put[0]?.event)).toBe(5 * MINUTE_MS);
  });

  test('does not end an event of an older agent before it began', async () => {
    const left = { writtenAt: '2020-01-01T00:00:00.000Z', open: [{ camera: 'store', event: event('dark') }] };
    await writeFile(join(folder, 'open-events.json'), JSON.stringify(left));
    await newRun().endLeft();
    expect(lengthMs(put[0]?.event)).toBe(0);
  });

  test('writes no sign of life when nothing goes on', async () => {
    const first = newRun();
    const alarm = event('too-warm');
    await first.tell('store', alarm);
    await first.tell('store', { ...alarm, until: UNTIL });
    const before = await readFile(join(folder, 'open-events.json'), 'utf8');
    clock.advance(10 * MINUTE_MS);
    await first.close();
    expect(await readFile(join(folder, 'open-events.json'), 'utf8')).toBe(before);
  });

  test('notes so many at most: the oldest goes, and the spool counts an end that it refuses for good', async () => {
    const first = newRun();
    const oldest = event('too-warm');
    await first.tell('store', oldest);
    spoolTakes = false;
    await first.tell('store', { ...oldest, until: UNTIL });
    spoolTakes = true;
    const others = Array.from({ length: MAX_NOTED_EVENTS - 1 }, () => event('dark'));
    await Promise.all(others.map((each) => first.tell('gate', each)));
    expect(await noted()).toHaveLength(MAX_NOTED_EVENTS);
    spoolTakes = false;
    await first.tell('gate', event('dark')).catch(() => undefined);
    expect(refused.find(({ options }) => !options.isRetried)?.event).toEqual({ ...oldest, until: UNTIL });
    expect(await noted()).toHaveLength(MAX_NOTED_EVENTS);
  });

  test('tells nothing without a file, nor of a file that cannot be read', async () => {
    await newRun().endLeft();
    for (const text of ['{"open":[', '{"writtenAt":"yesterday","open":[]}']) {
      await writeFile(join(folder, 'open-events.json'), text);
      await newRun().endLeft();
    }
    expect(put).toEqual([]);
  });

  test('tells what can be read of a file of which some cannot', async () => {
    const [dark, motion] = [event('dark'), event('motion')];
    const entries = [
      { camera: 'front', event: dark },
      { camera: 'front' },
      { camera: 'front', event: motion },
    ];
    const text = JSON.stringify({ writtenAt: UNTIL, open: entries });
    await writeFile(join(folder, 'open-events.json'), text);
    await newRun().endLeft();
    expect(put.map(({ event: { kind, until } }) => [kind, until])).toEqual([
      ['dark', UNTIL],
      ['motion', UNTIL],
    ]);
  });

  test('tells an event that cannot be noted', async () => {
    await newRun(join(folder, 'nowhere', 'open-events.json')).tell('front', event('motion'));
    expect(put).toHaveLength(1);
    await newRun().tell('front', event('motion'));
    expect(await readdir(folder)).toEqual(['open-events.json']);
  });
});
