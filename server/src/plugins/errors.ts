// Every failed request gets the same body, with sentences for a person; text that we did not write never leaves.

import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import fp from 'fastify-plugin';
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { redact, type Logger } from '@sitecast/shared/node/logger';
import { isAppError, messageOf, type AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { ThrottledLog } from '../broker/throttled-log.ts';
import {
  errorBody,
  httpStatusOf,
  isServerErrorCode,
  type ErrorBody,
  type ServerErrorCode,
} from '../errors.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Tells of requests that were refused at a bound. */
    refusals: ThrottledLog;
  }
  interface FastifyReply {
    /** Why the request was not granted; undefined when it was. */
    errorCode: ServerErrorCode | undefined;
  }
}

export interface ErrorAnswersOptions {
  logger: Logger;
  clock?: Clock;
}

const REFUSALS_LOG_INTERVAL_MS = 10_000;

export const errorAnswers = fp<ErrorAnswersOptions>(async (app, { logger, clock = systemClock }) => {
  app.decorate('refusals', new ThrottledLog({ logger, clock, intervalMs: REFUSALS_LOG_INTERVAL_MS }));
  app.decorateReply('errorCode', undefined);
  app.setErrorHandler((error, request, reply) => answer(error, request, reply));
});

/** Refusals that come in hundreds when they come, and are counted: a line and a stack for each would be a flood of its own. */
const AT_A_BOUND: ReadonlySet<ServerErrorCode> = new Set([
  'QUEUE_FULL',
  'MEMORY_PRESSURE',
  'STORE_UNAVAILABLE',
]);

/** Also for what Fastify refuses before it knows the route, such as a path that is not one. */
export function answer(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const body = toErrorBody(error);
  const status = httpStatusOf(body.error.code);
  if (AT_A_BOUND.has(body.error.code)) tellRefusal(error, body.error.code, request);
  else if (status >= 500) request.log.error({ err: error }, 'a request failed');
  reply.errorCode = body.error.code;
  const { retryAfterMs } = body.error.detail;
  if (typeof retryAfterMs === 'number')
    void reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)));
  return reply.code(status).send(body);
}

function tellRefusal(error: unknown, code: ServerErrorCode, request: FastifyRequest): void {
  request.server.refusals.warn(`requests are refused: ${code}`, () => ({ code, reason: messageOf(error) }));
}

const UNREADABLE: Partial<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** For what is no HTTP request as far as Node can tell: there is no reply then, only a socket. */
export function answerUnreadable(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = UNREADABLE[error.code] ?? '400 Bad Request';
  const body = JSON.stringify(errorBody('BAD_REQUEST', { reason: status.slice(4) }));
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** What may be told about `error`. */
export function toErrorBody(error: unknown): ErrorBody {
  if (isAppError(error) && isServerErrorCode(error.code))
    return errorBody(error.code, safeDetail(error, error.code));
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => ({
      key: instancePath.slice(1).replaceAll('/', '.'),
      message: message ?? 'not valid',
    }));
    return errorBody('BAD_REQUEST', { problems });
  }
  const code = codeOfFastifyError(error);
  return errorBody(code, code === 'BAD_REQUEST' ? { reason: reasonOf(error) } : {});
}

/** Fastify says what is wrong with a request in words of its own, without repeating what it holds. */
function reasonOf(error: unknown): string {
  const { code, message } = error as Partial<FastifyError>;
  return code?.startsWith('FST_') ? (message ?? 'not valid') : 'the request could not be read';
}

/** The reason helps whoever can change the request; what is wrong inside the server is for its log only. */
function safeDetail(error: AppError, code: ServerErrorCode): Record<string, unknown> {
  const { retryAfterMs, limit, active } = error.detail;
  const known = Object.fromEntries(
    Object.entries({ retryAfterMs, limit, active }).filter(([, value]) => typeof value === 'number'),
  );
  const isFromStore = 'sqlState' in error.detail;
  return httpStatusOf(code) >= 500 || isFromStore ? known : { ...known, reason: redact(error.message) };
}

function codeOfFastifyError(error: unknown): ServerErrorCode {
  const status = (error as Partial<FastifyError>).statusCode ?? 500;
  if (status === 413) return 'PAYLOAD_TOO_LARGE';
  if (status === 415) return 'MEDIA_TYPE_UNSUPPORTED';
  if (status === 429) return 'RATE_LIMITED';
  if (status === 404) return 'NOT_FOUND';
  return status >= 400 && status < 500 ? 'BAD_REQUEST' : 'INTERNAL';
}
