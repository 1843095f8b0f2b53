// Bounds of the HTTP server. Rows of LIMITS.md.

/** Larger than any JSON that the API takes. */
export const BODY_MAX_BYTES = 64 * 1024;
/** Beside those that carry a WebSocket. */
const PLAIN_CONNECTIONS = 312;

interface SocketLimits {
  live: { maxViewers: number };
  webSocket: { maxUpdateSockets: number };
}

export function maxWebSockets({ live, webSocket }: SocketLimits): number {
  return live.maxViewers + webSocket.maxUpdateSockets;
}

/** Each of the WebSockets finds a connection, however many are allowed. */
export function maxHttpConnections(limits: SocketLimits): number {
  return maxWebSockets(limits) + PLAIN_CONNECTIONS;
}
