// What happened at a camera, with a begin and, once known, an end.

import * as z from 'zod';
import { ULID_PATTERN } from './ids.ts';
import { isoTime } from './json-message.ts';

/** motion, frozen, dark, covered, blurred, moved, online, offline, ... : open, because agents are updated before servers. */
export const eventKind = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

export const cameraEvent = z.object({
  id: z.string().regex(ULID_PATTERN),
  kind: eventKind,
  at: isoTime,
  until: isoTime.nullable().default(null),
  detail: z.string().max(500).nullable().default(null),
  snapshotId: z.string().regex(ULID_PATTERN).nullable().default(null),
});
export type CameraEvent = z.output<typeof cameraEvent>;
