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

/** One answer for both readers: `--json` for programs, lines for people. */
export function printAnswer(
  { print }: CommandContext,
  { json }: { json?: boolean },
  answer: unknown,
  lines: () => string[],
): void {
  print(json ? `${JSON.stringify(answer, undefined, 2)}\n` : `${lines().join('\n')}\n`);
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(rows: (string | number)[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
