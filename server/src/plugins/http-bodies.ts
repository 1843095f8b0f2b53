// How many bytes of request bodies are held, counted before they are read. Bound: `maxHttpConnections` times BODY_MAX_BYTES.

import fp from 'fastify-plugin';
import type { FastifyRequest } from 'fastify';
import { BODY_MAX_BYTES } from './http-limits.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body is counted by who reads it, in an area of its own. */
    countsBody?: boolean;
  }
}

export class HttpBodies {
  #heldBytes = 0;

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @returns the release, for once. */
  hold(bytes: number): () => void {
    this.#heldBytes += bytes;
    return () => (this.#heldBytes -= bytes);
  }
}

export const httpBodies = fp<{ bodies: HttpBodies }>(async (app, { bodies }) => {
  app.addHook('preParsing', async (request, reply, payload) => {
    const bytes = announced(request);
    if (bytes > 0) reply.raw.once('close', bodies.hold(bytes));
    return payload;
  });
});

/** Without a length it may be as long as it may be; what is longer is refused unread. */
function announced({ headers, routeOptions }: FastifyRequest): number {
  if (routeOptions.config?.countsBody) return 0;
  if (headers['transfer-encoding'] !== undefined) return BODY_MAX_BYTES;
  return Math.min(Number(headers['content-length'] ?? 0), BODY_MAX_BYTES);
}
