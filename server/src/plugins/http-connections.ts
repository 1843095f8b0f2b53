// How long a connection may be silent, and how many one address may have.

import fp from 'fastify-plugin';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { OwnCounter } from './metrics.ts';

/** Whoever connects asks for something. Node.js itself waits for ever for the first byte. */
export const FIRST_REQUEST_WITHIN_MS = 10_000;
/** Nothing read and nothing written for so long, and the connection ends; WebSockets have pings instead. */
export const SILENT_MAX_MS = 60_000;

export interface HttpConnectionsOptions {
  /** Policy `close`. Undefined behind a proxy, from whose address everybody comes. */
  maxPerAddress: number | undefined;
  count: (name: OwnCounter) => void;
  firstRequestWithinMs?: number;
  silentMaxMs?: number;
}

export const httpConnections = fp<HttpConnectionsOptions>(async (app, options) => {
  const {
    maxPerAddress,
    count,
    firstRequestWithinMs = FIRST_REQUEST_WITHIN_MS,
    silentMaxMs = SILENT_MAX_MS,
  } = options;
  const perAddress = new Map<string, number>();

  app.server.on('connection', (socket: Socket) => {
    socket.setTimeout(firstRequestWithinMs);
    const { remoteAddress: address = '' } = socket;
    const connections = (perAddress.get(address) ?? 0) + 1;
    perAddress.set(address, connections);
    socket.once('close', () => leave(perAddress, address));
    socket.on('timeout', () => count('http_connections_silent'));
    if (maxPerAddress === undefined || connections <= maxPerAddress) return;
    count('http_connections_refused_of_address');
    socket.destroy();
  });

  app.server.on('request', ({ socket }: IncomingMessage) => void socket.setTimeout(silentMaxMs));
});

function leave(perAddress: Map<string, number>, address: string): void {
  const left = (perAddress.get(address) ?? 1) - 1;
  if (left > 0) perAddress.set(address, left);
  else perAddress.delete(address);
}
