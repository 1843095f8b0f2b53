// What devices, viewers and browsers may hold while they are connected.

import { KIB, MAX_FRAME_BYTES } from '@sitecast/shared/protocol/limits';
import { BROKER_LIMITS } from '../broker/limits.ts';
import type { ServerConfig } from '../config.ts';
import { MAX_PENDING_COMMANDS, MAX_PENDING_COMMANDS_PER_AGENT } from '../fleet/agent-commands.ts';
import { MAX_PENDING_KEYS, MAX_PENDING_VALUES, MAX_SOCKET_QUEUED_BYTES } from '../fleet/updates.ts';
import { ANSWERS_MAX_BYTES, SMALL_ANSWER_BYTES, UNANSWERED_PER_CONNECTION } from '../plugins/http-answers.ts';
import { FIRST_REQUEST_WITHIN_MS, SILENT_MAX_MS } from '../plugins/http-connections.ts';
import { BODY_MAX_BYTES, maxHttpConnections, maxWebSockets } from '../plugins/http-limits.ts';
import { TRACKED_ADDRESSES } from '../plugins/rate-limit.ts';
import { MESSAGE_FRAGMENTS_MAX } from '../plugins/web-sockets.ts';
import { RELAY_LIMITS } from '../relay/limits.ts';
import { row, ENTRY_BYTES, httpErrors, type LimitRow } from './limit-row.ts';

/** Socket, parser and session of one MQTT connection; measured about 20 KiB. */
const CONNECTION_BYTES = 32 * KIB;
/** Devices whose sockets do not drain at the same time: the broker cuts each off after two seconds. */
const STALLED_DEVICES = 32;
const HTTP_CONNECTION_BYTES = 16 * KIB;

export function brokerRows({ mqtt }: ServerConfig): LimitRow[] {
  const { data, media, maxPacketBytesBeforeLogin, maxQueuedBytesToDevice, connectsPerSecond } = BROKER_LIMITS;
  const { maxHeldBytesPerConnection, maxHeldMessagesPerConnection, maxConnectionsPerSensor } = BROKER_LIMITS;
  const refused = 'broker_connections_refused';
  const tooLarge = 'broker_packets_too_large';
  const heldUp = 'broker_reads_held_up';
  return [
    row('data connections', data.maxConnections, 'connections', 'reject', {
      counter: refused,
      bytes: data.maxConnections * CONNECTION_BYTES,
    }),
    row('media connections', media.maxConnections, 'connections', 'reject', {
      counter: refused,
      bytes: media.maxConnections * CONNECTION_BYTES,
    }),
    row('connections of one sensor', maxConnectionsPerSensor, 'connections', 'drop-oldest', {
      counter: 'broker_connections_replaced',
    }),
    row('new connections', connectsPerSecond, 'a second', 'reject', { counter: refused }),
    row('packet before login', maxPacketBytesBeforeLogin, 'bytes', 'close', {
      counter: tooLarge,
      // A CONNECT is read while there is no room for messages.
      bytes: (data.maxConnections + media.maxConnections) * maxPacketBytesBeforeLogin,
    }),
    row('packet on data', data.maxPacketBytes, 'bytes', 'close', { counter: tooLarge }),
    row('packet on media', media.maxPacketBytes, 'bytes', 'close', { counter: tooLarge }),
    row('messages held, data', data.maxHeldBytes, 'bytes', 'block', {
      counter: heldUp,
      bytes: data.maxHeldBytes,
    }),
    row('messages held, media', media.maxHeldBytes, 'bytes', 'block', {
      counter: heldUp,
      bytes: media.maxHeldBytes,
    }),
    row('messages held of one device, data', data.maxHeldBytesPerDevice, 'bytes', 'block', {
      counter: 'broker_reads_held_up_of_device',
    }),
    row('messages held of one device, media', media.maxHeldBytesPerDevice, 'bytes', 'block', {
      counter: 'broker_reads_held_up_of_device',
    }),
    row('messages held of one connection', maxHeldBytesPerConnection, 'bytes', 'block', { counter: heldUp }),
    row('messages in hand of one connection', maxHeldMessagesPerConnection, 'messages', 'block', {
      counter: heldUp,
    }),
    row('messages of one device', mqtt.messagesPerSecond, 'a second', 'block', {
      env: 'MQTT_MESSAGES_PER_SECOND',
      counter: 'broker_reads_held_up_by_rate',
    }),
    row('bytes of one device', mqtt.bytesPerSecond, 'bytes a second', 'block', {
      env: 'MQTT_BYTES_PER_SECOND',
      counter: 'broker_reads_held_up_by_rate',
    }),
    row('time of a packet', BROKER_LIMITS.packetMs, 'ms', 'close', { counter: 'broker_packets_too_slow' }),
    row('silence within a packet', BROKER_LIMITS.packetSilenceMs, 'ms', 'close', {
      counter: 'broker_packets_too_slow',
    }),
    row('queued to one device', maxQueuedBytesToDevice, 'bytes', 'reject', {
      counter: 'broker_deliveries_dropped',
      bytes: STALLED_DEVICES * maxQueuedBytesToDevice,
    }),
    row('notices to one device', BROKER_LIMITS.noticesPerSecond, 'a second', 'reject', {
      counter: 'broker_notices_dropped',
    }),
    row('commands without a reply', MAX_PENDING_COMMANDS, 'commands', 'reject', {
      counter: httpErrors('QUEUE_FULL'),
      bytes: MAX_PENDING_COMMANDS * KIB,
    }),
    row('commands without a reply of one agent', MAX_PENDING_COMMANDS_PER_AGENT, 'commands', 'reject', {
      counter: httpErrors('QUEUE_FULL'),
    }),
  ];
}

export function relayRows({ live }: ServerConfig): LimitRow[] {
  const { gopCacheMaxBytes, viewerMaxQueuedBytes, viewerMaxUnpresentedMs, viewerLeaseMs } = RELAY_LIMITS;
  const { maxViewersWaiting } = RELAY_LIMITS;
  const refused = 'relay_joins_refused';
  return [
    row('live streams', live.maxStreams, 'streams', 'reject', {
      env: 'MAX_STREAMS',
      counter: refused,
      bytes: live.maxStreams * gopCacheMaxBytes,
    }),
    // A still is one keyframe of at most one frame's bytes; the cache of its stream holds the newest.
    row('stills streams', live.maxStillsStreams, 'streams', 'reject', {
      env: 'MAX_STILLS_STREAMS',
      counter: refused,
      bytes: live.maxStillsStreams * MAX_FRAME_BYTES,
    }),
    row('cached GOP of one stream', gopCacheMaxBytes, 'bytes', 'drop-to-keyframe', {
      counter: 'relay_gops_overflowed',
    }),
    row('viewers', live.maxViewers, 'viewers', 'reject', {
      env: 'MAX_VIEWERS',
      counter: refused,
      // One frame may be above the bound of the queue, and viewers that stalled at different times share none.
      bytes: live.maxViewers * (viewerMaxQueuedBytes + MAX_FRAME_BYTES),
    }),
    row('viewers of one stream', live.maxViewersPerStream, 'viewers', 'reject', {
      env: 'MAX_VIEWERS_PER_STREAM',
      counter: refused,
    }),
    row('viewers of one user', live.maxViewersPerUser, 'viewers', 'reject', {
      env: 'MAX_VIEWERS_PER_USER',
      counter: 'relay_joins_refused_of_own',
    }),
    row('viewers of one address', live.maxViewersPerAddress, 'viewers', 'reject', {
      env: 'MAX_VIEWERS_PER_ADDRESS',
      counter: 'relay_joins_refused_of_own',
    }),
    row('queued to one viewer', viewerMaxQueuedBytes, 'bytes', 'drop-to-keyframe', {
      counter: 'relay_frames_dropped',
    }),
    row('viewers waiting in line', maxViewersWaiting, 'viewers', 'reject', {
      counter: refused,
      bytes: maxViewersWaiting * ENTRY_BYTES,
    }),
    row('un-presented at one viewer', viewerMaxUnpresentedMs, 'ms', 'drop-to-keyframe', {
      counter: 'relay_frames_dropped',
    }),
    row('viewer without progress', viewerLeaseMs, 'ms', 'close', { counter: 'relay_viewers_stalled' }),
  ];
}

export function webRows(config: ServerConfig): LimitRow[] {
  const { http, webSocket, updateShare } = config;
  const maxSockets = maxWebSockets(config);
  const maxConnections = maxHttpConnections(config);
  return [
    row('HTTP connections', maxConnections, 'connections', 'reject', {
      counter: 'http_connections_dropped',
      bytes: maxConnections * HTTP_CONNECTION_BYTES,
    }),
    row('HTTP connections of one address', http.connectionsPerAddress, 'connections', 'close', {
      env: 'HTTP_CONNECTIONS_PER_ADDRESS',
      counter: 'http_connections_refused_of_address',
      bytes: maxConnections * ENTRY_BYTES,
    }),
    row('HTTP connection without a request', FIRST_REQUEST_WITHIN_MS, 'ms', 'close', {
      counter: 'http_connections_silent',
    }),
    row('HTTP connection that neither reads nor asks', SILENT_MAX_MS, 'ms', 'close', {
      counter: 'http_connections_silent',
    }),
    row('requests without an answer, a connection', UNANSWERED_PER_CONNECTION, 'requests', 'close', {
      counter: 'http_connections_cut',
      // Larger ones are those of the next row.
      bytes: maxConnections * UNANSWERED_PER_CONNECTION * SMALL_ANSWER_BYTES,
    }),
    row('answers that wait to be read', ANSWERS_MAX_BYTES, 'bytes', 'reject', {
      counter: 'http_answers_refused',
      bytes: 2 * ANSWERS_MAX_BYTES,
    }),
    row('HTTP body', BODY_MAX_BYTES, 'bytes', 'reject', {
      counter: httpErrors('PAYLOAD_TOO_LARGE'),
      bytes: maxConnections * BODY_MAX_BYTES,
    }),
    row('HTTP requests of one address', http.requestsPerMinute, 'a minute', 'slow', {
      env: 'HTTP_REQUESTS_PER_MINUTE',
      counter: httpErrors('RATE_LIMITED'),
      bytes: TRACKED_ADDRESSES * ENTRY_BYTES,
    }),
    row('WebSockets', maxSockets, 'sockets', 'reject', { counter: httpErrors('VIEWER_LIMIT') }),
    row('message of a browser', webSocket.maxPayloadBytes, 'bytes', 'close', {
      env: 'WS_MAX_PAYLOAD_BYTES',
      counter: 'sockets_messages_too_large',
      bytes: maxSockets * webSocket.maxPayloadBytes,
    }),
    row('pieces of a message of a browser', MESSAGE_FRAGMENTS_MAX, 'pieces', 'close', {
      counter: 'sockets_messages_in_pieces',
    }),
    row('browser without a pong', webSocket.pongTimeoutMs, 'ms', 'close', {
      env: 'WS_PONG_TIMEOUT_MS',
      counter: 'sockets_without_pong',
    }),
    row('pages that get updates', webSocket.maxUpdateSockets, 'sockets', 'reject', {
      env: 'MAX_UPDATE_SOCKETS',
      counter: 'updates_sockets_refused',
      bytes: webSocket.maxUpdateSockets * MAX_SOCKET_QUEUED_BYTES,
    }),
    row('pages that get updates of one user', updateShare.maxPerUser, 'sockets', 'reject', {
      env: 'MAX_UPDATE_SOCKETS_PER_USER',
      counter: 'updates_sockets_refused_of_own',
    }),
    row('pages that get updates of one address', updateShare.maxPerAddress, 'sockets', 'reject', {
      env: 'MAX_UPDATE_SOCKETS_PER_ADDRESS',
      counter: 'updates_sockets_refused_of_own',
    }),
    row('queued updates of one page', MAX_SOCKET_QUEUED_BYTES, 'bytes', 'close', {
      counter: 'updates_sockets_closed_slow',
    }),
    row('updates before a flush', MAX_PENDING_KEYS + MAX_PENDING_VALUES, 'keys', 'drop-oldest', {
      counter: 'updates_keys_dropped',
      bytes: (MAX_PENDING_KEYS + MAX_PENDING_VALUES) * KIB,
    }),
  ];
}
