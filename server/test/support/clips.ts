// Clips as agents send them, of noise: the server looks at no picture.

import { createHash, randomBytes } from 'node:crypto';
import { clipChunkCount, encodeClipChunk, type ClipChunkHeader } from '@sitecast/shared/protocol/clip-chunk';
import { CLIP_CHUNK_BYTES } from '@sitecast/shared/protocol/limits';
import { ulid } from 'ulid';

export interface MadeClip {
  header: ClipChunkHeader;
  content: Buffer;
  /** Messages, in order. */
  chunks: Uint8Array[];
}

export function makeClip(given: Partial<ClipChunkHeader> = {}, bytes = 3 * CLIP_CHUNK_BYTES + 7): MadeClip {
  const content = randomBytes(bytes);
  const header: ClipChunkHeader = {
    id: ulid(),
    camera: 'front',
    offset: 0,
    total: bytes,
    sha256: createHash('sha256').update(content).digest('hex'),
    startedAt: new Date().toISOString(),
    durationMs: 15_040,
    reason: 'motion',
    type: 'video/mp4',
    codec: 'avc1.64001f',
    width: 1280,
    height: 720,
    maskVersion: 0,
    ...given,
  };
  const chunks = Array.from({ length: clipChunkCount(bytes) }, (_, index) => {
    const offset = index * CLIP_CHUNK_BYTES;
    const piece = content.subarray(offset, offset + CLIP_CHUNK_BYTES);
    return encodeClipChunk({ header: { ...header, offset }, bytes: piece });
  });
  return { header, content, chunks };
}
