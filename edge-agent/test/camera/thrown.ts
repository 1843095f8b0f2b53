// What a call threw, when that must be an AppError.

import { isAppError, type AppError } from '@sitecast/shared/runtime/app-error';

/** @returns the AppError that `call` threw, or undefined when it passed; any other error is thrown on. */
export function thrownBy(call: () => unknown): AppError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (isAppError(error)) return error;
    throw error;
  }
}
