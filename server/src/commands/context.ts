// What a verb gets from `main.ts`, the only place that knows the process.

import type { Logger } from '@sitecast/shared/node/logger';

export interface CommandContext {
  env: Readonly<Record<string, string | undefined>>;
  logger: Logger;
  /** Aborted by the first signal. */
  stopping: AbortSignal;
  /** To standard output. */
  print: (text: string) => void;
  /** Standard input up to its end. */
  readInput: () => Promise<string>;
}

/** The verb has told what is wrong; all that is left is the exit code. */
export class ToldFailure extends Error {}

/** One answer for both readers: `--json` for programs, lines for people. */
export function printAnswer(
  { print }: CommandContext,
  { json }: { json?: boolean },
  answer: unknown,
  lines: () => string[],
): void {
  print(json ? `${JSON.stringify(answer, undefined, 2)}\n` : `${lines().join('\n')}\n`);
}
