// `npm start` on real input, end to end: picture, snapshot, reading; and what must never happen beside them.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import { LiveViewer } from './support/live-viewer.ts';
import { descendantsOf, type Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

interface Items<T> {
  items: T[];
}

describe('npm start with nothing but Node', () => {
  let sitecast: Sitecast;
  let session: ApiSession;

  beforeAll(async () => {
    sitecast = await startSitecast();
    session = await sitecast.login();
  });
  afterAll(() => sitecast.close());

  it('stores a sensor reading', async () => {
    const latest = await waitFor(async () => {
      const { items } =
        await session.get<Items<{ sensor: string; metric: string; value: number }>>('telemetry/latest');
      return items.length > 0 && items;
    }, 'a reading');
    expect(latest.some(({ metric, value }) => metric === 'temperature' && Number.isFinite(value))).toBe(true);
  });

  it('stores a snapshot with its thumbnail', async () => {
    const [snapshot] = await waitFor(async () => {
      const { items } = await session.get<Items<{ id: string; bytes: number; width: number }>>('snapshots');
      return items.length > 0 && items;
    }, 'a snapshot');
    for (const path of [`snapshots/${snapshot!.id}`, `snapshots/${snapshot!.id}/thumbnail`]) {
      const response = await session.fetch(path);
      expect(response.headers.get('content-type')).toBe('image/jpeg');
      expect(response.headers.get('etag')).toBeTruthy();
      const bytes = new Uint8Array(await response.arrayBuffer());
      expect([bytes[0], bytes[1], bytes.at(-2), bytes.at(-1)]).toEqual([0xff, 0xd8, 0xff, 0xd9]);
    }
  });

  it('carries no live bytes without a viewer, a moving picture with one, and none again afterwards', async () => {
    expect(await liveBytes(session)).toBe(0);
    const viewer = await LiveViewer.ready(session, 'local/courtyard');
    try {
      expect(viewer.message('ready')).toMatchObject({ container: 'fmp4', profile: 'main' });
      const frames = await viewer.framesAfter(0, 40);
      expect(frames[0]!.header.kind).toBe(FrameKind.initSegment);
      expect(frames[1]!.header).toMatchObject({ kind: FrameKind.fragment, isKeyframe: true });
      const sequences = frames.slice(1).map(({ header }) => header.sequence);
      expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + index));
    } finally {
      viewer.close();
    }
    const settled = await waitFor(async () => {
      const before = await liveBytes(session);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return (await liveBytes(session)) === before && before;
    }, 'the live bytes to stop');
    expect(settled).toBeGreaterThan(0);
  });

  it('takes a snapshot on command', async () => {
    const { snapshotId } = await session.command<{ snapshotId: string }>(
      'cameras/local/courtyard/snapshot',
      {},
    );
    const stored = await waitFor(async () => {
      const response = await session.fetch(`snapshots/${snapshotId}`, { method: 'HEAD' });
      return response.status === 200 && response;
    }, 'the snapshot that was asked for');
    expect(stored.headers.get('content-type')).toBe('image/jpeg');
  });

  it('runs no ffmpeg below the server', () => {
    expect(descendantsOf(sitecast.ready.pids.server)).toEqual([]);
    expect(descendantsOf(sitecast.ready.pids.agent).map(({ command }) => command)).toContain('ffmpeg');
  });

  it('ends every process that it started on a Ctrl-C', async () => {
    const started = descendantsOf(sitecast.launcherPid);
    expect(started.length).toBeGreaterThanOrEqual(3);
    const { code } = await sitecast.stop('SIGINT');
    expect(code).toBe(0);
    expect(started.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });
});

async function liveBytes(session: ApiSession): Promise<number> {
  const metrics = await (await fetch(`${session.url}/metrics`)).text();
  const line = metrics.split('\n').find((text) => text.startsWith('sitecast_live_bytes_received_total'));
  if (!line) throw new Error('no sitecast_live_bytes_received_total in /metrics');
  return Number(line.split(' ').at(-1));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
