// What the relay needs from the rest of the server: a way to the agents, and one browser's socket.

import type { Address } from '@sitecast/shared/protocol/ids';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { LeaseResult, LiveAck } from '@sitecast/shared/protocol/commands';

/** Reaches the agent of a camera, wherever it is. */
export interface AgentPort {
  /**
   * Starts or renews a lease.
   * @throws {AppError} AGENT_OFFLINE, CAMERA_OFFLINE, PROFILE_UNSUPPORTED, ENCODER_LIMIT, ENCODER_FAILED, COMMAND_TIMEOUT.
   */
  lease(camera: Address, profile: Profile, ttlMs: number): Promise<LeaseResult>;
  /** Best effort: a lease that is not renewed ends by itself. */
  release(camera: Address, profile: Profile): void;
  /** Best effort; the next one says it again. */
  ack(camera: Address, ack: LiveAck): void;
}

/** One browser. No method throws, also when the socket is gone. */
export interface ViewerSocket {
  sendText(text: string): void;
  /** Writes one WebSocket message that `ws-frame.ts` built; the buffer is shared between viewers and never changed. */
  sendFrame(prebuilt: Buffer): void;
  /** Bytes that this process still holds for the socket. */
  queuedBytes(): number;
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface JoinRequest {
  camera: Address;
  profile: Profile;
  /** RFC 6381 strings that the browser plays; empty when it cannot say. */
  codecs: readonly string[];
  userId: string;
  /** Of the browser, as far as it is known. */
  address: string;
  socket: ViewerSocket;
  /** Aborts when the socket has closed: a viewer that leaves while its agent is being asked gives its place back at once. */
  closed?: AbortSignal;
}

/** The route's grip on one viewer. */
export interface ViewerHandle {
  /** A text message of the browser after its `subscribe`. Nothing that it holds makes this throw. */
  onMessage(text: string): void;
  /** The socket has closed. Idempotent. */
  onClose(): void;
}

export interface StreamSnapshot {
  /** `site/camera`. */
  camera: string;
  profile: Profile;
  viewers: number;
  bytesPerSecond: number;
}

export interface RelayCounters {
  framesAccepted: number;
  bytesAccepted: number;
  /** For a stream that nobody watches (any more). */
  framesUnwanted: number;
  /** Before an init segment or keyframe, after a gap, or of a kind that the profile does not have. */
  framesUndecodable: number;
  gopsOverflowed: number;
  framesSent: number;
  bytesSent: number;
  /** Not sent to a slow viewer. */
  framesDropped: number;
  viewersSteppedDown: number;
  viewersStalled: number;
  /** Because the server was under pressure, not because they were slow. */
  viewersSteppedDownByPressure: number;
  /** Because their site's uplink does not carry more, or its volume is nearly used up. */
  viewersSteppedDownByUplink: number;
  joinsRefused: number;
  /** Of them, those of a user or an address that had its share. */
  joinsRefusedOfOwn: number;
  leasesLost: number;
}

export interface RelaySnapshot {
  /** Slots for streams other than `stills`, and how many are taken. */
  max: number;
  active: StreamSnapshot[];
  slotsTaken: number;
  maxStills: number;
  viewers: number;
  maxViewers: number;
  /** In line, to be let in when the pressure is over. */
  viewersWaiting: number;
  cachedBytes: number;
  /** Held for the sockets of viewers. */
  queuedBytes: number;
  counters: RelayCounters;
}
