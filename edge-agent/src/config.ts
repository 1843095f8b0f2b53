// The agent's settings: one schema with its defaults. agent.example.yaml lists every key; a test compares the two.

import { availableParallelism } from 'node:os';
import { ID_PATTERN } from '@sitecast/shared/protocol/ids';
import { MAX_CAMERAS_PER_AGENT } from '@sitecast/shared/protocol/limits';
import * as z from 'zod';
import { ENCODER_SETTINGS } from './camera/encoder/video-encoders.ts';
import { isSource } from './camera/source.ts';

const MIB = 1024 * 1024;
const MAX_SENSORS = 64;
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
});

const sensor = z.strictObject({
  id,
  name: displayName.optional(),
  source: z.enum(['demo:climate', 'demo:power']),
  intervalSeconds: z.number().min(0.1).max(86_400).default(2),
});

export const agentConfigSchema = z
  .strictObject({
    site: id,
    agent: id.refine((text) => text !== 'sensors', { message: '"sensors" is a reserved name' }),
    dataDir: z.string().min(1).default('/var/lib/sitecast-agent'),
    ffmpegPath: z.string().min(1).optional(),
    uplink: z.strictObject({
      url: brokerUrl,
      mediaUrl: brokerUrl,
      secretFile: z.string().min(1).optional(),
      ca: z.string().min(1).optional(),
    }),
    cameras: z.array(camera).max(MAX_CAMERAS_PER_AGENT).default([]),
    sensors: z.array(sensor).max(MAX_SENSORS).default([]),
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
    spool: z
      .strictObject({
        maxBytes: z
          .int()
          .min(16 * MIB)
          .max(64 * 1024 * MIB)
          .default(256 * MIB),
      })
      .prefault({}),
  })
  .superRefine((config, context) => {
    for (const list of ['cameras', 'sensors'] as const) {
      for (const { index, first, id } of duplicates(config[list])) {
        context.addIssue({
          code: 'custom',
          path: [list, index, 'id'],
          message: `"${id}" is also the id of ${list}.${first}`,
        });
      }
    }
  });

export type AgentSettings = z.output<typeof agentConfigSchema>;
export type CameraSettings = AgentSettings['cameras'][number];

/** Settings with every reference followed: paths are absolute, sources and secrets are values. */
export interface AgentConfig extends AgentSettings {
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

function* duplicates(items: { id: string }[]): Generator<{ index: number; first: number; id: string }> {
  const firstIndex = new Map<string, number>();
  for (const [index, { id }] of items.entries()) {
    const first = firstIndex.get(id);
    if (first === undefined) firstIndex.set(id, index);
    else yield { index, first, id };
  }
}
