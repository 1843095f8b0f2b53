// The agent's settings: one schema with its defaults. agent.example.yaml lists every key; a test compares the two.

import { availableParallelism } from 'node:os';
import { ID_PATTERN } from '@sitecast/shared/protocol/ids';
import { MAX_CAMERAS_PER_AGENT } from '@sitecast/shared/protocol/limits';
import { mappingRulesSettings, topicPatternSettings } from '@sitecast/shared/protocol/mapping/rule-settings';
import * as z from 'zod';
import { ENCODER_SETTINGS } from './camera/encoder/video-encoders.ts';
import { clipSettings } from './clips/clip-settings.ts';
import { isSource } from './camera/source.ts';
import { crossProblems, given } from './config-cross-checks.ts';
import { MAX_RULES, ruleSettings } from './rules/rule.ts';
import { FULL_POLICIES, LANE_MIN_BYTES, laneLimits, LANES, type Lane } from './uplink/lanes.ts';
import type { SiteCredential } from './sensors/site-login.ts';

const KIB = 1024;
const MIB = 1024 * 1024;
const MAX_SPOOL_BYTES = 64 * 1024 * MIB;
const MAX_SENSORS = 64;
const MAX_ZONES = 16;
const MAX_SITE_CREDENTIALS = 256;
const MAX_TOPICS_PER_USER = 16;
const MAX_ENCODERS = 64;

const id = z
  .string()
  .regex(ID_PATTERN, 'must be 1 to 63 lower-case letters, digits and hyphens, not starting with a hyphen');
const displayName = z.string().min(1).max(120);

// Messages never carry the value: it may hold a password.
const brokerUrl = z.string().refine(isBrokerUrl, {
  message: 'must be mqtt://HOST:PORT or mqtts://HOST:PORT, without user, password or path',
});
const cameraSource = z.string().refine(isCameraSource, {
  message:
    'must be rtsp://..., rtsps://..., file:PATH, demo:NAME or env:VARIABLE; the characters / ? # of a password are written %2F %3F %23',
});

const fraction = z.number().min(0).max(1);
/** In fractions of the picture, from its left upper corner. */
const area = z
  .strictObject({ x: fraction, y: fraction, width: fraction.positive(), height: fraction.positive() })
  .refine(({ x, y, width, height }) => x + width <= 1 && y + height <= 1, {
    message: 'must lie within the picture: x + width and y + height are at most 1',
    ...given({ x: fraction, y: fraction, width: fraction, height: fraction }),
  });

const motion = z.strictObject({
  sensitivity: z.enum(['low', 'medium', 'high']).default('medium'),
  /** Everywhere when empty. */
  zones: z.array(area).max(MAX_ZONES).default([]),
  /** Without motion for so long, an event ends. */
  quietSeconds: z.int().min(1).max(600).default(10),
});

const camera = z.strictObject({
  id,
  /** Shown to people; the id when absent. */
  name: displayName.optional(),
  source: cameraSource,
  /** A second, smaller stream of the camera, read while `low` is watched. */
  subStream: cameraSource.optional(),
  /** How RTSP carries the video; `auto` tries TCP first, then UDP when the camera refuses TCP. */
  transport: z.enum(['auto', 'tcp', 'udp']).default('auto'),
  /** 0: no snapshots by interval. */
  snapshotIntervalSeconds: z.int().min(0).max(86_400).default(60),
  /** Nobody sees these parts. */
  masks: z.array(area).max(MAX_ZONES).default([]),
  /** Absent: motion is not looked for. */
  motion: motion.optional(),
  /** The same picture for so long is an event; 0: never. */
  frozenAfterSeconds: z.int().min(0).max(86_400).default(60),
  /** Dark, covered, out of focus and turned away are events. */
  tampering: z.boolean().default(true),
});

const sensor = z.strictObject({
  id,
  name: displayName.optional(),
  source: z.enum(['demo:climate', 'demo:power']),
  intervalSeconds: z.number().min(0.1).max(86_400).default(2),
});

export const siteCredential = z.strictObject({
  user: z.string().regex(/^[^\p{Cc}\p{Cs}:]{1,64}$/u, 'must be 1 to 64 characters without a colon'),
  password: z.string().min(1).max(128),
  /** All when absent. */
  topics: z.array(topicPatternSettings).min(1).max(MAX_TOPICS_PER_USER).optional(),
});

const siteBroker = z
  .strictObject({
    listen: z.string().min(1).default('0.0.0.0'),
    port: z.int().min(1).max(65_535).default(1883),
    credentials: z.array(siteCredential).max(MAX_SITE_CREDENTIALS).default([]),
    credentialsFile: z.string().min(1).optional(),
    anonymous: z.boolean().default(false),
    maxConnections: z.int().min(1).max(512).default(64),
    maxPacketBytes: z
      .int()
      .min(64 * KIB)
      .max(4 * MIB)
      .default(1 * MIB),
    maxSensors: z.int().min(1).max(1_000).default(64),
    maxSeries: z.int().min(1).max(10_000).default(200),
    /** All ready rules when absent. */
    rules: mappingRulesSettings.optional(),
  })
  .superRefine(
    ({ credentials, credentialsFile, anonymous }, context) => {
      const hasUsers = credentials.length > 0 || credentialsFile !== undefined;
      if (hasUsers !== anonymous) return;
      const message = anonymous
        ? 'cannot be true beside "credentials" or "credentialsFile"'
        : 'must be true, unless there are "credentials" or a "credentialsFile"';
      context.addIssue({ code: 'custom', path: ['anonymous'], message });
    },
    given({ credentials: z.array(z.unknown()), anonymous: z.boolean() }),
  )
  .superRefine(
    ({ credentials }, context) => {
      const users = credentials.map(({ user }) => user);
      const again = users.findIndex((user, index) => users.indexOf(user) !== index);
      if (again < 0) return;
      context.addIssue({ code: 'custom', path: ['credentials', again, 'user'], message: 'is there twice' });
    },
    given({ credentials: z.array(z.object({ user: z.string() })) }),
  );

const spoolBytes = z
  .int()
  .min(16 * MIB)
  .max(MAX_SPOOL_BYTES);
const laneBytes = z.int().min(LANE_MIN_BYTES).max(MAX_SPOOL_BYTES).optional();
const spoolLane = z
  .strictObject({
    maxBytes: laneBytes,
    whenFull: z.enum(FULL_POLICIES),
  })
  .optional();

function eachLane<T>(settings: T): Record<Lane, T> {
  return {
    alarms: settings,
    events: settings,
    telemetry: settings,
    snapshots: settings,
    clips: settings,
  };
}

const spool = z
  .strictObject({
    maxBytes: spoolBytes.default(256 * MIB),
    lanes: z.strictObject(eachLane(spoolLane)).prefault({}),
    replayPercent: z.int().min(5).max(100).default(50),
  })
  .superRefine(
    ({ maxBytes, lanes }, context) => {
      const limits = laneLimits(maxBytes, lanes);
      const sum = LANES.reduce((total, lane) => total + limits[lane].maxBytes, 0);
      const starved = LANES.find((lane) => limits[lane].maxBytes < LANE_MIN_BYTES);
      if (sum <= maxBytes && starved === undefined) return;
      const problem =
        starved === undefined
          ? `together have ${sum} bytes, more than spool.maxBytes, ${maxBytes}`
          : `leave ${limits[starved].maxBytes} of the ${maxBytes} bytes of spool.maxBytes to "${starved}", which needs ${LANE_MIN_BYTES}`;
      context.addIssue({ code: 'custom', path: ['lanes'], message: problem });
    },
    given({ maxBytes: spoolBytes, lanes: z.object(eachLane(z.object({ maxBytes: laneBytes }).optional())) }),
  )
  .transform(({ maxBytes, lanes, replayPercent }) => ({
    maxBytes,
    lanes: laneLimits(maxBytes, lanes),
    replayPercent,
  }));

const budget = z.strictObject({
  gigabytesPerMonth: z.number().min(0.1).max(1_000_000),
  /** Every month has it. */
  resetDay: z.int().min(1).max(28).default(1),
});

export const agentConfigSchema = z
  .strictObject({
    site: id,
    agent: id.refine((text) => text !== 'sensors', { message: '"sensors" is a reserved name' }),
    dataDir: z.string().min(1).default('/var/lib/sitecast-agent'),
    ffmpegPath: z.string().min(1).optional(),
    /** Snapshots and readings are signed with a key of the gateway. */
    signing: z.boolean().default(false),
    uplink: z.strictObject({
      url: brokerUrl,
      mediaUrl: brokerUrl,
      secretFile: z.string().min(1).optional(),
      ca: z.string().min(1).optional(),
      /** Absent: the volume of the line is not limited. */
      budget: budget.optional(),
    }),
    cameras: z.array(camera).max(MAX_CAMERAS_PER_AGENT).default([]),
    sensors: z.array(sensor).max(MAX_SENSORS).default([]),
    rules: z.array(ruleSettings).max(MAX_RULES).default([]),
    clips: clipSettings.optional(),
    siteBroker: siteBroker.optional(),
    encoder: z.enum(ENCODER_SETTINGS).default('auto'),
    encoders: z
      .strictObject({
        maxProcesses: z
          .int()
          .min(1)
          .max(MAX_ENCODERS)
          .default(() => Math.max(1, availableParallelism() - 1)),
        maxRssBytes: z
          .int()
          .min(64 * MIB)
          .max(8 * 1024 * MIB)
          .default(512 * MIB),
      })
      .prefault({}),
    spool: spool.prefault({}),
  })
  .superRefine(
    (config, context) => {
      for (const { path, message } of crossProblems(config))
        context.addIssue({ code: 'custom', path, message });
    },
    { when: () => true },
  );

export type AgentSettings = z.output<typeof agentConfigSchema>;
export type CameraSettings = AgentSettings['cameras'][number];

type SiteBrokerSettings = NonNullable<AgentSettings['siteBroker']>;

/** With the users of the file among `credentials`. */
export type SiteBrokerConfig = Omit<SiteBrokerSettings, 'credentialsFile' | 'credentials'> & {
  credentials: SiteCredential[];
};

/** Settings with every reference followed: paths are absolute, sources and secrets are values. */
export interface AgentConfig extends Omit<AgentSettings, 'siteBroker'> {
  siteBroker: SiteBrokerConfig | undefined;
  secret: string;
  /** PEM, or undefined for the system's authorities. */
  caPem: string | undefined;
}

function isBrokerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, pathname, search } = new URL(text);
  const isPlain = username === '' && password === '' && search === '' && ['', '/'].includes(pathname);
  return (protocol === 'mqtt:' || protocol === 'mqtts:') && hostname !== '' && isPlain;
}

function isCameraSource(text: string): boolean {
  if (text.startsWith('env:')) return /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(text);
  if (text.startsWith('demo:')) return ID_PATTERN.test(text.slice('demo:'.length));
  return isSource(text);
}
