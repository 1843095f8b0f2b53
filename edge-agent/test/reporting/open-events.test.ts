import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { OpenEvents } from '../../src/reporting/open-events.ts';
import { silentLogger, temporaryFolder } from '../support.ts';

const UNTIL = '2026-01-02T03:05:00.000Z';
let folder: string;
let put: { camera: string; event: CameraEvent }[];

beforeEach(async () => {
  folder = await temporaryFolder();
  put = [];
});

function newRun(path = join(folder, 'open-events.json')): OpenEvents {
  const log = new QuietLog(silentLogger);
  return new OpenEvents({ path, put: async (camera, event) => void put.push({ camera, event }), log });
}

function event(kind: string, until: string | null = null): CameraEvent {
  return { id: ulid(), kind, at: '2026-01-02T03:04:05.000Z', until, detail: null, snapshotId: null };
}

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

  test('tells nothing without a file, nor of a file that cannot be read', async () => {
    await newRun().endLeft();
    for (const text of ['{"open":[', '{"writtenAt":"yesterday","open":[]}']) {
      await writeFile(join(folder, 'open-events.json'), text);
      await newRun().endLeft();
    }
    expect(put).toEqual([]);
  });

  test('tells an event that cannot be noted', async () => {
    await newRun(join(folder, 'nowhere', 'open-events.json')).tell('front', event('motion'));
    expect(put).toHaveLength(1);
    await newRun().tell('front', event('motion'));
    expect(await readdir(folder)).toEqual(['open-events.json']);
  });
});
