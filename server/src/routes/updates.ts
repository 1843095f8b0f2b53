// GET updates (WebSocket): what happens in the sites that the user sees.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { WebSocket } from 'ws';
import { CloseCode } from '@sitecast/shared/protocol/viewer-messages';
import { seesSite } from '../auth/principal.ts';
import type { Onlooker, UpdateHub } from '../fleet/updates.ts';
import { principalOf } from '../plugins/authentication.ts';

export interface UpdateRoutesOptions {
  updates: UpdateHub;
  maxUpdateSockets: number;
}

const CLOSE_GRACE_MS = 1_000;

export const updateRoutes: FastifyPluginAsyncZod<UpdateRoutesOptions> = async (
  app,
  { updates, maxUpdateSockets },
) => {
  const schema = { tags: ['updates'], summary: 'WebSocket: what happens in the sites that the user sees' };
  app.get('/updates', { config: { access: 'viewer' }, schema, websocket: true }, (socket, request) => {
    if (updates.subscribers >= maxUpdateSockets) {
      updates.countRefused();
      return socket.close(CloseCode.tryAgainLater, 'VIEWER_LIMIT');
    }
    const principal = principalOf(request);
    const onlooker: Onlooker = {
      userId: principal.userId,
      address: request.ip,
      seesSite: (site) => seesSite(principal, site),
      seesServer: principal.sites === null,
    };
    if (!updates.hasShareLeft(onlooker)) return socket.close(CloseCode.tryAgainLater, 'OWN_VIEWER_LIMIT');
    const leave = updates.join(
      {
        sendText: (text) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(text);
        },
        queuedBytes: () => socket.bufferedAmount,
        closeSlow: () => {
          leave();
          socket.close(CloseCode.tryAgainLater, 'TOO_SLOW');
          // The close frame waits behind what the browser does not read, so nobody waits for its answer.
          setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref();
        },
      },
      onlooker,
    );
    socket.on('close', leave);
  });
};
