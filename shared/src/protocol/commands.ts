// Server -> agent commands with their replies, and the two notices that need no reply.

import * as z from 'zod';
import { ID_PATTERN, ULID_PATTERN } from './ids.ts';
import { PROFILES } from './frame-header.ts';
import { isoTime } from './json-message.ts';

const camera = z.string().regex(ID_PATTERN);
const profile = z.enum(PROFILES);

const envelope = { id: z.string().regex(ULID_PATTERN), expiresAt: isoTime };

export const command = z.discriminatedUnion('op', [
  /** Start or renew sending live frames of a camera; `ttlMs` from arrival. */
  z.object({
    ...envelope,
    op: z.literal('live.lease'),
    args: z.object({ camera, profile, ttlMs: z.int().min(1_000).max(60_000) }),
  }),
  z.object({ ...envelope, op: z.literal('live.release'), args: z.object({ camera, profile }) }),
  /** Take a snapshot now; the reply carries its id, the picture follows through the spool. */
  z.object({ ...envelope, op: z.literal('snapshot'), args: z.object({ camera }) }),
  /** Record a clip, or let the one that is being recorded go on; the reply carries its id. `upload`: when it is done, too. */
  z.object({
    ...envelope,
    op: z.literal('clip'),
    args: z.object({ camera, upload: z.boolean().default(false) }),
  }),
  /** Upload a clip that is on the gateway. */
  z.object({
    ...envelope,
    op: z.literal('clip.upload'),
    args: z.object({ clipId: z.string().regex(ULID_PATTERN) }),
  }),
  /** The server's time when it had the health message that says `healthAt`. */
  z.object({ ...envelope, op: z.literal('clock'), args: z.object({ healthAt: isoTime, serverAt: isoTime }) }),
  z.object({ ...envelope, op: z.literal('camera.test'), args: z.object({ camera }) }),
  z.object({ ...envelope, op: z.literal('config.apply'), args: z.object({ config: z.unknown() }) }),
  z.object({ ...envelope, op: z.literal('restart'), args: z.object({}).default({}) }),
]);
export type Command = z.output<typeof command>;
export type CommandOp = Command['op'];
export type CommandArgs<Op extends CommandOp> = Extract<Command, { op: Op }>['args'];

export const leaseResult = z.object({
  stream: z.string().max(160),
  epoch: z.int().min(0).max(0xffffffff),
  container: z.enum(['fmp4', 'mpegts', 'jpeg']),
  mime: z.string().max(120),
  width: z.int().min(0),
  height: z.int().min(0),
});
export type LeaseResult = z.output<typeof leaseResult>;

export const snapshotResult = z.object({ snapshotId: z.string().regex(ULID_PATTERN) });
export type SnapshotResult = z.output<typeof snapshotResult>;

export const clipResult = z.object({ clipId: z.string().regex(ULID_PATTERN) });
export type ClipResult = z.output<typeof clipResult>;

/** Of the file, which follows. */
export const clipUploadResult = z.object({ bytes: z.int().min(1) });
export type ClipUploadResult = z.output<typeof clipUploadResult>;

export const reply = z.union([
  z.object({ id: z.string().regex(ULID_PATTERN), ok: z.literal(true), result: z.unknown().default(null) }),
  z.object({
    id: z.string().regex(ULID_PATTERN),
    ok: z.literal(false),
    error: z.object({ code: z.string().max(64), message: z.string().max(500) }),
  }),
]);
export type Reply = z.output<typeof reply>;

/** The name of one live sequence, in `ready`, in `live-ack` and in metrics: `camera/profile` within its agent. */
export function streamName(cameraId: string, profileName: string): string {
  return `${cameraId}/${profileName}`;
}

/** What the server has received of a stream (PR-24); the agent's window counts against it (PR-25). */
export const liveAck = z.object({
  stream: z.string().max(160),
  /** Of the newest frame received. */
  sequence: z.int().min(0).max(0xffffffff),
  /** Header and payload bytes received since the newest init segment or change of epoch. */
  receivedBytes: z.int().min(0),
});
export type LiveAck = z.output<typeof liveAck>;

/** A message of the device that was acknowledged and dropped; sending it again would fail again. */
export const droppedNotice = z.object({
  topic: z.string().max(400),
  code: z.string().max(64),
  message: z.string().max(500),
  /** The message's own id where it could be read. */
  id: z.string().max(64).nullable().default(null),
  at: isoTime,
});
export type DroppedNotice = z.output<typeof droppedNotice>;
