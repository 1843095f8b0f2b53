// Who speaks to the broker, what it says, and what the rest of the server does with it.

import type { ParsedTopic } from '@sitecast/shared/protocol/topics';

export interface DeviceIdentity {
  kind: 'agent' | 'sensor';
  site: string;
  id: string;
  /** What an admin gave a foreign sensor; `topics` are those that it may publish to, and below, beside its own. */
  mapping?: { topics?: string[] | undefined };
}

export interface DeviceMessage {
  from: DeviceIdentity;
  topic: ParsedTopic;
  payload: Buffer;
  receivedAtMs: number;
}

export type LiveTopic = Extract<ParsedTopic, { kind: 'live' }>;

export interface DeviceHandlers {
  /** Synchronous, in order of arrival; `bytes` belong to the callee. An AppError that it throws is told to the device. */
  onLiveFrame(from: DeviceIdentity, topic: LiveTopic, bytes: Buffer): void;
  /**
   * Called in order of arrival, without waiting for the one before. Resolves when the message is durable: only then does
   * the PUBACK leave. Rejecting with an AppError that is not retryable drops the message and tells the device; rejecting
   * with anything else closes the connection without PUBACK, so that the device sends it again.
   */
  onMessage(message: DeviceMessage): Promise<void>;
  /** A device published to a topic that is not its own; nothing else becomes of it. */
  onForbidden?(from: DeviceIdentity, publication: { topic: string; payload: Buffer }): void;
}

/** @returns undefined when there is no such device or the secret is wrong; rejects when that cannot be known now. */
export type Authenticate = (username: string, secret: string) => Promise<DeviceIdentity | undefined>;

/** A device on the data listener came or went. Replaced connections are not reported as gone. */
export interface ConnectionChange {
  device: DeviceIdentity;
  isOnline: boolean;
  atMs: number;
}

export interface DeviceBrokerCounters {
  connectionsAccepted: number;
  connectionsRefused: number;
  loginsRefused: number;
  connectionsReplaced: number;
  packetsTooLarge: number;
  packetsTooSlow: number;
  messagesAccepted: number;
  /** Acknowledged and thrown away: the device's own fault. */
  messagesDropped: number;
  /** Not acknowledged: ours. */
  messagesFailed: number;
  liveFrames: number;
  subscriptionsRefused: number;
  /** Connections that were not read for a while, for want of room. */
  readsHeldUp: number;
  /** The same, because the device held all that it may. */
  readsHeldUpOfDevice: number;
  /** The same, because the device sent faster than it may. */
  readsHeldUpByRate: number;
  /** Of messages that were dropped: a device that sends nothing else is told of few. */
  noticesDropped: number;
  /** To a device whose socket does not drain. */
  deliveriesDropped: number;
}
