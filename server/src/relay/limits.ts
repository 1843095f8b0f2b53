// Bounds of the relay. Rows of LIMITS.md.

import {
  AGENT_LEASE_MS,
  AGENT_LEASE_RENEW_MS,
  KIB,
  LIVE_ACK_INTERVAL_MS,
  MIB,
  VIEWER_LEASE_MS,
} from '@sitecast/shared/protocol/limits';

export interface RelayLimits {
  /** Distinct (camera, profile) streams, `stills` not counted. */
  maxStreams: number;
  maxStillsStreams: number;
  maxViewers: number;
  maxViewersPerStream: number;
  maxViewersPerUser: number;
  maxViewersPerAddress: number;
  /** While the server is under pressure new viewers wait; one above it is refused. */
  maxViewersWaiting: number;
  /** Let in at once when the pressure is over, and again each interval. */
  viewersLetInAtOnce: number;
  viewersLetInEveryMs: number;
  /** Init segment and newest GOP of one stream; a `stills` stream holds one frame. */
  gopCacheMaxBytes: number;
  gopCacheMaxFrames: number;
  /** Held in this process for one viewer's socket; one frame may be above it. */
  viewerMaxQueuedBytes: number;
  /** Age of the oldest frame that was sent and is neither presented nor in the player's buffer. */
  viewerMaxUnpresentedMs: number;
  /** Without progress although frames were sent: closed. */
  viewerLeaseMs: number;
  /** So many jumps within the window, and the viewer steps down. */
  jumpsBeforeStepDown: number;
  jumpWindowMs: number;
  leaseMs: number;
  leaseRenewMs: number;
  leaseRetryMs: number;
  /** A lease that could not be renewed for so long ends the stream. */
  leaseLostMs: number;
  /** The same while its agent is not connected: one that only reconnects is back by then. */
  agentOfflineMs: number;
  /** Kept after the last viewer left. */
  graceMs: number;
  tickMs: number;
  retryAfterMs: number;
}

export const RELAY_LIMITS: RelayLimits = {
  maxStreams: 5,
  maxStillsStreams: 20,
  maxViewers: 100,
  maxViewersPerStream: 50,
  maxViewersPerUser: 30,
  maxViewersPerAddress: 60,
  maxViewersWaiting: 50,
  viewersLetInAtOnce: 5,
  viewersLetInEveryMs: 1_000,
  gopCacheMaxBytes: 8 * MIB,
  gopCacheMaxFrames: 2_048,
  viewerMaxQueuedBytes: 512 * KIB,
  viewerMaxUnpresentedMs: 3_000,
  viewerLeaseMs: VIEWER_LEASE_MS,
  jumpsBeforeStepDown: 3,
  jumpWindowMs: 30_000,
  leaseMs: AGENT_LEASE_MS,
  leaseRenewMs: AGENT_LEASE_RENEW_MS,
  leaseRetryMs: 1_000,
  leaseLostMs: 30_000,
  agentOfflineMs: 12_000,
  graceMs: 5_000,
  tickMs: LIVE_ACK_INTERVAL_MS,
  retryAfterMs: 5_000,
};
