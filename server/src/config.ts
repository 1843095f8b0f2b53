// Settings of the server: environment variables in, one checked object out. `server/.env.example` lists them all.

import { resolve } from 'node:path';
import * as z from 'zod';
import { parseConfig } from '@sitecast/shared/node/load-config';
import { KIB } from '@sitecast/shared/protocol/limits';
import { BROKER_LIMITS, DEFAULT_BYTES_PER_SECOND, DEFAULT_MESSAGES_PER_SECOND } from './broker/limits.ts';
import { LATE_MAX_DAYS } from './telemetry/reading-batcher.ts';

const integer = (min: number, max: number, fallback: number): z.ZodDefault<z.ZodCoercedNumber> =>
  z.coerce.number().int().min(min).max(max).default(fallback);
/** 0 lets the system choose; the tests do. */
const port = (fallback: number): z.ZodDefault<z.ZodCoercedNumber> => integer(0, 65_535, fallback);
/** 0 keeps for ever. */
const days = (fallback: number): z.ZodDefault<z.ZodCoercedNumber> => integer(0, 36_500, fallback);
const postgresUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must start with postgres:// or postgresql://');

/** Beside the clips, where MEDIA_MAX_BYTES is not set. */
const SNAPSHOTS_BYTES = 20 * 1024 ** 3;
/** A century is for ever. */
const RETENTION_MAX_DAYS = 36_500;

/** Where MAX_VIEWERS is not less. */
const VIEWERS_PER_STREAM = 50;

/** Each pair: the first may not be kept longer than the second. */
const TIERS_KEPT = [
  ['RETENTION_RAW_DAYS', 'RETENTION_MINUTES_DAYS'],
  ['RETENTION_MINUTES_DAYS', 'RETENTION_HOURS_DAYS'],
  ['RETENTION_HOURS_DAYS', 'RETENTION_DAYS_DAYS'],
] as const;

const settings = z
  .object({
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: port(8080),
    PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
    TRUST_PROXY: z.stringbool().default(false),
    MQTT_HOST: z.string().min(1).default('127.0.0.1'),
    MQTT_PORT: port(1883),
    MEDIA_PORT: port(1884),
    MQTT_MESSAGES_PER_SECOND: integer(10, 1_000_000, DEFAULT_MESSAGES_PER_SECOND),
    // The largest packet must fit what a device may have spent before it waits.
    MQTT_BYTES_PER_SECOND: integer(256 * KIB, 2 ** 40, DEFAULT_BYTES_PER_SECOND),
    DATABASE_URL: postgresUrl,
    REDIS_URL: z
      .string()
      .regex(/^rediss?:\/\//, 'must start with redis:// or rediss://')
      .optional(),
    DATA_DIR: z.string().min(1).default('./data'),
    SESSION_SECRET: z.string().min(32).optional(),
    METRICS_TOKEN: z.string().min(16).optional(),
    SMTP_URL: z
      .string()
      .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
      .optional(),
    MAIL_FROM: z.string().min(3).max(320).optional(),
    WEBHOOK_ALLOW_PRIVATE: z.stringbool().default(false),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
    MAX_STREAMS: integer(1, 64, 5),
    MAX_STILLS_STREAMS: integer(0, 256, 20),
    MAX_VIEWERS: integer(1, 5_000, 100),
    /** 50, or all of them. */
    MAX_VIEWERS_PER_STREAM: z.coerce.number().int().min(1).max(5_000).optional(),
    MAX_VIEWERS_PER_USER: integer(1, 5_000, 30),
    MAX_VIEWERS_PER_ADDRESS: integer(1, 5_000, 60),
    MAX_DEVICES: integer(1, 10_000, 500),
    MAX_UPDATE_SOCKETS: integer(1, 1_000, 100),
    MAX_UPDATE_SOCKETS_PER_USER: integer(1, 1_000, 30),
    MAX_UPDATE_SOCKETS_PER_ADDRESS: integer(1, 1_000, 60),
    IMAGE_CONCURRENCY: integer(1, 8, 2),
    IMAGE_QUEUE_MAX: integer(1, 10_000, 500),
    MAX_UPLOADS: integer(1, 256, 16),
    CLIPS_MAX_BYTES: integer(0, 2 ** 50, 10 * 1024 ** 3),
    /** CLIPS_MAX_BYTES, and 20 GiB for snapshots. */
    MEDIA_MAX_BYTES: z.coerce
      .number()
      .int()
      .min(0)
      .max(2 ** 50)
      .optional(),
    RETENTION_SNAPSHOTS_DAYS: days(90),
    RETENTION_CLIPS_DAYS: days(90),
    RETENTION_EVENTS_DAYS: days(365),
    RETENTION_SEALS_DAYS: days(90),
    RETENTION_RAW_DAYS: integer(1, LATE_MAX_DAYS, 90),
    RETENTION_MINUTES_DAYS: integer(1, RETENTION_MAX_DAYS, 400),
    RETENTION_HOURS_DAYS: integer(1, RETENTION_MAX_DAYS, 1_100),
    RETENTION_DAYS_DAYS: integer(1, RETENTION_MAX_DAYS, 3_660),
    RETENTION_OUTAGES_DAYS: days(365),
    RETENTION_REPORTS_DAYS: days(400),
    PG_POOL_MIN: integer(0, 50, 2),
    PG_POOL_MAX: integer(4, 50, 10),
    PG_STATEMENT_TIMEOUT_MS: integer(100, 600_000, 5_000),
    WS_MAX_PAYLOAD_BYTES: integer(1_024, 16_777_216, 1_000_000),
    WS_PING_INTERVAL_MS: integer(1_000, 600_000, 25_000),
    WS_PONG_TIMEOUT_MS: integer(2_000, 1_200_000, 60_000),
    MIN_FREE_DISK_BYTES: integer(0, 2 ** 50, 1024 ** 3),
    HTTP_REQUESTS_PER_MINUTE: integer(10, 1_000_000, 1_200),
    HTTP_CONNECTIONS_PER_ADDRESS: integer(8, 10_000, 192),
    MEMORY_LIMIT_BYTES: z.coerce
      .number()
      .int()
      .min(64 * 1024 * 1024)
      .optional(),
    CPU_BASELINE_CORES: z.coerce.number().min(0).max(256).default(0.4),
  })
  .superRefine((given, context) => {
    const refuse = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (given.PG_POOL_MIN > given.PG_POOL_MAX) {
      refuse('PG_POOL_MIN', `is ${given.PG_POOL_MIN}, above PG_POOL_MAX ${given.PG_POOL_MAX}`);
    }
    const { MAX_VIEWERS: viewers, MAX_VIEWERS_PER_STREAM: ofOneStream = 1 } = given;
    if (ofOneStream > viewers) {
      refuse('MAX_VIEWERS_PER_STREAM', `is ${ofOneStream}, above MAX_VIEWERS ${viewers}`);
    }
    if (given.SMTP_URL !== undefined && given.MAIL_FROM === undefined)
      refuse('MAIL_FROM', 'is needed with SMTP_URL: who mails are from');
    if (given.WS_PONG_TIMEOUT_MS <= given.WS_PING_INTERVAL_MS) {
      refuse(
        'WS_PONG_TIMEOUT_MS',
        `is ${given.WS_PONG_TIMEOUT_MS}, not above WS_PING_INTERVAL_MS ${given.WS_PING_INTERVAL_MS}`,
      );
    }
    const { maxConnections } = BROKER_LIMITS.data;
    if (given.MAX_DEVICES > maxConnections) {
      refuse(
        'MAX_DEVICES',
        `is ${given.MAX_DEVICES}, above the ${maxConnections} data connections of the broker`,
      );
    }
    const { MEDIA_MAX_BYTES: mediaMax, CLIPS_MAX_BYTES: clipsMax } = given;
    if (mediaMax && clipsMax > mediaMax)
      refuse('CLIPS_MAX_BYTES', `is ${clipsMax}, above MEDIA_MAX_BYTES ${mediaMax}`);
    // Hours are computed again from minutes when late values come, which are taken as long as raw ones are kept.
    for (const [finer, coarser] of TIERS_KEPT) {
      if (given[finer] > given[coarser])
        refuse(finer, `is ${given[finer]}, above ${coarser} ${given[coarser]}`);
    }
    const ports = [given.PORT, given.MQTT_PORT, given.MEDIA_PORT].filter((number) => number !== 0);
    if (new Set(ports).size !== ports.length) {
      refuse('MQTT_PORT', `PORT, MQTT_PORT and MEDIA_PORT must differ, got ${ports.join(', ')}`);
    }
  });

type Settings = z.output<typeof settings>;

/** The checked settings under the names that the code uses. */
export type ServerConfig = ReturnType<typeof toConfig>;

/** Every environment variable that the server reads; a test compares them with `.env.example`. */
export const SETTING_NAMES = Object.keys(settings.shape) as (keyof Settings)[];

/**
 * An empty variable counts as absent, as `docker compose` passes those that nobody set.
 * @throws {AppError} CONFIG_INVALID listing every problem.
 */
export function readConfig(env: Record<string, string | undefined>): ServerConfig {
  return toConfig(parseConfig(settings, pick(env, SETTING_NAMES), 'the environment'));
}

/** For the verbs that only talk to the database. Throws as {@link readConfig}. */
export function readDatabaseConfig(env: Record<string, string | undefined>): ServerConfig['postgres'] {
  return readConfig({
    ...pick(env, ['DATABASE_URL', 'PG_STATEMENT_TIMEOUT_MS']),
    PG_POOL_MIN: '0',
    PG_POOL_MAX: '4',
  }).postgres;
}

/** For `limits`, which opens nothing and so needs no database. Throws as {@link readConfig}. */
export function readLimitsConfig(env: Record<string, string | undefined>): ServerConfig {
  return readConfig({ ...env, DATABASE_URL: env.DATABASE_URL ?? 'postgres://unused' });
}

function pick(env: Record<string, string | undefined>, names: readonly string[]): Record<string, string> {
  const given = names.flatMap((name) => (env[name] ? [[name, env[name]]] : []));
  return Object.fromEntries(given) as Record<string, string>;
}

function toConfig(given: Settings) {
  return {
    logLevel: given.LOG_LEVEL,
    dataDir: resolve(given.DATA_DIR),
    http: {
      host: given.HOST,
      port: given.PORT,
      publicUrl: given.PUBLIC_URL === undefined ? undefined : new URL(given.PUBLIC_URL),
      trustProxy: given.TRUST_PROXY,
      requestsPerMinute: given.HTTP_REQUESTS_PER_MINUTE,
      connectionsPerAddress: given.HTTP_CONNECTIONS_PER_ADDRESS,
      metricsToken: given.METRICS_TOKEN,
    },
    webSocket: {
      maxPayloadBytes: given.WS_MAX_PAYLOAD_BYTES,
      pingIntervalMs: given.WS_PING_INTERVAL_MS,
      pongTimeoutMs: given.WS_PONG_TIMEOUT_MS,
      maxUpdateSockets: given.MAX_UPDATE_SOCKETS,
    },
    updateShare: {
      maxPerUser: given.MAX_UPDATE_SOCKETS_PER_USER,
      maxPerAddress: given.MAX_UPDATE_SOCKETS_PER_ADDRESS,
    },
    mqtt: {
      host: given.MQTT_HOST,
      dataPort: given.MQTT_PORT,
      mediaPort: given.MEDIA_PORT,
      messagesPerSecond: given.MQTT_MESSAGES_PER_SECOND,
      bytesPerSecond: given.MQTT_BYTES_PER_SECOND,
    },
    postgres: {
      url: given.DATABASE_URL,
      min: given.PG_POOL_MIN,
      max: given.PG_POOL_MAX,
      statementTimeoutMs: given.PG_STATEMENT_TIMEOUT_MS,
    },
    redisUrl: given.REDIS_URL,
    alerts: {
      mail:
        given.SMTP_URL === undefined || given.MAIL_FROM === undefined
          ? undefined
          : { url: given.SMTP_URL, from: given.MAIL_FROM },
      allowPrivateWebhooks: given.WEBHOOK_ALLOW_PRIVATE,
    },
    sessionSecret: given.SESSION_SECRET,
    live: {
      maxStreams: given.MAX_STREAMS,
      maxStillsStreams: given.MAX_STILLS_STREAMS,
      maxViewers: given.MAX_VIEWERS,
      maxViewersPerStream: given.MAX_VIEWERS_PER_STREAM ?? Math.min(VIEWERS_PER_STREAM, given.MAX_VIEWERS),
      maxViewersPerUser: given.MAX_VIEWERS_PER_USER,
      maxViewersPerAddress: given.MAX_VIEWERS_PER_ADDRESS,
    },
    images: {
      concurrency: given.IMAGE_CONCURRENCY,
      queueMax: given.IMAGE_QUEUE_MAX,
      maxUploads: given.MAX_UPLOADS,
    },
    clips: { maxBytes: given.CLIPS_MAX_BYTES },
    media: { maxBytes: given.MEDIA_MAX_BYTES ?? given.CLIPS_MAX_BYTES + SNAPSHOTS_BYTES },
    retention: {
      snapshotsDays: given.RETENTION_SNAPSHOTS_DAYS,
      clipsDays: given.RETENTION_CLIPS_DAYS,
      eventsDays: given.RETENTION_EVENTS_DAYS,
      sealsDays: given.RETENTION_SEALS_DAYS,
      rawDays: given.RETENTION_RAW_DAYS,
      minutesDays: given.RETENTION_MINUTES_DAYS,
      hoursDays: given.RETENTION_HOURS_DAYS,
      daysDays: given.RETENTION_DAYS_DAYS,
      outagesDays: given.RETENTION_OUTAGES_DAYS,
      reportsDays: given.RETENTION_REPORTS_DAYS,
    },
    maxDevices: given.MAX_DEVICES,
    minFreeDiskBytes: given.MIN_FREE_DISK_BYTES,
    memoryLimitBytes: given.MEMORY_LIMIT_BYTES,
    cpuBaselineCores: given.CPU_BASELINE_CORES,
  };
}
