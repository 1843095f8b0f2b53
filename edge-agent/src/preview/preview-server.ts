// The LAN page over HTTP. Everything but the page itself and the login wants a session. Owns the server and its viewers.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { WatchableCameras } from './preview-cameras.ts';
import { SESSION_MS, type PreviewLogin } from './preview-login.ts';
import { ViewerStream } from './viewer-stream.ts';

/** Policy: refused with 429. Bounds in edge-agent/README.md. */
export const MAX_VIEWERS = 8;
const MAX_CONNECTIONS = 64;
const MAX_BODY_BYTES = 1_024;
const REQUEST_TIMEOUT_MS = 10_000;
const COOKIE = 'sitecast_preview';
const BASE = 'http://preview.invalid';

const PAGE = new URL('../../page/', import.meta.url);
const FILES: Record<string, [file: string, type: string]> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/player.js': ['player.js', 'text/javascript; charset=utf-8'],
  '/words.js': ['words.js', 'text/javascript; charset=utf-8'],
};
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};
const STATUS: Record<string, number> = {
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  BAD_REQUEST: 400,
  PAYLOAD_TOO_LARGE: 413,
  QUEUE_FULL: 429,
  CAMERA_OFFLINE: 503,
};

export interface PreviewServerOptions {
  host: string;
  port: number;
  login: PreviewLogin;
  cameras: WatchableCameras;
  logger: Logger;
  clock: Clock;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  token: string | undefined;
}

export class PreviewServer {
  readonly #options: PreviewServerOptions;
  readonly #server: Server;
  readonly #viewers = new Map<string, ViewerStream>();

  private constructor(options: PreviewServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.headersTimeout = REQUEST_TIMEOUT_MS;
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
  }

  /** @throws {AppError} PORT_IN_USE */
  static async open(options: PreviewServerOptions): Promise<PreviewServer> {
    const preview = new PreviewServer(options);
    const { host, port } = options;
    await new Promise<void>((resolve, reject) => {
      preview.#server.once('error', (cause) => {
        reject(
          new AppError('PORT_IN_USE', `${host}:${port} cannot be listened at: ${messageOf(cause)}`, {
            cause,
          }),
        );
      });
      preview.#server.listen(port, host, resolve);
    });
    return preview;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  async close(): Promise<void> {
    for (const viewer of this.#viewers.values()) viewer.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    response.on('error', () => {});
    try {
      await this.#route({ request, response, url: urlOf(request), token: tokenOf(request) });
    } catch (error) {
      this.#fail(response, error);
    }
  }

  async #route(exchange: Exchange): Promise<void> {
    const { request, response, url, token } = exchange;
    const { login, cameras } = this.#options;
    const file = FILES[url.pathname];
    if (request.method === 'GET' && file) return sendFile(response, file);
    if (request.method === 'POST') refuseForeign(request);
    const route = `${request.method} ${url.pathname}`;
    if (route === 'POST /login') return await this.#logIn(exchange);
    if (!login.isLoggedIn(token)) throw new AppError('UNAUTHORIZED', 'log in first');
    const [, what, id] = url.pathname.split('/');
    if (route === 'POST /logout') return this.#logOut(exchange);
    if (route === 'GET /cameras') return sendJson(response, 200, { cameras: cameras.list() });
    if (route === 'GET /live') return this.#openViewer(exchange);
    if (request.method === 'GET' && what === 'stills' && id) return this.#sendStill(exchange, id);
    if (request.method === 'POST' && what === 'viewers' && id) return await this.#confirm(exchange, id);
    throw new AppError('NOT_FOUND', 'there is nothing here');
  }

  async #logIn({ request, response }: Exchange): Promise<void> {
    const { password } = await readJson(request);
    if (typeof password !== 'string') throw new AppError('BAD_REQUEST', 'a password is missing');
    const token = this.#options.login.logIn(password, request.socket.remoteAddress ?? '');
    const maxAge = Math.floor(SESSION_MS / 1000);
    response.setHeader(
      'set-cookie',
      `${COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${maxAge}`,
    );
    sendJson(response, 200, {});
  }

  #logOut({ response, token }: Exchange): void {
    this.#options.login.logOut(token);
    response.setHeader('set-cookie', `${COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0`);
    sendJson(response, 200, {});
  }

  #openViewer({ response, url }: Exchange): void {
    const { cameras, clock } = this.#options;
    const known = cameras.list().map(({ id }) => id);
    const cameraIds = [...new Set(url.searchParams.getAll('camera'))];
    if (cameraIds.length === 0 || !cameraIds.every((id) => known.includes(id))) {
      throw new AppError('NOT_FOUND', 'no such camera');
    }
    if (this.#viewers.size >= MAX_VIEWERS) throw new AppError('QUEUE_FULL', 'as many watch as may');
    const id = randomUUID();
    const viewer = new ViewerStream({
      cameraIds,
      cameras,
      clock,
      sink: response,
      onSilent: () => response.destroy(),
    });
    this.#viewers.set(id, viewer);
    response.once('close', () => {
      this.#viewers.delete(id);
      viewer.close();
    });
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'x-viewer': id });
    response.flushHeaders();
    viewer.start();
  }

  #sendStill({ response }: Exchange, id: string): void {
    const picture = this.#options.cameras.still(id);
    if (!picture) throw new AppError('CAMERA_OFFLINE', 'there is no picture yet');
    response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': picture.jpeg.length });
    response.end(picture.jpeg);
  }

  async #confirm({ request, response }: Exchange, id: string): Promise<void> {
    const { bytes } = await readJson(request);
    const viewer = this.#viewers.get(id);
    if (!viewer || typeof bytes !== 'number') throw new AppError('NOT_FOUND', 'no such viewer');
    viewer.confirm(bytes);
    sendJson(response, 200, {});
  }

  #fail(response: ServerResponse, error: unknown): void {
    const { code, detail } = isAppError(error) ? error : { code: 'INTERNAL', detail: {} };
    if (code === 'INTERNAL') this.#options.logger.error({ reason: messageOf(error) }, 'a request failed');
    if (response.headersSent) return void response.destroy();
    const { retryAfterMs } = detail as { retryAfterMs?: number };
    if (retryAfterMs !== undefined) response.setHeader('retry-after', Math.ceil(retryAfterMs / 1000));
    // Whatever is left of the request is not read.
    response.setHeader('connection', 'close');
    sendJson(response, STATUS[code] ?? 500, { error: { code, retryAfterMs } });
  }
}

/** @throws {AppError} BAD_REQUEST: HTTP lets through what is no URL, such as two slashes. */
function urlOf({ url = '/' }: IncomingMessage): URL {
  if (!URL.canParse(url, BASE)) throw new AppError('BAD_REQUEST', 'the path is none');
  return new URL(url, BASE);
}

function tokenOf({ headers }: IncomingMessage): string | undefined {
  const cookies = (headers.cookie ?? '').split(/;\s*/);
  return cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

/** Another page in the same browser may not log in, out, or confirm. */
function refuseForeign({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `http://${host}`)
    throw new AppError('BAD_REQUEST', 'from another page');
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when it is too large: the answer goes out on the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new AppError('PAYLOAD_TOO_LARGE', 'the request is too large');
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Said below.
  }
  throw new AppError('BAD_REQUEST', 'the request is no JSON object');
}

function sendFile(response: ServerResponse, [file, type]: [string, string]): void {
  response.writeHead(200, { 'content-type': type }).end(readFileSync(new URL(file, PAGE)));
}

function sendJson(response: ServerResponse, status: number, message: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}
