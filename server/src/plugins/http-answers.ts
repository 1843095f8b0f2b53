// Answers that are made and not yet read: a client that asks and never reads must not fill the memory with them.

import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { AppError } from '@sitecast/shared/runtime/app-error';

/** Of all connections. Policy `reject`: the answer is an error instead. */
export const ANSWERS_MAX_BYTES = 16 * 1024 * 1024;
/** Policy `close`. No browser sends a request before the answer to the one before is there (RFC 9112 section 9.3.2 lets them). */
export const UNANSWERED_PER_CONNECTION = 8;
/** Of up to so many bytes they are not counted, but bounded by the number of requests: so an error can always be told. */
export const SMALL_ANSWER_BYTES = 1024;
const RETRY_AFTER_MS = 5_000;

export class HttpAnswers {
  /** Of `http_answers_refused_total` and `http_connections_cut_total`. */
  readonly counters = { answersRefused: 0, connectionsCut: 0 };
  readonly #maxBytes: number;
  #heldBytes = 0;

  constructor({ maxBytes = ANSWERS_MAX_BYTES } = {}) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @returns the release, for once. @throws {AppError} MEMORY_PRESSURE (retryable). */
  hold(bytes: number): () => void {
    if (this.#heldBytes + bytes > this.#maxBytes) {
      this.counters.answersRefused += 1;
      throw new AppError('MEMORY_PRESSURE', `answers of ${this.#heldBytes} bytes wait to be read`, {
        retryable: true,
        detail: { retryAfterMs: RETRY_AFTER_MS },
      });
    }
    this.#heldBytes += bytes;
    return () => (this.#heldBytes -= bytes);
  }
}

/** Of one connection. */
class Unanswered {
  requests = 0;
  readonly #releases = new Set<() => void>();

  /** @returns the release, at the latest when the connection ends. */
  keep(release: () => void): () => void {
    this.#releases.add(release);
    return () => {
      if (this.#releases.delete(release)) release();
    };
  }

  end(): void {
    for (const release of this.#releases) release();
    this.#releases.clear();
  }
}

/** Streams are not counted: they are made as they are read. */
export const httpAnswers = fp<{ answers: HttpAnswers }>(async (app, { answers }) => {
  const connections = new WeakMap<Socket, Unanswered>();
  // An answer that stands behind another one is not told when its connection ends, so that is looked at instead.
  const connectionOf = (socket: Socket): Unanswered => {
    const known = connections.get(socket);
    if (known) return known;
    const connection = new Unanswered();
    connections.set(socket, connection);
    socket.once('close', () => connection.end());
    return connection;
  };

  app.addHook('onRequest', async ({ raw: { socket } }: FastifyRequest, reply: FastifyReply) => {
    // Reset before its request was looked at: it has no address any more, and nobody to answer.
    if (socket.destroyed || socket.remoteAddress === undefined) return void reply.hijack();
    const connection = connectionOf(socket);
    connection.requests += 1;
    reply.raw.once('close', () => (connection.requests -= 1));
    if (connection.requests <= UNANSWERED_PER_CONNECTION) return;
    if (!socket.destroyed) answers.counters.connectionsCut += 1;
    socket.destroy();
    reply.hijack();
  });

  app.addHook('onSend', async ({ raw: { socket } }, reply, payload) => {
    if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
    const bytes = Buffer.byteLength(payload);
    if (bytes <= SMALL_ANSWER_BYTES || socket.destroyed) return payload;
    reply.raw.once('close', connectionOf(socket).keep(answers.hold(bytes)));
    return payload;
  });
});
