// What ends a process of ours: SIGTERM, Ctrl-C, a closed terminal, or the end of the launcher that started it.

import { isatty } from 'node:tty';

export interface StopSignalOptions {
  /** From the first signal to a hard exit with code 1, ms. Supervisors commonly kill after 10 s. */
  deadlineMs: number;
  onDeadline?: () => void;
  /** Takes SIGHUP for a daemon, where it means "read your configuration again"; a terminal that is gone still ends the process. */
  onHangup?: (() => void) | undefined;
}

/** Below npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. */
const ECHO_MS = 1_000;

/**
 * For `main.ts` only. The first signal aborts the result, and the caller stops in order; a second one exits at once.
 * A process that was started with an IPC channel also stops when its parent is gone, even by SIGKILL.
 */
export function stopSignal({ deadlineMs, onDeadline, onHangup }: StopSignalOptions): AbortSignal {
  const hadTerminal = hasTerminal();
  const stopping = new AbortController();
  let sinceMs = 0;
  const stop = (): void => {
    if (stopping.signal.aborted) {
      if (performance.now() - sinceMs > ECHO_MS) process.exit(1);
      return;
    }
    sinceMs = performance.now();
    stopping.abort();
    setTimeout(() => {
      onDeadline?.();
      process.exit(1);
    }, deadlineMs).unref();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  process.on('SIGHUP', () => {
    if (onHangup && hasTerminal() === hadTerminal) onHangup();
    else stop();
  });
  process.once('disconnect', stop);
  process.channel?.unref();
  return stopping.signal;
}

function hasTerminal(): boolean {
  return [0, 1, 2].some(isatty);
}
