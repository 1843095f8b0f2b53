// WebSockets: payload bound, number of sockets, ping, and an end that does not wait for a frozen viewer.
// Owns the ping timer; sockets belong to their routes.

import websocket from '@fastify/websocket';
import fp from 'fastify-plugin';
import type { WebSocket } from 'ws';
import { CloseCode } from '@sitecast/shared/protocol/viewer-messages';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Metrics, OwnCounter } from './metrics.ts';

/** A page sends each of its short messages whole (RFC 6455 section 5.4 lets it be cut up). */
export const MESSAGE_FRAGMENTS_MAX = 64;
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set by this plugin. */
    isWebSocket?: boolean;
  }
}

/** From the close frame to the cut, at the end of the server. */
const GRACE_MS = 1_000;

export interface WebSocketOptions {
  maxSockets: number;
  maxPayloadBytes: number;
  pingIntervalMs: number;
  pongTimeoutMs: number;
}

type Count = Metrics['count'];

/** By the code of the error that `ws` ends a connection with. */
const COUNTERS: Partial<Record<string, OwnCounter>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'sockets_messages_too_large',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'sockets_messages_in_pieces',
};

export const webSockets = fp<WebSocketOptions & { count: Count }>(async (app, options) => {
  // Before the plugin's own hook, which would hide these routes from the OpenAPI document and answer a request that is no
  // WebSocket without a word.
  app.addHook('onRoute', (route) => {
    if (!route.websocket) return;
    route.config = { ...route.config, isWebSocket: true };
    route.wsHandler = route.handler as unknown as NonNullable<typeof route.wsHandler>;
    route.handler = refusePlainRequest;
    route.websocket = false;
  });
  await app.register(websocket, {
    options: {
      maxPayload: options.maxPayloadBytes,
      perMessageDeflate: false,
      maxFragments: MESSAGE_FRAGMENTS_MAX,
      maxBufferedChunks: 1024,
    },
    errorHandler: (error, socket, request) => {
      const counter = COUNTERS[(error as NodeJS.ErrnoException).code ?? ''];
      if (counter) options.count(counter);
      request.log.debug({ reason: error.message }, 'a WebSocket failed');
      socket.terminate();
    },
    preClose: async () => endAll(app.websocketServer.clients),
  });

  app.addHook('onRequest', async (request) => {
    // The plugin would let it in all the same, and hold it for half a minute without anybody having logged in.
    if (request.ws && !request.routeOptions.config.isWebSocket)
      throw new AppError('BAD_REQUEST', 'this is no WebSocket: the request must not ask for an upgrade');
    if (request.ws && app.websocketServer.clients.size >= options.maxSockets) {
      throw new AppError('VIEWER_LIMIT', `${options.maxSockets} WebSockets are open`, {
        retryable: true,
        detail: { limit: options.maxSockets, retryAfterMs: 5_000 },
      });
    }
  });

  const heartbeat = new Heartbeat(options);
  app.websocketServer.on('connection', (socket) => heartbeat.watch(socket));
  const timer = setInterval(() => heartbeat.beat(app.websocketServer.clients), options.pingIntervalMs);
  app.addHook('onClose', async () => clearInterval(timer));
});

async function refusePlainRequest(): Promise<never> {
  throw new AppError('BAD_REQUEST', 'this is a WebSocket: the request must ask for an upgrade');
}

/** A half-open connection never errors by itself: one that answers no ping for `pongTimeoutMs` is cut. */
class Heartbeat {
  readonly #options: { pongTimeoutMs: number; count: Count };
  readonly #lastPongMs = new WeakMap<WebSocket, number>();

  constructor(options: { pongTimeoutMs: number; count: Count }) {
    this.#options = options;
  }

  watch(socket: WebSocket): void {
    this.#lastPongMs.set(socket, performance.now());
    socket.on('pong', () => this.#lastPongMs.set(socket, performance.now()));
  }

  beat(sockets: Iterable<WebSocket>): void {
    const nowMs = performance.now();
    for (const socket of sockets) {
      const silentMs = nowMs - (this.#lastPongMs.get(socket) ?? nowMs);
      if (silentMs < this.#options.pongTimeoutMs) socket.ping();
      else this.#cut(socket);
    }
  }

  #cut(socket: WebSocket): void {
    this.#options.count('sockets_without_pong');
    socket.terminate();
  }
}

async function endAll(sockets: Set<WebSocket>): Promise<void> {
  for (const socket of sockets) socket.close(CloseCode.goingAway, 'SHUTTING_DOWN');
  const deadline = performance.now() + GRACE_MS;
  while (sockets.size > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  for (const socket of sockets) socket.terminate();
}
