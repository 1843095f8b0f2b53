// Ends WebSockets whose login is over: logged out, expired, revoked, or with other rights than when they opened. A WebSocket
// is asked for its credentials once, and lives for days.

import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { CloseCode } from '@sitecast/shared/protocol/viewer-messages';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { Principal } from '../auth/principal.ts';

export interface LoginWatchOptions {
  authenticate: (request: FastifyRequest) => Promise<Principal | undefined>;
}

/** From the close frame to the cut: a browser that does not read never answers. */
const CLOSE_GRACE_MS = 1_000;

export class LoginWatch {
  readonly #authenticate: LoginWatchOptions['authenticate'];
  /** Upgrades under way: what the WebSocket server hands on is the raw request. */
  readonly #requests = new WeakMap<IncomingMessage, FastifyRequest>();
  /** Bound: the WebSockets of the server. */
  readonly #sockets = new Map<WebSocket, FastifyRequest>();

  constructor({ authenticate }: LoginWatchOptions) {
    this.#authenticate = authenticate;
  }

  /** A request that was let in and asks for an upgrade. */
  expect(request: FastifyRequest): void {
    this.#requests.set(request.raw, request);
  }

  opened(socket: WebSocket, raw: IncomingMessage): void {
    const request = this.#requests.get(raw);
    if (!request) return;
    this.#sockets.set(socket, request);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Never rejects. What cannot be asked now, because the store is away, goes on until the next time. */
  async check(): Promise<void> {
    await Promise.all([...this.#sockets].map(([socket, request]) => this.#check(socket, request)));
  }

  async #check(socket: WebSocket, request: FastifyRequest): Promise<void> {
    try {
      const principal = await this.#authenticate(request);
      if (JSON.stringify(principal) !== JSON.stringify(request.principal)) end(socket);
    } catch (error) {
      if (!isAppError(error) || !error.retryable) end(socket);
    }
  }
}

function end(socket: WebSocket): void {
  socket.close(CloseCode.policyViolation, 'UNAUTHORIZED');
  setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref();
}
