// Bounds of the embedded broker. Rows of LIMITS.md.

import {
  KIB,
  MAX_DATA_PACKET_BYTES,
  MAX_MEDIA_PACKET_BYTES,
  MAX_PACKET_BYTES_BEFORE_LOGIN,
  MIB,
} from '@sitecast/shared/protocol/limits';

export interface ListenerLimits {
  maxConnections: number;
  /** Remaining length of one packet once logged in. */
  maxPacketBytes: number;
  /** Being received or in handlers, all connections of the listener; above it no new packet is read. */
  maxHeldBytes: number;
}

export interface BrokerLimits {
  data: ListenerLimits;
  media: ListenerLimits;
  maxPacketBytesBeforeLogin: number;
  /** In handlers, one connection. Above 8 of the largest snapshots, so that an honest agent is never held up. */
  maxHeldBytesPerConnection: number;
  maxHeldMessagesPerConnection: number;
  /** Of one sensor at once; the oldest makes room. An agent has one on each listener. */
  maxConnectionsPerSensor: number;
  /** New connections a second on each listener, and how many may come at once. */
  connectsPerSecond: number;
  connectsBurst: number;
  connectTimeoutMs: number;
  authenticateTimeoutMs: number;
  /** A device that does not read is cut off after this. */
  drainTimeoutMs: number;
  /** Queued to one device; above it messages to the device are dropped. */
  maxQueuedBytesToDevice: number;
  /** Told to one device of messages of its that were dropped, and how many at once. */
  noticesPerSecond: number;
  noticesBurst: number;
  /** How long `close()` waits for messages that are being stored, so that their PUBACK still leaves. */
  closeGraceMs: number;
}

export const BROKER_LIMITS: BrokerLimits = {
  data: { maxConnections: 512, maxPacketBytes: MAX_DATA_PACKET_BYTES, maxHeldBytes: 48 * MIB },
  media: { maxConnections: 64, maxPacketBytes: MAX_MEDIA_PACKET_BYTES, maxHeldBytes: 16 * MIB },
  maxPacketBytesBeforeLogin: MAX_PACKET_BYTES_BEFORE_LOGIN,
  maxHeldBytesPerConnection: 4 * MIB,
  maxHeldMessagesPerConnection: 256,
  maxConnectionsPerSensor: 8,
  connectsPerSecond: 50,
  connectsBurst: 100,
  connectTimeoutMs: 10_000,
  authenticateTimeoutMs: 3_000,
  drainTimeoutMs: 2_000,
  maxQueuedBytesToDevice: 256 * KIB,
  noticesPerSecond: 1,
  noticesBurst: 10,
  closeGraceMs: 2_000,
};
