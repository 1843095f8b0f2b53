// What happened at a camera, or to an agent, with a begin and, once known, an end.

import * as z from 'zod';
import { ULID_PATTERN } from './ids.ts';
import { isoTime } from './json-message.ts';

/** motion, frozen, dark, covered, blurred, moved, online, offline, clip, ... : open, because agents are updated before servers. */
export const eventKind = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

export const cameraEvent = z.object({
  id: z.string().regex(ULID_PATTERN),
  kind: eventKind,
  at: isoTime,
  until: isoTime.nullable().default(null),
  detail: z.string().max(500).nullable().default(null),
  snapshotId: z.string().regex(ULID_PATTERN).nullable().default(null),
  /** Of kind `clip` only: the clip that it is about. */
  clipId: z.string().regex(ULID_PATTERN).optional(),
});
/** Messages of a lane of the agent's spool that never arrive: how many, and when they were spooled. */
export const gapReport = z.object({
  lane: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  from: isoTime,
  to: isoTime,
  count: z.int().min(1),
});
export type GapReport = z.output<typeof gapReport>;

export const agentEvent = cameraEvent.omit({ snapshotId: true, clipId: true }).extend({
  /** Of kind `gap` only. */
  gap: gapReport.nullable().default(null),
});
export type AgentEvent = z.output<typeof agentEvent>;

export type CameraEvent = z.output<typeof cameraEvent>;
