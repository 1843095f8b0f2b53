// What the server sends to browsers is a type without a codec, so that the page carries no schema library. These schemas
// are for the samples; the compiler refuses them when they differ from the types, in either direction.

import * as z from 'zod';
import { WIRE_ERRORS, type WireErrorCode } from '../../src/protocol/errors.ts';
import { PROFILES } from '../../src/protocol/frame-header.ts';
import { isoTime } from '../../src/protocol/json-message.ts';
import { agentStatus, cameraReport } from '../../src/protocol/status.ts';
import type { LiveMessage, UpdateMessage } from '../../src/protocol/viewer-messages.ts';

export const liveMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('ready'),
    stream: z.string(),
    profile: z.enum(PROFILES),
    container: z.enum(['fmp4', 'mpegts', 'jpeg']),
    mime: z.string(),
    width: z.int(),
    height: z.int(),
  }),
  z.strictObject({ type: z.literal('waiting'), place: z.int().min(1) }),
  z.strictObject({
    type: z.literal('dropped'),
    frames: z.int().min(1),
    reason: z.enum(['viewer-slow', 'uplink-slow']),
  }),
  z.strictObject({
    type: z.literal('profile'),
    profile: z.enum(PROFILES),
    reason: z.enum(['viewer-slow', 'server-busy', 'uplink-slow', 'data-budget']),
  }),
  z.strictObject({
    type: z.literal('error'),
    code: z.enum(Object.keys(WIRE_ERRORS) as [WireErrorCode]),
    message: z.string(),
    messageKo: z.string(),
    limit: z.int().optional(),
    active: z.int().optional(),
    retryAfterMs: z.int().optional(),
  }),
  z.strictObject({ type: z.literal('ended'), reason: z.string() }),
]);

export const updateMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('agent'),
    site: z.string(),
    id: z.string(),
    status: agentStatus.strict(),
  }),
  z.strictObject({
    type: z.literal('camera'),
    site: z.string(),
    id: z.string(),
    agent: z.string(),
    report: cameraReport.strict(),
  }),
  z.strictObject({
    type: z.literal('removed'),
    kind: z.enum(['agent', 'camera']),
    site: z.string(),
    id: z.string(),
  }),
  z.strictObject({
    type: z.literal('snapshot'),
    site: z.string(),
    camera: z.string(),
    id: z.string(),
    capturedAt: isoTime,
    reason: z.string(),
  }),
  z.strictObject({
    type: z.literal('event'),
    site: z.string(),
    camera: z.string().nullable(),
    id: z.string(),
    kind: z.string(),
    at: isoTime,
    until: isoTime.nullable(),
  }),
  z.strictObject({
    type: z.literal('alert'),
    site: z.string().nullable(),
    id: z.string(),
    state: z.enum(['firing', 'resolved']),
  }),
  z.strictObject({
    type: z.literal('readings'),
    values: z.array(
      z.strictObject({
        site: z.string(),
        sensor: z.string(),
        metric: z.string(),
        unit: z.string().nullable(),
        label: z.string().nullable(),
        ts: isoTime,
        value: z.number(),
      }),
    ),
  }),
  z.strictObject({ type: z.literal('system'), system: z.record(z.string(), z.unknown()) }),
]);

type Same<A, B> = [A, B] extends [B, A] ? true : false;
const isSame = <_Check extends true>(): void => undefined;
isSame<Same<z.output<typeof liveMessage>, LiveMessage>>();
isSame<Same<z.output<typeof updateMessage>, UpdateMessage>>();
