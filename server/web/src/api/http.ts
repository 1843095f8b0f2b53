// One way to the HTTP API: JSON in and out, the session cookie, errors as one type, a deadline on every call.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Language } from '../i18n/language.ts';

export const API = '/api/v1';
const DEADLINE_MS = 15_000;

/** What the server refused, with its sentence in both languages. */
export class ApiError extends AppError {
  readonly status: number;
  readonly messageKo: string;

  constructor(status: number, code: string, message: string, messageKo: string) {
    super(code, message, { retryable: status >= 500 || status === 429 });
    this.status = status;
    this.messageKo = messageKo;
  }
}

/** The sentence for a person; undefined when the failure did not come from the server. */
export function sentenceOf(error: unknown, language: Language): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  return language === 'ko' && error.messageKo !== '' ? error.messageKo : error.message;
}

export async function request<Answer>(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  options: { body?: unknown; signal?: AbortSignal } = {},
): Promise<Answer> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const response = await fetch(`${API}/${path}`, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: options.body === undefined ? null : JSON.stringify(options.body),
    signal: options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]),
  });
  const text = await response.text();
  if (!response.ok) throw errorOf(response.status, text);
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

/** @returns why a file is not sent: what the server says, or the failure of the network; undefined when it would be. */
export async function refusalOf(path: string): Promise<unknown> {
  try {
    const response = await fetch(`${API}/${path}`, {
      credentials: 'same-origin',
      headers: { range: 'bytes=0-0' },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    return response.ok ? undefined : errorOf(response.status, await response.text());
  } catch (error) {
    return error;
  }
}

function errorOf(status: number, text: string): ApiError {
  const fallback = `The server answered ${status}.`;
  try {
    const { error } = JSON.parse(text) as {
      error?: { code?: string; message?: string; messageKo?: string };
    };
    return new ApiError(
      status,
      error?.code ?? 'INTERNAL',
      error?.message ?? fallback,
      error?.messageKo ?? '',
    );
  } catch {
    return new ApiError(status, 'INTERNAL', fallback, `서버가 ${status}(으)로 응답했습니다.`);
  }
}

/** `?a=1&b=2` of the values that are there. */
export function queryOf(values: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

export function socketUrl(path: string): string {
  const url = new URL(`${API}/${path}`, window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
