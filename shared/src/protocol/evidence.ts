// What an agent signs, byte by byte (PROTOCOL.md, "Evidence"): each snapshot, and seals, which name everything that it spooled.

import * as z from 'zod';
import { ID_PATTERN, METRIC_PATTERN, ULID_PATTERN } from './ids.ts';
import { isoTime } from './json-message.ts';
import type { SnapshotHeader } from './snapshot-envelope.ts';
import type { AgentAddress } from './topics.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** The 32 bytes of an ed25519 key (RFC 8032), base64url. */
export const publicKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** `ed25519:`, the first 16 hex digits of the SHA-256 of the public key, `:`, the signature in base64url. */
export const SIGNATURE_PATTERN = /^ed25519:([0-9a-f]{16}):([A-Za-z0-9_-]{86})$/;
/** Of a seal as a whole, as it is sent. */
export const MAX_SEAL_BODY_CHARACTERS = 60_000;

/** `[sensor, metric, [ms since 1970, value, ms since the one before, value, ...]]`. */
const sealedSeries = z.tuple([
  z.string().regex(ID_PATTERN),
  z.string().regex(METRIC_PATTERN),
  z.array(z.number()).min(2),
]);
/** `[camera, id of the snapshot, SHA-256 of what was signed of it]`. */
const sealedSnapshot = z.tuple([z.string().regex(ID_PATTERN), z.string().regex(ULID_PATTERN), sha256]);

export const sealBody = z.object({
  /** ULID: made when the agent has no memory of an earlier seal. */
  chain: z.string().regex(ULID_PATTERN),
  /** 1, 2, 3, ... within the chain. */
  sequence: z.int().min(1),
  /** SHA-256 of what was signed of the seal before; null for the first of a chain. */
  previousSha256: sha256.nullable(),
  at: isoTime,
  /** Set after an end without notice: what was spooled between then and `at` may be in no seal. */
  unsealedFrom: isoTime.nullable(),
  readings: z.array(sealedSeries),
  snapshots: z.array(sealedSnapshot),
  /** What the agent had to give up (PR-48). */
  gaps: z.array(z.object({ lane: z.string().max(32), from: isoTime, to: isoTime, count: z.int().min(1) })),
});
export type SealBody = z.output<typeof sealBody>;

export const sealMessage = z.object({
  /** JSON of a `SealBody`. A text, so that what was signed is kept as it was. */
  body: z.string().max(MAX_SEAL_BODY_CHARACTERS),
  signature: z.string().regex(SIGNATURE_PATTERN),
});
export type SealMessage = z.output<typeof sealMessage>;

/** What is signed of a snapshot. Its `sha256` stands for the picture; the thumbnail is not signed. */
export function snapshotText(
  { site, agent }: AgentAddress,
  header: Omit<SnapshotHeader, 'signature' | 'thumbnail'>,
): string {
  const { camera, id, capturedAt, reason, type, width, height, bytes, maskVersion } = header;
  const lines = [
    'sitecast-snapshot-1',
    site,
    agent,
    camera,
    id,
    new Date(capturedAt).toISOString(),
    reason,
    type,
    `${width}x${height}`,
    bytes,
    header.sha256,
    maskVersion,
    header.previousSha256 ?? '-',
  ];
  return `${lines.join('\n')}\n`;
}

/** What is signed of a seal. @param body as it was sent. */
export function sealText({ site, agent }: AgentAddress, body: string): string {
  return `sitecast-seal-1\n${site}\n${agent}\n${body}`;
}

export interface SealedReading {
  sensor: string;
  metric: string;
  tsMs: number;
  value: number;
}

/** In the order in which they were sealed; a series stands together. */
export function sealReadings(readings: readonly SealedReading[]): SealBody['readings'] {
  const series = new Map<string, { entry: SealBody['readings'][number]; lastMs: number }>();
  for (const { sensor, metric, tsMs, value } of readings) {
    const key = `${sensor} ${metric}`;
    const known = series.get(key);
    if (known) known.entry[2].push(tsMs - known.lastMs, value);
    series.set(key, { entry: known?.entry ?? [sensor, metric, [tsMs, value]], lastMs: tsMs });
  }
  return [...series.values()].map(({ entry }) => entry);
}

export function readingsInSeal({ readings }: Pick<SealBody, 'readings'>): SealedReading[] {
  return readings.flatMap(([sensor, metric, numbers]) => {
    let tsMs = 0;
    return Array.from({ length: Math.floor(numbers.length / 2) }, (_, n): SealedReading => {
      tsMs += numbers[2 * n] ?? 0;
      return { sensor, metric, tsMs, value: numbers[2 * n + 1] ?? 0 };
    });
  });
}
