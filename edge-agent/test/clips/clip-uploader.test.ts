import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { decodeClipChunk, type ClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { CLIP_CHUNK_BYTES, MIB } from '@sitecast/shared/protocol/limits';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { ClipStore } from '../../src/clips/clip-store.ts';
import type { StoredClip } from '../../src/clips/stored-clip.ts';
import { ClipUploader, MAX_CHUNKS_IN_LANE } from '../../src/clips/clip-uploader.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { Outbox } from '../../src/uplink/outbox.ts';
import { Spool } from '../../src/uplink/spool.ts';
import type { SpoolMessage } from '../../src/uplink/spool-log.ts';
import { ManualClock, silentLogger, temporaryFolder, waitFor } from '../support.ts';

const address = { site: 'demo', agent: 'gateway' };
let folder: string;
let clock: ManualClock;
beforeEach(async () => {
  folder = await temporaryFolder();
  clock = new ManualClock();
});

/** A clip that is on the gateway, of noise: nobody looks at it. */
async function makeClip(
  bytes: number,
  upload: StoredClip['upload'] = 'wanted',
): Promise<{ id: string; content: Buffer }> {
  const content = randomBytes(bytes);
  const id = ulid(clock.nowMs());
  const clip: StoredClip = {
    ...{ id, camera: 'front', reason: 'rule', startedAt: new Date(clock.nowMs()).toISOString() },
    ...{ codec: 'avc1.64001f', width: 1280, height: 720, maskVersion: 0, upload },
    ...{ isMaskedSince: false, uploadedBytes: 0, uploadedAt: null },
    figures: { durationMs: 9_000, bytes, sha256: createHash('sha256').update(content).digest('hex') },
  };
  await writeFile(join(folder, `${id}.json`), JSON.stringify(clip));
  await writeFile(join(folder, `${id}.mp4`), content);
  return { id, content };
}

interface Run {
  store: ClipStore;
  spool: Spool;
  uploads: ClipUploader;
  /** Takes the next chunk out of the lane, as the sender does. */
  take(): Promise<{ message: SpoolMessage; chunk: ClipChunk } | undefined>;
  /** Takes and acknowledges until no clip is wanted any more. */
  deliver(): Promise<ClipChunk[]>;
  stop(): Promise<void>;
}

async function run(spoolFolder = join(folder, 'spool')): Promise<Run> {
  const bounds = { quotaBytes: 1_000 * MIB, maxClipBytes: MIB };
  const store = await ClipStore.open({ folder, ...bounds, logger: silentLogger });
  const spool = await Spool.open({
    folder: spoolFolder,
    lanes: laneLimits(16 * MIB),
    logger: silentLogger,
    clock,
  });
  const log = new QuietLog(silentLogger, clock);
  const outbox = new Outbox({ address, spool, log });
  const uploads = new ClipUploader({ store, spool, put: (chunk) => outbox.clipChunk(chunk), log, clock });
  const take: Run['take'] = async () => {
    const message = (await spool.next('clips', 'backlog')) ?? (await spool.next('clips', 'fresh'));
    return message && { message, chunk: decodeClipChunk(message.payload) };
  };
  const deliver = async (): Promise<ClipChunk[]> => {
    const delivered: ClipChunk[] = [];
    await waitFor(async () => {
      for (let next = await take(); next; next = await take()) {
        delivered.push(next.chunk);
        spool.ack('clips', next.message);
      }
      return store.wanted.length === 0 && spool.pendingMessages('clips') === 0;
    }, 'all that is wanted to be delivered');
    return delivered;
  };
  const stop = async (): Promise<void> => {
    await uploads.close();
    await store.close();
    await spool.close();
  };
  onTestFinished(stop);
  uploads.start();
  return { store, spool, uploads, take, deliver, stop };
}

const joined = (chunks: ClipChunk[]): Buffer => {
  const whole = Buffer.alloc(chunks[0]?.header.total ?? 0);
  for (const { header, bytes } of chunks) whole.set(bytes, header.offset);
  return whole;
};
const inLane = (count: number, { spool }: Run): Promise<unknown> =>
  waitFor(() => spool.pendingMessages('clips') === count, `${count} chunks in the lane`);

describe('ClipUploader', () => {
  test('uploads a clip in chunks that say what they are of, a few in the lane at a time', async () => {
    const { id, content } = await makeClip(30 * CLIP_CHUNK_BYTES + 5);
    const agent = await run();
    await inLane(MAX_CHUNKS_IN_LANE, agent);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(agent.spool.pendingMessages('clips')).toBe(MAX_CHUNKS_IN_LANE);
    const chunks = await agent.deliver();
    expect(chunks.map(({ header }) => header.offset)).toEqual(
      Array.from({ length: 31 }, (_, n) => n * CLIP_CHUNK_BYTES),
    );
    expect(joined(chunks).equals(content)).toBe(true);
    expect(chunks[7]!.header).toMatchObject({
      id,
      camera: 'front',
      total: content.length,
      durationMs: 9_000,
    });
    expect(agent.store.find(id)).toMatchObject({ upload: 'done', uploadedBytes: content.length });
    expect(agent.uploads.counters).toEqual({ uploaded: 1, uploadsRefused: 0 });
  });

  test('sends one clip after the other, the oldest first, and none that nobody wants', async () => {
    const first = await makeClip(2 * CLIP_CHUNK_BYTES);
    await makeClip(CLIP_CHUNK_BYTES, 'none');
    clock.advance(5);
    const second = await makeClip(CLIP_CHUNK_BYTES);
    const agent = await run();
    const ids = (await agent.deliver()).map(({ header }) => header.id);
    expect(ids.sort()).toEqual([first.id, first.id, second.id].sort());
    expect(agent.store.wanted).toEqual([]);
  });

  test('forgets what is in the lane of a clip that must not leave any more, and goes on with the next one', async () => {
    const { id } = await makeClip(3 * CLIP_CHUNK_BYTES);
    clock.advance(5);
    const next = await makeClip(CLIP_CHUNK_BYTES);
    const agent = await run();
    await inLane(3, agent);
    agent.uploads.withhold(id);
    await waitFor(() => agent.store.find(id)?.upload === 'none', 'the first to be wanted no more');
    // What of the next one was forgotten with it is put again at the next look.
    clock.advance(10_000);
    const chunks = await agent.deliver();
    expect(chunks.map(({ header }) => header.id)).toEqual([next.id]);
    expect(joined(chunks).equals(next.content)).toBe(true);
    expect(agent.spool.stats().messagesDropped).toBe(0);
  });

  test('goes on after a restart where it was, with what was in the lane', async () => {
    const { id, content } = await makeClip(40 * CLIP_CHUNK_BYTES);
    const first = await run();
    const before: ClipChunk[] = [];
    while (before.length < 20) {
      const next = await waitFor(() => first.take(), 'a chunk');
      before.push(next.chunk);
      first.spool.ack('clips', next.message);
    }
    await inLane(MAX_CHUNKS_IN_LANE, first);
    await first.stop();
    const second = await run();
    expect(second.store.find(id)).toMatchObject({ uploadedBytes: 20 * CLIP_CHUNK_BYTES });
    const after = await second.deliver();
    expect(joined([...before, ...after]).equals(content)).toBe(true);
    // Those in the lane come twice, since nobody knew whether they would arrive.
    expect(after.length).toBeLessThanOrEqual(20 + MAX_CHUNKS_IN_LANE);
    expect(second.store.find(id)).toMatchObject({ upload: 'done' });
  });

  test('puts again what the lane lost', async () => {
    const { id, content } = await makeClip(10 * CLIP_CHUNK_BYTES);
    const agent = await run();
    await inLane(MAX_CHUNKS_IN_LANE, agent);
    // Taken by hand, and dropped as if the disk had been full.
    const lost = (await agent.take())!;
    const spool = agent.spool;
    const kept: ClipChunk[] = [];
    while (kept.length < 9) {
      const next = await waitFor(() => agent.take(), 'a chunk');
      kept.push(next.chunk);
      spool.ack('clips', next.message);
    }
    expect(agent.store.find(id)).toMatchObject({ upload: 'wanted' });
    Object.defineProperty(spool, 'pendingMessages', { value: () => 0 });
    const isPutAgain = (): boolean => {
      clock.advance(10_000);
      return spool.stats().messages > 1;
    };
    await waitFor(isPutAgain, 'them to be put again');
    const again = await agent.deliver();
    expect(again[0]!.header.offset).toBe(lost.chunk.header.offset);
    expect(joined([...kept, ...again]).equals(content)).toBe(true);
    expect(agent.store.find(id)).toMatchObject({ upload: 'done' });
  });

  test('begins anew when the server has forgotten it meanwhile', async () => {
    const { content } = await makeClip(30 * CLIP_CHUNK_BYTES);
    const agent = await run();
    for (let n = 0; n < 5; n += 1)
      agent.spool.ack('clips', (await waitFor(() => agent.take(), 'a chunk')).message);
    await inLane(MAX_CHUNKS_IN_LANE, agent);
    clock.advance(20 * 3_600_000);
    const after = await agent.deliver();
    expect(new Set(after.map(({ header }) => header.offset)).size).toBe(30);
    expect(joined(after).equals(content)).toBe(true);
  });

  test('keeps a clip that the server does not take, and goes on with the next', async () => {
    const refused = await makeClip(20 * CLIP_CHUNK_BYTES);
    clock.advance(5);
    const next = await makeClip(CLIP_CHUNK_BYTES);
    const agent = await run();
    await inLane(MAX_CHUNKS_IN_LANE, agent);
    agent.uploads.refused(refused.id, 'LIMIT_REACHED');
    agent.uploads.refused(refused.id, 'LIMIT_REACHED');
    const ids = (await agent.deliver()).map(({ header }) => header.id);
    expect(ids.at(-1)).toBe(next.id);
    expect(agent.store.find(refused.id)).toMatchObject({ upload: 'refused' });
    expect(agent.uploads.counters).toEqual({ uploaded: 1, uploadsRefused: 1 });
  });
});
