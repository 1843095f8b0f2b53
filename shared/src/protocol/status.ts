// What an agent says of itself: status (retained, Will), camera inventory (retained), health.

import * as z from 'zod';
import { publicKey } from './evidence.ts';
import { ID_PATTERN, ULID_PATTERN } from './ids.ts';
import { PROFILES } from './frame-header.ts';
import { eventKind } from './events.ts';
import { isoTime } from './json-message.ts';
import { MAX_CAMERAS_PER_AGENT } from './limits.ts';

export const agentStatus = z.object({
  state: z.enum(['online', 'offline']),
  since: isoTime,
  version: z.string().max(64),
  bootId: z.string().regex(ULID_PATTERN),
  /** Of an agent that signs (section 17). */
  publicKey: publicKey.optional(),
});
export type AgentStatus = z.output<typeof agentStatus>;

/** `connecting`, `live`, `waiting` (retries by itself), `failed` (needs somebody, or a long time), `stopped`. */
const cameraState = z.enum(['connecting', 'live', 'waiting', 'failed', 'stopped']);
export type CameraState = z.output<typeof cameraState>;

/** Why a camera is offered in fewer profiles than it could be. */
const uplinkLimit = z.enum(['uplink-slow', 'data-budget']);
export type UplinkLimit = z.output<typeof uplinkLimit>;

export const cameraReport = z.object({
  id: z.string().regex(ID_PATTERN),
  name: z.string().min(1).max(120),
  state: cameraState,
  /** Code such as SOURCE_UNREACHABLE; null while live. */
  reason: z.string().max(64).nullable(),
  /** A sentence for a person; never with credentials. */
  detail: z.string().max(500).nullable().default(null),
  since: isoTime,
  /** RFC 6381, such as avc1.64001f; null until the first init segment. */
  codec: z.string().max(64).nullable(),
  width: z.int().min(0).max(16384).nullable(),
  height: z.int().min(0).max(16384).nullable(),
  fps: z.number().min(0).max(1000).nullable(),
  profiles: z.array(z.enum(PROFILES)).max(PROFILES.length),
  /** Those of them that the gateway encodes while somebody watches; the camera's own video is passed through as the others. */
  encoded: z.array(z.enum(PROFILES)).max(PROFILES.length).optional(),
  /** Absent where `profiles` are all that there are. */
  limitedBy: uplinkLimit.optional(),
});
export type CameraReport = z.output<typeof cameraReport>;

export const cameraInventory = z.object({
  cameras: z
    .array(cameraReport)
    .max(MAX_CAMERAS_PER_AGENT)
    .refine(namesEachOnce, { error: 'a camera id stands in the list twice' }),
});
export type CameraInventory = z.output<typeof cameraInventory>;

function namesEachOnce(cameras: { id: string }[]): boolean {
  return new Set(cameras.map(({ id }) => id)).size === cameras.length;
}

/** At one camera. */
const MAX_CONDITIONS = 16;
/** Of one agent. */
const MAX_RULES = 64;

const count = z.number().int().min(0);

const siteBrokerHealth = z.object({
  isListening: z.boolean(),
  connections: count,
  connectionsRefused: count,
  /** By another one of the same user and client id. */
  connectionsReplaced: count,
  loginsRefused: count,
  packetsTooLarge: count,
  /** Begun and not ended in time. */
  packetsTooSlow: count.default(0),
  /** Messages whose readings are in the spool. */
  messagesAccepted: count,
  /** Known to hold no reading. */
  messagesIgnored: count,
  /** Without a reading, or without room for one; `unmapped` shows some. */
  messagesUnmapped: count,
  /** Not acknowledged: the spool refused. */
  messagesFailed: count,
  /** Beside readings that were taken: texts, for instance. */
  valuesLeftOut: count,
  sensors: count,
  series: count,
  seriesRefused: count,
  /** Most frequent first; the last message of each. */
  unmapped: z
    .array(
      z.object({
        topic: z.string().max(200),
        count,
        reason: z.string().max(200),
        /** Its beginning. */
        payload: z.string().max(200),
      }),
    )
    .max(16),
});

/** Two captures and three encoded profiles for each camera. */
const MAX_PROCESSES_IN_HEALTH = 5 * MAX_CAMERAS_PER_AGENT;

const encoderHealth = z.object({
  /** Such as h264_vaapi or libx264; null while it is being found out. */
  chosen: z.string().max(64).nullable(),
  /** What was tried before, and why it was not taken. */
  rejected: z.array(z.object({ encoder: z.string().max(64), reason: z.string().max(300) })).max(16),
  running: count,
  maxProcesses: count,
  leasesRefused: count,
  restarts: count,
  /** Held more memory than one may. */
  recycled: count,
  fragmentsDropped: count,
});

const spoolLane = z.object({
  lane: z.string().max(32),
  bytes: count,
  maxBytes: count,
  messages: count,
  messagesDropped: count,
});

const clipHealth = z.object({
  /** Being recorded. */
  recording: count,
  /** On the gateway, and their bytes; what is being recorded counts with all that it may have. */
  stored: count,
  bytes: count,
  quotaBytes: count,
  /** Asked for, and not all sent. */
  waitingForUpload: count,
  /** Since the start of the agent. */
  recorded: count,
  uploaded: count,
  /** Removed to make room. */
  dropped: count,
  /** Not begun: too many at once, no picture, no encoder, no disk. */
  refused: count,
  /** Begun, and nothing of it could be kept. */
  failed: count,
  /** Left unfinished by a kill or a power cut, and finished at the next start. */
  repaired: count,
  /** Uploads that the server did not take. */
  uploadsRefused: count,
});

const clockHealth = z.object({
  /** How far the clock of the gateway is ahead of the server's; null until measured. Half of the round trip is the doubt. */
  skewMs: z.int().nullable(),
  roundTripMs: count.nullable(),
  /** How often it was set since the start. */
  steps: count,
  lastStep: z.object({ at: isoTime, byMs: z.int() }).nullable(),
  /** Spooled before it was set, sent after. */
  messagesAcrossStep: count,
});

/** What live pictures may take of the uplink at most. */
const rungHealth = z.object({
  /** 0 is the best. */
  level: count,
  /** The most demanding profile that the uplink carries. */
  profile: z.enum(PROFILES),
  /** Of `low`. */
  maxBitsPerSecond: count,
  /** Of `low`; null: as many as the camera gives. */
  maxFps: z.number().min(0).nullable(),
  since: isoTime,
  stepsDown: count,
  stepsUp: count,
});

/** The volume of the line in a month, both ways together. */
const budgetHealth = z.object({
  budgetBytes: count,
  usedBytes: count,
  /** At the end of the month, when it goes on as in the last days. */
  forecastBytes: count,
  /** What still goes: all, `low` at most, stills at most, nothing but events. */
  stage: z.enum(['all', 'low', 'stills', 'events']),
  from: isoTime,
  until: isoTime,
});

/** The last time that the agent read its configuration again. */
const reloadHealth = z.object({
  at: isoTime,
  /** What is wrong with it; null when it was taken. */
  refused: z.string().max(500).nullable(),
  /** Keys of settings that are other ones in the file, and as before in the agent until it starts anew. */
  needRestart: z.array(z.string().max(128)).max(64),
});

export const agentHealth = z.object({
  at: isoTime,
  cpu: z.object({ cores: z.number().min(0), loadPercent: z.number().min(0) }),
  memory: z.object({ rssBytes: count, totalBytes: count, freeBytes: count }),
  disk: z.object({ totalBytes: count, freeBytes: count }),
  spool: z.object({
    bytes: count,
    maxBytes: count,
    messages: count,
    messagesDropped: count,
    corruptTails: count,
    /** What acknowledgements of the backlog showed; null until there were any. */
    replayBytesPerSecond: count.nullable().default(null),
    /** Whether the disk takes what is written; `since` and `detail` where it does not. */
    disk: z
      .object({
        state: z.enum(['ok', 'full', 'read-only', 'failing']),
        since: isoTime.nullable(),
        detail: z.string().max(300).nullable(),
      })
      .default({ state: 'ok', since: null, detail: null }),
    /** Most important first. */
    lanes: z.array(spoolLane).max(16).default([]),
  }),
  clock: clockHealth.default({
    skewMs: null,
    roundTripMs: null,
    steps: 0,
    lastStep: null,
    messagesAcrossStep: 0,
  }),
  uplink: z.object({
    connects: count,
    inFlight: count,
    acked: count,
    liveBytesSent: count,
    liveFramesDropped: count,
    /** Messages above a limit of the wire or the queue, never sent. */
    messagesRefused: count.default(0),
    /** Messages that the server acknowledged and dropped, as it told. */
    noticesReceived: count.default(0),
    /** What the last second's acknowledgements showed. */
    ackedBytesPerSecond: count.default(0),
    /** From a message to its PUBACK, the shortest of the last second that had any; null until then. */
    roundTripMs: count.nullable().default(null),
    /** From a live frame to its acknowledgement; the server waits up to 200 ms with that. */
    liveRoundTripMs: count.nullable().default(null),
    rung: rungHealth.nullable().default(null),
    /** null: the volume is not limited. */
    budget: budgetHealth.nullable().default(null),
  }),
  cameras: z
    .array(
      z.object({
        id: z.string().regex(ID_PATTERN),
        restarts: count,
        accessUnits: count,
        keyframes: count,
        snapshots: count,
        ringBytes: count,
        /** Resident bytes of the capture process. */
        processRssBytes: count,
        /** Keyframes that were looked at for motion and the like, and those left out because one was at work. */
        picturesLooked: count.default(0),
        picturesSkipped: count.default(0),
        /** Kinds of events that go on: motion, dark, ... */
        conditions: z.array(eventKind).max(MAX_CONDITIONS).default([]),
      }),
    )
    .max(MAX_CAMERAS_PER_AGENT),
  /** Every ffmpeg of the agent. */
  processes: z
    .array(
      z.object({
        camera: z.string().regex(ID_PATTERN),
        /** What it is for; null for the capture that runs all the time. */
        profile: z.enum(PROFILES).nullable(),
        /** Such as libx264; null for a capture, of the second stream too. */
        encoder: z.string().max(64).nullable(),
        /** Of one core, since the health before. */
        cpuPercent: z.number().min(0),
        rssBytes: count,
      }),
    )
    .max(MAX_PROCESSES_IN_HEALTH)
    .default([]),
  encoders: encoderHealth.nullable().default(null),
  rules: z
    .array(
      z.object({
        id: z.string().regex(ID_PATTERN),
        state: z.enum(['ok', 'pending', 'firing']),
        fired: count,
        /** Not fired: it had just done so, or too much waited. */
        heldBack: count,
        firedAt: isoTime.nullable(),
      }),
    )
    .max(MAX_RULES)
    .default([]),
  /** Absent where no clips are recorded. */
  clips: clipHealth.optional(),
  /** The broker for sensors of the site; absent where there is none. */
  siteBroker: siteBrokerHealth.optional(),
  /** null: since the start it was not asked to. */
  reload: reloadHealth.nullable().default(null),
});
export type AgentHealth = z.output<typeof agentHealth>;
