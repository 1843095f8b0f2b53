// GET live (WebSocket): one stream a socket. Turns a `ws` socket into what the relay needs, and back.

import type { Socket } from 'node:net';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import { WebSocket } from 'ws';
import { parseAddress } from '@sitecast/shared/protocol/ids';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { viewerMessage, type LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import { toErrorBody } from '../plugins/errors.ts';
import { principalOf } from '../plugins/authentication.ts';
import { closeCodeOf } from '../relay/live-error.ts';
import type { JoinRequest, ViewerHandle, ViewerSocket } from '../relay/ports.ts';

export interface LiveRoutesOptions {
  /** @throws {AppError} STREAM_LIMIT, VIEWER_LIMIT, AGENT_OFFLINE, CAMERA_OFFLINE, PROFILE_UNSUPPORTED, COMMAND_TIMEOUT */
  join: (request: JoinRequest) => Promise<ViewerHandle>;
}

/** A socket that asks for nothing would hold a place for nothing. */
const SUBSCRIBE_WITHIN_MS = 10_000;
/** A player sends about one message a second. */
const MAX_MESSAGES_PER_WINDOW = 100;
const WINDOW_MS = 10_000;

export const liveRoutes: FastifyPluginAsyncZod<LiveRoutesOptions> = async (app, { join }) => {
  app.get('/live', { config: { access: 'viewer' }, websocket: true }, (socket, request) => {
    new LiveConnection(socket, request, join).start();
  });
};

type State =
  | { kind: 'waiting'; timer: NodeJS.Timeout }
  | { kind: 'joining'; closed: AbortController }
  | { kind: 'watching'; handle: ViewerHandle }
  | { kind: 'over' };

/** `waiting` for subscribe, `joining` until the relay answered, `watching`, `over` once the socket is closed or refused. */
class LiveConnection {
  readonly #socket: WebSocket;
  readonly #request: FastifyRequest;
  readonly #join: LiveRoutesOptions['join'];
  #state: State = { kind: 'over' };
  #messagesInWindow = 0;
  #windowStartedMs = 0;

  constructor(socket: WebSocket, request: FastifyRequest, join: LiveRoutesOptions['join']) {
    this.#socket = socket;
    this.#request = request;
    this.#join = join;
  }

  /** Attaches its listeners before anything is awaited: a message that comes meanwhile would be lost. */
  start(): void {
    const timer = setTimeout(
      () => this.#refuse(new AppError('BAD_REQUEST', `no subscribe within ${SUBSCRIBE_WITHIN_MS} ms`)),
      SUBSCRIBE_WITHIN_MS,
    );
    this.#state = { kind: 'waiting', timer };
    this.#socket.on('message', (bytes, isBinary) => this.#onMessage(isBinary ? '' : textOf(bytes)));
    this.#socket.on('close', () => this.#onClose());
  }

  #onMessage(text: string): void {
    if (this.#isFlooding()) {
      return this.#refuse(
        new AppError('RATE_LIMITED', `above ${MAX_MESSAGES_PER_WINDOW} messages in ${WINDOW_MS} ms`),
      );
    }
    if (this.#state.kind === 'watching') return this.#state.handle.onMessage(text);
    if (this.#state.kind !== 'waiting') return;
    clearTimeout(this.#state.timer);
    const closed = new AbortController();
    this.#state = { kind: 'joining', closed };
    this.#subscribe(text, closed.signal).catch((error: unknown) => this.#refuse(error));
  }

  async #subscribe(text: string, closed: AbortSignal): Promise<void> {
    const { camera, profile, codecs } = parseSubscribe(text);
    const principal = principalOf(this.#request);
    const address = parseAddress(camera);
    if (!seesSite(principal, address.site))
      throw new AppError('NOT_FOUND', `camera ${camera} does not exist`);
    const handle = await this.#join({
      camera: address,
      profile,
      codecs,
      userId: principal.userId,
      address: this.#request.ip,
      socket: toViewerSocket(this.#socket, this.#request.raw.socket),
      closed,
    });
    // The browser may have gone while the agent was asked.
    if (!closed.aborted) this.#state = { kind: 'watching', handle };
  }

  #onClose(): void {
    const state = this.#state;
    this.#state = { kind: 'over' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if (state.kind === 'joining') state.closed.abort();
    if (state.kind === 'watching') state.handle.onClose();
  }

  #refuse(error: unknown): void {
    const { code, message, messageKo, detail } = toErrorBody(error).error;
    const { limit, active, retryAfterMs } = detail;
    if (code === 'INTERNAL') this.#request.log.error({ err: error }, 'a viewer could not join');
    // `code` may be one of ours beyond the wire's: a page shows the sentences of any code.
    const told = { type: 'error', code, message, messageKo, limit, active, retryAfterMs } as LiveMessage;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(told));
    this.#socket.close(closeCodeOf(code), code);
    this.#onClose();
  }

  #isFlooding(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartedMs > WINDOW_MS) {
      this.#windowStartedMs = nowMs;
      this.#messagesInWindow = 0;
    }
    this.#messagesInWindow += 1;
    return this.#messagesInWindow > MAX_MESSAGES_PER_WINDOW;
  }
}

/** @throws {AppError} FRAME_MALFORMED when it is no message of a viewer, BAD_REQUEST when it is another one. */
function parseSubscribe(text: string) {
  const message = decodeMessage(viewerMessage, Buffer.from(text));
  if (message.type === 'subscribe') return message;
  throw new AppError(
    'BAD_REQUEST',
    'the first message must be {"type":"subscribe","camera":"site/camera",...}',
  );
}

function textOf(bytes: Buffer | ArrayBuffer | Buffer[]): string {
  if (Array.isArray(bytes)) return Buffer.concat(bytes).toString('utf8');
  return Buffer.from(bytes as Buffer).toString('utf8');
}

/**
 * Frames go to the TCP or TLS socket below `ws`: ws would build a header for each viewer and look at each payload. Safe
 * beside its own sends, since ws without compression writes each message whole and at once.
 */
export function toViewerSocket(socket: WebSocket, transport: Socket): ViewerSocket {
  const isOpen = (): boolean => socket.readyState === WebSocket.OPEN && transport.writable;
  return {
    sendText: (text) => {
      if (isOpen()) socket.send(text);
    },
    sendFrame: (prebuilt) => {
      if (isOpen()) transport.write(prebuilt);
    },
    queuedBytes: () => transport.writableLength,
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}
