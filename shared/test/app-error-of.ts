// What a call threw, when that must be an AppError.

import { AppError } from '../src/runtime/app-error.ts';

/** @returns the AppError that `call` threw; any other error is thrown on, and no error fails. */
export function appErrorOf(call: () => unknown): AppError {
  try {
    call();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('the call was expected to throw an AppError');
}

/** Runs `call` and lets nothing out of it but an AppError of one of `codes`. @returns the code, or undefined when it passed. */
export function codeOrPass(call: () => unknown, codes: readonly string[]): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof AppError && codes.includes(error.code)) return error.code;
    throw error;
  }
}
