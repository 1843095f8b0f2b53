// The one error type that crosses module borders. Callers branch on `code`, never on the message.

export interface AppErrorOptions {
  cause?: unknown;
  /** True when the same call may succeed later without anybody changing anything. */
  retryable?: boolean;
  /** Facts for a log line or an API answer. Never credentials. */
  detail?: Record<string, unknown>;
}

/**
 * An expected failure, with a code from a closed union (`shared/src/protocol/errors.ts`, each service's `errors.ts`).
 * The message says what was attempted, on what, and the value. Programmer mistakes are `TypeError`s instead.
 */
export class AppError<Code extends string = string> extends Error {
  override readonly name = 'AppError';
  readonly code: Code;
  readonly retryable: boolean;
  readonly detail: Record<string, unknown>;

  constructor(code: Code, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.detail = options.detail ?? {};
  }
}

/** Narrows `error` to an AppError, of the given code when one is named. */
export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
