// What is noted of a clip, beside its file.

import * as z from 'zod';
import { clipReason } from '@sitecast/shared/protocol/clip-chunk';
import { ID_PATTERN, ULID_PATTERN } from '@sitecast/shared/protocol/ids';

const figures = z.object({
  durationMs: z.int().min(0),
  bytes: z.int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export const storedClip = z.object({
  id: z.string().regex(ULID_PATTERN),
  camera: z.string().regex(ID_PATTERN),
  reason: clipReason,
  startedAt: z.iso.datetime(),
  codec: z.string(),
  width: z.int(),
  height: z.int(),
  maskVersion: z.int(),
  /** Its camera got other privacy masks since. Noted, because a camera that is gone has none to compare with. */
  isMaskedSince: z.boolean().default(false),
  /** `wanted` until all of it was acknowledged; `refused` by the server. */
  upload: z.enum(['none', 'wanted', 'done', 'refused']),
  /** All before this was acknowledged. */
  uploadedBytes: z.int().min(0),
  /** When the last of it was. */
  uploadedAt: z.iso.datetime().nullable(),
  /** Null while it is recorded. */
  figures: figures.nullable(),
});
export type StoredClip = z.output<typeof storedClip>;
export type FinishedClip = StoredClip & { figures: NonNullable<StoredClip['figures']> };

export function isFinished(clip: StoredClip): clip is FinishedClip {
  return clip.figures !== null;
}
