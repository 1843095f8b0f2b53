// JSON messages: parse, bound, and say what is wrong with them in one line.

import * as z from 'zod';
import { AppError } from '../runtime/app-error.ts';
import { MAX_JSON_MESSAGE_BYTES } from './limits.ts';

// zod's generated fast path needs `eval`, which the page's Content-Security-Policy forbids.
z.config({ jitless: true });

/** ISO 8601 in UTC with milliseconds, as `Date.prototype.toISOString` writes it; any offset is read. */
export const isoTime = z.iso.datetime({ offset: true });

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** UTF-8 bytes of `message` as JSON. */
export function encodeJson(message: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(message));
}

/** @throws {AppError} FRAME_MALFORMED when `bytes` are not UTF-8 JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new AppError('FRAME_MALFORMED', 'the payload is not UTF-8 JSON', { cause });
  }
}

/**
 * Bytes -> checked message. Unknown keys are dropped, so that a newer peer can add some.
 * @throws {AppError} PAYLOAD_TOO_LARGE above `maxBytes`; FRAME_MALFORMED when it is not JSON or breaks the schema, naming
 * the first key that does.
 */
export function decodeMessage<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  maxBytes: number = MAX_JSON_MESSAGE_BYTES,
): z.output<S> {
  if (bytes.length > maxBytes) {
    throw new AppError('PAYLOAD_TOO_LARGE', `a message of ${bytes.length} bytes is above ${maxBytes}`);
  }
  const checked = schema.safeParse(parseJson(bytes));
  if (checked.success) return checked.data;
  throw new AppError('FRAME_MALFORMED', describeIssue(checked.error), { cause: checked.error });
}

function describeIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue ? `${issue.path.join('.') || 'message'}: ${issue.message}` : 'message is not valid';
}
