// Who asks: session cookie, bearer token or the secret of a device, the role that a route wants, and the origin of what a browser sends.
//
// Holds for the scope that it is registered in, the API. A route there without `config.access` cannot be registered: nothing
// is open because somebody forgot to close it.

import cookie from '@fastify/cookie';
import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { hasRole, seesSite, type Principal, type Role } from '../auth/principal.ts';
import { SESSION_DAYS, type Sessions } from '../auth/sessions.ts';
import type { Tokens } from '../auth/tokens.ts';
import type { DeviceAddress } from '../fleet/devices.ts';
import { LoginWatch } from './login-watch.ts';
import { isOwnOrigin } from './origin.ts';

/** `public` is for what a browser needs before the login, and for probes; `device` for devices, which may do nothing else. */
export type Access = 'public' | 'device' | Role;

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** After it some login may be over, so open WebSockets are looked at. */
    endsLogins?: boolean;
  }
  interface FastifyRequest {
    /** null on public routes and those of devices. */
    principal: Principal | null;
    /** null everywhere but on the routes of devices. */
    device: DeviceAddress | null;
  }
}

export const SESSION_COOKIE = 'sitecast_session';
/** How long a login that another process ended, or that expired, may still be watching; with the cache twice that. */
const WATCH_MS = 15_000;
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface AuthenticationOptions {
  sessions: Sessions;
  tokens: Tokens;
  authenticateDevice: (id: string, secret: string) => Promise<DeviceAddress | undefined>;
  cookieSecret: string;
  publicUrl: URL | undefined;
}

export const authentication = fp<AuthenticationOptions>(
  async (app, { sessions, tokens, authenticateDevice, cookieSecret, publicUrl }) => {
    await app.register(cookie, { secret: cookieSecret });
    app.decorateRequest('principal', null);
    app.decorateRequest('device', null);
    const watch = new LoginWatch({
      authenticate: (request) => principalOfRequest(request, sessions, tokens),
    });
    app.websocketServer.on('connection', (socket, raw) => watch.opened(socket, raw));
    const timer = setInterval(() => void watch.check(), WATCH_MS);
    app.addHook('onClose', async () => clearInterval(timer));
    app.addHook('onResponse', async (request) => {
      if (request.routeOptions.config.endsLogins) await watch.check();
    });

    app.addHook('onRoute', ({ url, config }) => {
      if (config?.access === undefined)
        throw new TypeError(`route ${url} does not say who may use it (config.access)`);
    });

    app.addHook('onRequest', async (request, reply) => {
      const access = request.routeOptions.config.access ?? 'public';
      if (!SAFE_METHODS.has(request.method) || request.ws) expectOwnOrigin(request, publicUrl);
      if (access === 'public') return;
      if (access === 'device') {
        request.device = await deviceOfRequest(request, reply, authenticateDevice);
        return;
      }
      const principal = await principalOfRequest(request, sessions, tokens);
      if (!principal) throw new AppError('UNAUTHORIZED', 'no valid session cookie or bearer token');
      if (!hasRole(principal, access)) {
        throw new AppError(
          'FORBIDDEN',
          `this needs the role ${access}, ${principal.username} is ${principal.role}`,
        );
      }
      request.principal = principal;
      if (request.ws) watch.expect(request);
    });
  },
);

/** @throws {AppError} UNAUTHORIZED when nobody is logged in. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new AppError('UNAUTHORIZED', 'no valid session cookie or bearer token');
  return request.principal;
}

/** @throws {AppError} UNAUTHORIZED on a route that is not for devices. */
export function deviceOf(request: FastifyRequest): DeviceAddress {
  if (!request.device) throw new AppError('UNAUTHORIZED', 'no device');
  return request.device;
}

/**
 * A site that the user may not see is answered like one that does not exist.
 * @throws {AppError} NOT_FOUND
 */
export function expectSite(request: FastifyRequest, site: string): void {
  if (!seesSite(principalOf(request), site)) throw new AppError('NOT_FOUND', `site ${site} does not exist`);
}

/** For lists: the site that the query asks for, or any, and only those that the user sees. */
export function isAsked(request: FastifyRequest<{ Querystring: { site?: string } }>, site: string): boolean {
  const { site: asked } = request.query;
  return (asked === undefined || asked === site) && seesSite(principalOf(request), site);
}

/** The secret in the session cookie, when its signature is ours. */
export function sessionSecretOf(request: FastifyRequest): string | undefined {
  const signed = request.cookies[SESSION_COOKIE];
  if (signed === undefined) return undefined;
  const { valid, value } = request.unsignCookie(signed);
  return valid ? value : undefined;
}

export function setSessionCookie(reply: FastifyReply, secret: string, publicUrl: URL | undefined): void {
  void reply.setCookie(SESSION_COOKIE, secret, {
    ...cookieAttributes(publicUrl),
    maxAge: SESSION_DAYS * 24 * 60 * 60,
    signed: true,
  });
}

export function clearSessionCookie(reply: FastifyReply, publicUrl: URL | undefined): void {
  void reply.clearCookie(SESSION_COOKIE, cookieAttributes(publicUrl));
}

// Lax, not Strict: a link to the dashboard from a mail or a chat must find the user logged in.
function cookieAttributes(publicUrl: URL | undefined) {
  return { path: '/', httpOnly: true, sameSite: 'lax', secure: publicUrl?.protocol === 'https:' } as const;
}

async function principalOfRequest(
  request: FastifyRequest,
  sessions: Sessions,
  tokens: Tokens,
): Promise<Principal | undefined> {
  const bearer = /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return tokens.authenticate(bearer);
  const secret = sessionSecretOf(request);
  return secret === undefined ? undefined : sessions.authenticate(secret);
}

/** Many cameras send their password only to a server that asks for it (RFC 7617). */
async function deviceOfRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  authenticate: AuthenticationOptions['authenticateDevice'],
): Promise<DeviceAddress> {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,400})$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const [username = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  const device = await authenticate(username, rest.join(':'));
  if (device) return device;
  void reply.header('www-authenticate', 'Basic realm="sitecast", charset="UTF-8"');
  throw new AppError('UNAUTHORIZED', 'no id and secret of a device (HTTP Basic)');
}

function expectOwnOrigin(request: FastifyRequest, publicUrl: URL | undefined): void {
  const { origin } = request.headers;
  if (isOwnOrigin({ origin, host: request.host, publicUrl })) return;
  throw new AppError(
    'ORIGIN_REFUSED',
    `origin ${JSON.stringify(origin?.slice(0, 200))} is not ${request.host}`,
  );
}
