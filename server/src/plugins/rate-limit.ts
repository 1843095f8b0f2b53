// HTTP requests per address and minute. Bound: TRACKED_ADDRESSES counters, drop-oldest.

import rateLimit from '@fastify/rate-limit';
import fp from 'fastify-plugin';
import { AppError } from '@sitecast/shared/runtime/app-error';

export const TRACKED_ADDRESSES = 5_000;

export const requestRateLimit = fp<{ requestsPerMinute: number }>(async (app, { requestsPerMinute }) => {
  await app.register(rateLimit, {
    // As a hook of the whole server, and so before the login is checked: on routes it would come after, and guesses be free.
    global: false,
    max: requestsPerMinute,
    timeWindow: 60_000,
    cache: TRACKED_ADDRESSES,
    errorResponseBuilder: (_request, { max, ttl }) =>
      new AppError('RATE_LIMITED', `more than ${max} requests in a minute`, {
        retryable: true,
        detail: { limit: max, retryAfterMs: ttl },
      }),
  });
  app.addHook('onRequest', app.rateLimit());
});
