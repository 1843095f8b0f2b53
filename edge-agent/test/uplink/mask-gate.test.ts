import { createHash } from 'node:crypto';
import { ulid } from 'ulid';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { encodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { topics } from '@sitecast/shared/protocol/topics';
import { NO_MASKS, privacyMasks, type PrivacyMasks } from '../../src/camera/privacy-masks.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { maskGate } from '../../src/uplink/mask-gate.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { silentLogger, temporaryFolder } from '../support.ts';

const agent = { site: 'demo', agent: 'gateway' };
const left = privacyMasks([{ x: 0, y: 0, width: 0.5, height: 1 }]);
const right = privacyMasks([{ x: 0.5, y: 0, width: 0.5, height: 1 }]);

interface Message {
  topic: string;
  payload: Uint8Array;
}

function snapshotWith({ version: maskVersion }: PrivacyMasks, camera = 'front'): Message {
  const snapshot = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);
  const header = {
    ...{ id: ulid(), camera, capturedAt: '2026-03-01T09:00:00.000Z', maskVersion },
    ...({ reason: 'interval', type: 'image/jpeg', width: 2, height: 2, bytes: 4 } as const),
    sha256: createHash('sha256').update(snapshot).digest('hex'),
  };
  const payload = encodeSnapshotEnvelope({ header, snapshot, thumbnail: new Uint8Array() });
  return { topic: topics.snapshot(agent, camera), payload };
}

function pieceWith({ version: maskVersion }: PrivacyMasks): Message {
  const header = {
    ...{ id: ulid(), camera: 'front', offset: 0, total: 9, sha256: '0'.repeat(64), durationMs: 1 },
    ...({ startedAt: '2026-03-01T09:00:00.000Z', reason: 'rule', type: 'video/mp4' } as const),
    ...{ codec: 'avc1.64001f', width: 2, height: 2, maskVersion },
  };
  return {
    topic: topics.clip(agent, 'front'),
    payload: encodeClipChunk({ header, bytes: new Uint8Array(9) }),
  };
}

describe('maskGate', () => {
  it.each([
    ['snapshots', snapshotWith],
    ['pieces of clips', pieceWith],
  ])('lets %s pass that have the masks of now, or whose camera has none', (_, make) => {
    let masks: PrivacyMasks | undefined = left;
    const mayLeave = maskGate(() => masks);
    expect([make(left), make(NO_MASKS), make(right)].map(mayLeave)).toEqual([true, false, false]);
    masks = NO_MASKS;
    expect([make(left), make(NO_MASKS)].map(mayLeave)).toEqual([true, true]);
    masks = undefined;
    expect(mayLeave(make(NO_MASKS))).toBe(true);
  });

  it('lets nothing of a camera with masks pass that it cannot read, and has no word on anything else', () => {
    const mayLeave = maskGate(() => left);
    expect(mayLeave({ topic: topics.snapshot(agent, 'front'), payload: Buffer.from('?') })).toBe(false);
    expect(mayLeave({ topic: topics.event(agent, 'front'), payload: Buffer.from('?') })).toBe(true);
  });
});

describe('a message that is withheld', () => {
  it('is lost and told, over a restart; of a clip it is neither', async () => {
    const folder = await temporaryFolder();
    const open = (): Promise<Spool> =>
      Spool.open({ folder, lanes: laneLimits(16 * 1024 * 1024), logger: silentLogger });
    const first = await open();
    for (const { topic, payload } of [snapshotWith(NO_MASKS), snapshotWith(left)])
      await first.put('snapshots', topic, payload);
    const piece = pieceWith(NO_MASKS);
    await first.put('clips', piece.topic, piece.payload);
    const message = (await first.next('snapshots', 'fresh'))!;
    first.withhold('snapshots', message);
    first.withhold('snapshots', message);
    first.withhold('clips', (await first.next('clips', 'fresh'))!);
    expect(first.stats()).toMatchObject({ messages: 1, messagesDropped: 1 });
    await first.close();
    const second = await open();
    onTestFinished(() => second.close());
    expect(await second.gapToTell('snapshots')).toMatchObject({
      count: 1,
      fromMs: message.spooledAt!.wallMs,
      reasons: { withheld: 1 },
    });
    expect(await second.gapToTell('clips')).toBeUndefined();
    expect([second.pendingMessages('snapshots'), second.pendingMessages('clips')]).toEqual([1, 0]);
  });
});
