// Limits that both ends of the wire hold. A peer that goes above one is refused, so an honest sender checks first.

export const KIB = 1024;
export const MIB = 1024 * 1024;

/** CONNECT and everything before CONNACK. */
export const MAX_PACKET_BYTES_BEFORE_LOGIN = 16 * KIB;
/** One MQTT packet on the data listener (1883, 8883), its fixed header not counted. */
export const MAX_DATA_PACKET_BYTES = 512 * KIB;
/** One MQTT packet on the media listener (1884, 8884), its fixed header not counted. */
export const MAX_MEDIA_PACKET_BYTES = 1 * MIB;
/** Room kept for the topic and the packet id within a packet. */
export const PACKET_OVERHEAD_BYTES = 1 * KIB;
/** Header and payload of one live frame. */
export const MAX_FRAME_BYTES = MAX_MEDIA_PACKET_BYTES - PACKET_OVERHEAD_BYTES;

export const MAX_SNAPSHOT_BYTES = 300 * KIB;
export const MAX_SNAPSHOT_WIDTH = 1280;
export const MAX_THUMBNAIL_BYTES = 20 * KIB;
export const THUMBNAIL_WIDTH = 320;
export const MAX_SNAPSHOT_HEADER_BYTES = 4 * KIB;
/** Fixed part, header, snapshot and thumbnail. */
export const MAX_SNAPSHOT_ENVELOPE_BYTES =
  MAX_SNAPSHOT_BYTES + MAX_THUMBNAIL_BYTES + MAX_SNAPSHOT_HEADER_BYTES + 8;

/** Of a clip in one message; every chunk has as many, but the last. Small, so that one delays little on a slow uplink. */
export const CLIP_CHUNK_BYTES = 64 * KIB;
export const MAX_CLIP_HEADER_BYTES = 2 * KIB;
/** Fixed part, header and bytes of the clip. */
export const MAX_CLIP_CHUNK_MESSAGE_BYTES = CLIP_CHUNK_BYTES + MAX_CLIP_HEADER_BYTES + 8;
export const MAX_CLIP_BYTES = 64 * MIB;
export const MAX_CLIP_MS = 600_000;
/** The server forgets an upload of which no chunk came for so long. */
export const CLIP_UPLOAD_IDLE_MS = 24 * 60 * 60 * 1000;

export const MAX_TELEMETRY_PAYLOAD_BYTES = 64 * KIB;
/** Readings in one telemetry payload. */
export const MAX_READINGS_PER_MESSAGE = 1_000;
/** Values in one reading. */
export const MAX_VALUES_PER_READING = 64;
/** A unit, as people read it. */
export const MAX_UNIT_CHARACTERS = 16;
/** A sum of many values must stay a number, and their mean too: closer to 0 than the inverse of this counts as 0. */
export const MAX_VALUE_MAGNITUDE = 1e300;
/** A reading's clock may be this far ahead of the server's before the reading is refused. */
export const MAX_READING_AHEAD_MS = 24 * 60 * 60 * 1000;

/** Any other JSON message (status, inventory, health, command, reply, event). */
export const MAX_JSON_MESSAGE_BYTES = 64 * KIB;
export const MAX_CAMERAS_PER_AGENT = 64;

/** Un-acked QoS 1 messages on an agent's data connection. */
export const MAX_UPLINK_IN_FLIGHT = 8;
/** The server's lease on a stream lives this long on the agent. */
export const AGENT_LEASE_MS = 15_000;
/** The server renews the lease this often while viewers exist. */
export const AGENT_LEASE_RENEW_MS = 5_000;
/** A viewer's lease lives this long from its last progress. */
export const VIEWER_LEASE_MS = 10_000;
/** The server acknowledges live bytes about this often. */
export const LIVE_ACK_INTERVAL_MS = 200;
