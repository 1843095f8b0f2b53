// What a look at one thing found, and what to do about it.

import { messageOf } from '../runtime/app-error.ts';
import { redact } from './logger.ts';

/** `skipped`: could not be looked at now, and why that is no fault. */
export type CheckState = 'ok' | 'warning' | 'failed' | 'skipped';

export interface Finding {
  state: CheckState;
  /** One line for an installer. */
  text: string;
  /** What to do; absent when there is nothing to do. */
  advice?: string;
}

export interface Check extends Finding {
  name: string;
}

export const ok = (text: string): Finding => ({ state: 'ok', text });
export const skipped = (text: string): Finding => ({ state: 'skipped', text });
export const warning = (text: string, advice: string): Finding => ({ state: 'warning', text, advice });
export const failed = (text: string, advice: string): Finding => ({ state: 'failed', text, advice });

/** Never rejects: a look that itself fails is a finding. */
export async function check(name: string, look: () => Promise<Finding>): Promise<Check> {
  try {
    return { name, ...(await look()) };
  } catch (error) {
    return { name, ...failed(redact(messageOf(error)), 'report this: the look itself failed') };
  }
}

/** A line for each, and one for the advice below it. */
export function linesOf(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, state, text, advice }) => [
    `${state.padEnd(8)} ${name.padEnd(width)}  ${text}`,
    ...(advice === undefined ? [] : [`${' '.repeat(9 + width)}  -> ${advice}`]),
  ]);
}
