// Bounds of the site broker. Rows of README.md, "Bounds"; what an installer may want to change is in the configuration.

import { KIB, MAX_PACKET_BYTES_BEFORE_LOGIN, MIB } from '@sitecast/shared/protocol/limits';

export interface SiteLimits {
  maxPacketBytesBeforeLogin: number;
  /** Being received or on the way to the disk, all connections; above it no new packet is read. */
  maxHeldBytes: number;
  /** The same of one connection, and how many messages. */
  maxHeldBytesPerConnection: number;
  maxHeldMessagesPerConnection: number;
  /** New connections a second, and how many may come at once. */
  connectsPerSecond: number;
  connectsBurst: number;
  connectTimeoutMs: number;
  /** From the begin of a packet to its last byte, and within a packet without a byte; looked at so often. */
  packetMs: number;
  packetSilenceMs: number;
  packetWatchMs: number;
  /** A device that does not read is cut off after this. */
  drainTimeoutMs: number;
  /** How long `close()` waits for readings that are being written, so that their PUBACK still leaves. */
  closeGraceMs: number;
  /** Until the port is tried again when it could not be had. */
  retryListenMs: number;
}

export const SITE_LIMITS: SiteLimits = {
  maxPacketBytesBeforeLogin: MAX_PACKET_BYTES_BEFORE_LOGIN,
  maxHeldBytes: 8 * MIB,
  maxHeldBytesPerConnection: 256 * KIB,
  maxHeldMessagesPerConnection: 32,
  connectsPerSecond: 20,
  connectsBurst: 100,
  connectTimeoutMs: 10_000,
  packetMs: 60_000,
  packetSilenceMs: 20_000,
  packetWatchMs: 1_000,
  drainTimeoutMs: 2_000,
  closeGraceMs: 2_000,
  retryListenMs: 10_000,
};
