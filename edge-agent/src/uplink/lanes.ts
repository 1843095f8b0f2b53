// The lanes of the spool: what goes first, how much of the disk each may have, and what happens when it has that.

import {
  MAX_CLIP_CHUNK_MESSAGE_BYTES,
  MAX_JSON_MESSAGE_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
  MAX_TELEMETRY_PAYLOAD_BYTES,
  MIB,
} from '@sitecast/shared/protocol/limits';

/** Most important first: sent in this order. */
export const LANES = ['alarms', 'events', 'telemetry', 'snapshots', 'clips'] as const;
export type Lane = (typeof LANES)[number];

/** `drop-oldest` makes room, a segment at a time; `reject-new` refuses what is put. */
export const FULL_POLICIES = ['drop-oldest', 'reject-new'] as const;
export type FullPolicy = (typeof FULL_POLICIES)[number];

export interface LaneLimit {
  maxBytes: number;
  whenFull: FullPolicy;
}
export type LaneLimits = Record<Lane, LaneLimit>;

/** As it is configured: a lane that is named says what happens when it is full. */
export type LaneSettings = Partial<Record<Lane, { maxBytes?: number | undefined; whenFull: FullPolicy }>>;

/** A lane holds the largest message at least. */
export const LANE_MIN_BYTES = 1 * MIB;

/** Sixteenths of `spool.maxBytes`. */
const SHARES: Record<Lane, number> = { alarms: 1, events: 1, telemetry: 7, snapshots: 6, clips: 1 };

export const MAX_PAYLOAD_BYTES: Record<Lane, number> = {
  alarms: MAX_JSON_MESSAGE_BYTES,
  events: MAX_JSON_MESSAGE_BYTES,
  telemetry: MAX_TELEMETRY_PAYLOAD_BYTES,
  snapshots: MAX_SNAPSHOT_ENVELOPE_BYTES,
  clips: MAX_CLIP_CHUNK_MESSAGE_BYTES,
};

/** Lanes without a cap of their own share what the others leave of `maxBytes`; a lane that is not named drops its oldest. */
export function laneLimits(maxBytes: number, settings: LaneSettings = {}): LaneLimits {
  const isCapped = (lane: Lane): boolean => settings[lane]?.maxBytes !== undefined;
  const capped = LANES.filter(isCapped).reduce((sum, lane) => sum + (settings[lane]?.maxBytes ?? 0), 0);
  const shares = LANES.filter((lane) => !isCapped(lane)).reduce((sum, lane) => sum + SHARES[lane], 0);
  const limitOf = (lane: Lane): LaneLimit => ({
    maxBytes: settings[lane]?.maxBytes ?? Math.floor(((maxBytes - capped) * SHARES[lane]) / shares),
    whenFull: settings[lane]?.whenFull ?? 'drop-oldest',
  });
  return {
    alarms: limitOf('alarms'),
    events: limitOf('events'),
    telemetry: limitOf('telemetry'),
    snapshots: limitOf('snapshots'),
    clips: limitOf('clips'),
  };
}
