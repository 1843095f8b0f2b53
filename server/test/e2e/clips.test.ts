// A clip from the demo camera to the file that a browser plays: recorded, cut off by kills of both sides, uploaded, played.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { queryDatabase } from './support/database.ts';
import { type Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

interface Clip {
  id: string;
  bytes: number;
  sha256: string;
  startedAt: string;
  durationMs: number;
}

interface ClipEvent {
  clipId: string;
  until: string | null;
  detail: string | null;
}

const hasProbe = requireTool('ffprobe', 'an uploaded clip is played by another program');

describe('a clip', () => {
  let sitecast: Sitecast;
  let session: ApiSession;

  beforeAll(async () => {
    sitecast = await startSitecast();
    session = await sitecast.login();
    const isLive = async (): Promise<boolean> => {
      const { items } = await session.get<{ items: { state: string }[] }>('cameras');
      return items.some(({ state }) => state === 'live');
    };
    await waitFor(isLive, 'the camera');
    // As much as a clip has before its moment.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
  });
  afterAll(() => sitecast.close());

  const record = async (upload: boolean): Promise<string> => {
    const { clipId } = await session.command<{ clipId: string }>('cameras/local/courtyard/clip', { upload });
    return clipId;
  };
  const ended = (clipId: string): Promise<ClipEvent> =>
    waitFor(async () => {
      const { items } = await session.get<{ items: ClipEvent[] }>('events?kind=clip');
      return items.find((event) => event.clipId === clipId && event.until !== null);
    }, 'the end of the clip');
  const uploaded = (clipId: string): Promise<Clip> =>
    waitFor(async () => {
      const answer = await session.fetch('cameras/local/courtyard/clips').catch(() => undefined);
      const list = answer?.ok ? ((await answer.json()) as { items: Clip[] }) : { items: [] };
      return list.items.find(({ id }) => id === clipId);
    }, 'the uploaded clip');
  const download = async ({ id, bytes }: Clip): Promise<Buffer> => {
    const half = Math.floor(bytes / 2);
    const part = async (range: string): Promise<Buffer> => {
      const answer = await session.fetch(`clips/${id}`, { headers: { range: `bytes=${range}` } });
      expect(answer.status).toBe(206);
      return Buffer.from(await answer.arrayBuffer());
    };
    return Buffer.concat([await part(`0-${half - 1}`), await part(`${half}-`)]);
  };

  it.skipIf(!hasProbe)(
    'recorded and uploaded on command plays, with what was before and what came after',
    async () => {
      const clipId = await record(true);
      const askedAtMs = Date.now();
      expect((await ended(clipId)).detail).toMatch(/^\d\d\.\d s, \d+\.\d MiB$/);
      const clip = await uploaded(clipId);
      // The last keyframe that was five seconds old.
      expect(Date.parse(clip.startedAt)).toBeLessThanOrEqual(askedAtMs - 5_000);
      const file = await download(clip);
      expect(createHash('sha256').update(file).digest('hex')).toBe(clip.sha256);
      const path = join(sitecast.dataDir, 'clip.mp4');
      writeFileSync(path, file);
      const what = ['-show_entries', 'format=duration', '-of', 'csv=p=0', path];
      const seconds = Number(execFileSync('ffprobe', ['-v', 'error', ...what]).toString());
      // Ten seconds after the moment, by the clock of the pictures, and something before it.
      expect(seconds).toBeGreaterThan(10);
      expect(seconds).toBeLessThan(40);
      expect(clip.durationMs / 1_000).toBeCloseTo(seconds, 0);
    },
  );

  it('stays on the gateway until it is asked for, and arrives once although both sides are killed meanwhile', async () => {
    const clipId = await record(false);
    await ended(clipId);
    expect((await session.get<{ items: Clip[] }>('clips')).items.map(({ id }) => id)).not.toContain(clipId);
    await session.command(`cameras/local/courtyard/clips/${clipId}/upload`, {});
    const parts = join(sitecast.dataDir, 'server/clips/parts');
    // For as long as the first part may stand there before the last one makes a clip of them.
    const isBegun = (): boolean => existsSync(parts) && readdirSync(parts).length > 0;
    for (let looks = 0; looks < 5_000 && !isBegun(); looks += 1)
      await new Promise((resolve) => setTimeout(resolve, 2));
    const { server, agent } = sitecast.ready.pids;
    process.kill(server, 'SIGKILL');
    process.kill(agent, 'SIGKILL');
    await waitFor(
      () => sitecast.ready.pids.server !== server && sitecast.ready.pids.agent !== agent,
      'both to be back',
    );
    // The login outlives the server.
    const clip = await uploaded(clipId);
    const file = await download(clip);
    expect(createHash('sha256').update(file).digest('hex')).toBe(clip.sha256);
    const rows = await queryDatabase(sitecast.ready.databaseUrl, 'select id from clips where id = $1', [
      clipId,
    ]);
    expect(rows).toHaveLength(1);
    expect(readdirSync(parts)).toEqual([]);
  });
});
