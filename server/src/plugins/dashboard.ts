// The page: files of `server/web/dist`, index.html for every path of the page's own router, and strict headers.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import staticFiles from '@fastify/static';
import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorBody } from '../errors.ts';

/** The same place seen from `src/` and from `dist/`. */
const WEB_DIR = fileURLToPath(new URL('../../web/dist', import.meta.url));
const YEAR_SECONDS = 365 * 24 * 60 * 60;

export interface DashboardOptions {
  publicUrl: URL | undefined;
  webDir?: string;
}

export const dashboard = fp<DashboardOptions>(async (app, { publicUrl, webDir = WEB_DIR }) => {
  const isHttps = publicUrl?.protocol === 'https:';
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        // MSE plays from blob: URLs, and stills are shown from them.
        imgSrc: ["'self'", 'blob:', 'data:'],
        mediaSrc: ["'self'", 'blob:'],
        connectSrc: ["'self'"],
        workerSrc: ["'self'", 'blob:'],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        ...(isHttps ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    // Only a server that is known to be reached by https may promise it.
    strictTransportSecurity: isHttps ? { maxAge: YEAR_SECONDS, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'same-origin' },
  });
  const hasPage = existsSync(webDir);
  if (!hasPage) app.log.warn({ webDir }, 'the page is not built: only the API is served');
  if (hasPage) {
    await app.register(staticFiles, {
      root: webDir,
      wildcard: false,
      cacheControl: false,
      setHeaders: (reply, path) => void reply.header('cache-control', cacheControlOf(path)),
    });
  }
  app.setNotFoundHandler((request, reply) =>
    hasPage && isPageNavigation(request) ? sendPage(reply) : reply.code(404).send(errorBody('NOT_FOUND')),
  );
});

function sendPage(reply: FastifyReply): FastifyReply {
  return reply.sendFile('index.html');
}

function isPageNavigation({ method, url, headers }: FastifyRequest): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && !url.startsWith('/api/') && (headers.accept ?? '').includes('text/html');
}

/** Vite puts a hash of the content into the name of every asset. */
function cacheControlOf(path: string): string {
  return path.includes('/assets/') ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache';
}
