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
  /** Of these of one device, all its connections together; above it it begins no new packet. */
  maxHeldBytesPerDevice: number;
}

export interface BrokerLimits {
  data: ListenerLimits;
  media: ListenerLimits;
  maxPacketBytesBeforeLogin: number;
  /** In handlers, one connection. Above 8 of the largest snapshots, so that an honest agent is never held up. */
  maxHeldBytesPerConnection: number;
  maxHeldMessagesPerConnection: number;
  /** From the begin of a packet to its end; it is closed up to two rounds of the watch later. */
  packetMs: number;
  /** Within a packet, without a byte. */
  packetSilenceMs: number;
  /** Round of the watch over packets that have begun. */
  packetWatchMs: number;
  /** Of one device on the data listener, all its connections together, and how many at once; packets of any kind. */
  messagesPerSecond: number;
  messagesBurst: number;
  bytesPerSecond: number;
  bytesBurst: number;
  /** What a message that is dropped counts for. */
  droppedMessageCost: number;
  /** How long a device waits at most for what it has spent above its rate: less than any sensible keepalive. */
  maxRateWaitMs: number;
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

/** What the settings say, with their defaults. */
export interface DeviceRateSettings {
  messagesPerSecond: number;
  bytesPerSecond: number;
}

export function brokerLimits({ messagesPerSecond, bytesPerSecond }: DeviceRateSettings): BrokerLimits {
  return {
    ...BROKER_LIMITS,
    messagesPerSecond,
    messagesBurst: messagesPerSecond * MESSAGES_BURST_SECONDS,
    bytesPerSecond,
    bytesBurst: bytesPerSecond * BYTES_BURST_SECONDS,
  };
}

const MESSAGES_BURST_SECONDS = 4;
const BYTES_BURST_SECONDS = 2;
/** A gateway that replays its spool goes on at these; hundreds of honest sensors together are far below one of them. */
export const DEFAULT_MESSAGES_PER_SECOND = 500;
export const DEFAULT_BYTES_PER_SECOND = 4 * MIB;

export const BROKER_LIMITS: BrokerLimits = {
  // A sixteenth for one device: room for 8 of the largest snapshots in hand and one that is coming, which is all that an agent
  // has on the way; and a sensor gets no further with 8 connections that each leave a packet unfinished.
  data: {
    maxConnections: 512,
    maxPacketBytes: MAX_DATA_PACKET_BYTES,
    maxHeldBytes: 48 * MIB,
    maxHeldBytesPerDevice: 3 * MIB,
  },
  media: {
    maxConnections: 64,
    maxPacketBytes: MAX_MEDIA_PACKET_BYTES,
    maxHeldBytes: 16 * MIB,
    maxHeldBytesPerDevice: 2 * MIB,
  },
  maxPacketBytesBeforeLogin: MAX_PACKET_BYTES_BEFORE_LOGIN,
  maxHeldBytesPerConnection: 4 * MIB,
  maxHeldMessagesPerConnection: 256,
  // An agent behind 128 kbit/s needs 33 s for the largest packet of all, and 41 s for the largest snapshot while live pictures
  // take half the line. A line that loses packets is silent for 15 s while TCP tries for the fourth time.
  packetMs: 60_000,
  packetSilenceMs: 20_000,
  packetWatchMs: 2_000,
  messagesPerSecond: DEFAULT_MESSAGES_PER_SECOND,
  messagesBurst: DEFAULT_MESSAGES_PER_SECOND * MESSAGES_BURST_SECONDS,
  bytesPerSecond: DEFAULT_BYTES_PER_SECOND,
  bytesBurst: DEFAULT_BYTES_PER_SECOND * BYTES_BURST_SECONDS,
  droppedMessageCost: 10,
  maxRateWaitMs: 2_000,
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
