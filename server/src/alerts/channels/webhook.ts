// A signed POST to a web server (README.md, "Channels"). Follows no redirect, reads no answer.

import { createHmac } from 'node:crypto';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import { addressOf } from './channel.ts';
import type { Letter } from './delivery-store.ts';
import { jsonOf } from './letter-text.ts';
import type { WebAddresses } from './web-addresses.ts';

const TIMEOUT_MS = 10_000;
const SIGNATURE_VERSION = 'v1';

export interface WebhookOptions {
  addresses: WebAddresses;
  publicUrl: URL | undefined;
  timeoutMs?: number;
}

export class Webhook {
  readonly #options: WebhookOptions;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** @throws {AppError} DELIVERY_FAILED, retryable but for a redirect; WEBHOOK_ADDRESS. Neither says where to. */
  async send(letter: Letter, nowMs: number): Promise<void> {
    const { addresses, publicUrl, timeoutMs = TIMEOUT_MS } = this.#options;
    const { settings } = letter.channel;
    if (settings.kind !== 'webhook') throw new TypeError('not a webhook');
    const url = new URL(settings.url);
    const address = addressOf(url.hostname);
    // A name is checked when it is looked up, an address never is.
    if (address !== undefined) addresses.expect(address);
    const body = Buffer.from(jsonOf(letter, publicUrl));
    const status = await post(url, body, {
      headers: headersOf(letter, body, nowMs),
      lookup: addresses.lookup,
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw toDeliveryError(error, timeoutMs);
    });
    expectTaken(status);
  }
}

/** Over the time and the body, so that neither can be changed, nor the whole be sent again much later. */
function signatureOf(secret: string, timestamp: number, body: Uint8Array): string {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
}

function headersOf(
  { id, event, secret }: Letter,
  body: Buffer,
  nowMs: number,
): Record<string, string | number> {
  const timestamp = Math.floor(nowMs / 1_000);
  return {
    'content-type': 'application/json',
    'content-length': body.length,
    'user-agent': 'Sitecast',
    'sitecast-delivery': id,
    'sitecast-event': event,
    'sitecast-timestamp': timestamp,
    ...(secret === null
      ? {}
      : { 'sitecast-signature': `${SIGNATURE_VERSION}=${signatureOf(secret, timestamp, body)}` }),
  };
}

function post(url: URL, body: Buffer, options: RequestOptions): Promise<number> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { ...options, method: 'POST', agent: false }, (response) => {
      resolve(response.statusCode ?? 0);
      // What it says to it is of no interest, and may be long.
      response.destroy();
    });
    request.on('error', reject);
    request.end(body);
  });
}

function expectTaken(status: number): void {
  if (status >= 200 && status < 300) return;
  const isRedirect = status >= 300 && status < 400;
  const what = isRedirect ? 'a redirect, which is not followed' : 'that it did not take it';
  throw new AppError('DELIVERY_FAILED', `the web server answered ${what} (${status})`, {
    retryable: !isRedirect,
  });
}

function toDeliveryError(error: unknown, timeoutMs: number): AppError {
  if (isAppError(error)) return error;
  const { name, code = name } = error as NodeJS.ErrnoException;
  const isLate = name === 'TimeoutError' || name === 'AbortError';
  const text = isLate ? `did not answer within ${timeoutMs} ms` : `could not be reached (${code})`;
  return new AppError('DELIVERY_FAILED', `the web server ${text}`, { retryable: true });
}
