// Snapshot envelopes that are valid to the last byte, with pictures of noise: the server never decodes one.

import { createHash, randomBytes } from 'node:crypto';
import { encodeSnapshotEnvelope, type SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';
import { ulid } from 'ulid';

export interface MadeSnapshot {
  header: SnapshotHeader;
  snapshot: Buffer;
  thumbnail: Buffer;
  envelope: Uint8Array;
}

export function makeSnapshot(given: Partial<SnapshotHeader> = {}, bytes = 2_000): MadeSnapshot {
  const snapshot = picture(bytes);
  const thumbnail = picture(200);
  const header: SnapshotHeader = {
    id: ulid(),
    camera: 'front',
    capturedAt: new Date().toISOString(),
    reason: 'interval',
    type: 'image/jpeg',
    width: 1280,
    height: 720,
    bytes: snapshot.length,
    sha256: createHash('sha256').update(snapshot).digest('hex'),
    thumbnail: { type: 'image/jpeg', width: 320, height: 180, bytes: thumbnail.length },
    maskVersion: 0,
    ...given,
  };
  return { header, snapshot, thumbnail, envelope: encodeSnapshotEnvelope({ header, snapshot, thumbnail }) };
}

function picture(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(bytes - 4)]);
}
