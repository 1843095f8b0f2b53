import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { OpenEvents } from '../../src/reporting/open-events.ts';

let path: string;

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'sitecast-')), 'open-events.json');
});

function event(kind: string, until: string | null = null): CameraEvent {
  return { id: ulid(), kind, at: '2026-01-02T03:04:05.000Z', until, detail: null, snapshotId: null };
}

describe('OpenEvents', () => {
  test('gives a later run what was open, ended when it was last known to go on', async () => {
    const first = new OpenEvents(path);
    const [motion, dark] = [event('motion'), event('dark')];
    await Promise.all([first.note('front', motion), first.note('front', dark), first.note('gate', motion)]);
    await first.note('gate', { ...motion, until: '2026-01-02T03:05:00.000Z' });
    const left = await new OpenEvents(path).takeLeft();
    expect(left.map(({ camera, event: { kind } }) => `${camera} ${kind}`)).toEqual([
      'front motion',
      'front dark',
    ]);
    expect(left[0]?.event).toEqual({ ...motion, until: expect.stringMatching(/^20.*Z$/) as string });
  });

  test('gives nothing without a file, and nothing of a file that cannot be read', async () => {
    expect(await new OpenEvents(path).takeLeft()).toEqual([]);
    await writeFile(path, '{"open":[');
    expect(await new OpenEvents(path).takeLeft()).toEqual([]);
    await writeFile(path, '{"writtenAt":"yesterday","open":[]}');
    expect(await new OpenEvents(path).takeLeft()).toEqual([]);
  });

  test('says when it cannot write, and goes on', async () => {
    const events = new OpenEvents(join(path, 'nowhere', 'open-events.json'));
    await expect(events.note('front', event('motion'))).rejects.toThrow(/ENOENT/);
    const others = new OpenEvents(path);
    await others.note('front', event('motion'));
    expect(await readdir(join(path, '..'))).toEqual(['open-events.json']);
  });
});
