// One child process that is started again when it ends by itself, and ended with its whole group when asked.

import { spawn, type ChildProcess } from 'node:child_process';
import { Backoff } from '@sitecast/shared/runtime/backoff';
import { systemClock, type Timer } from '@sitecast/shared/runtime/clock';
import type { LogFile } from './log-file.ts';

export interface SupervisedProcessOptions {
  /** A Node program and its arguments. */
  argv: string[];
  env: Record<string, string | undefined>;
  log: LogFile;
  /** From SIGTERM to SIGKILL. */
  stopGraceMs: number;
  /** Called after every start, the first one included. */
  onStart: (pid: number) => void;
  /** Called when the process ended without having been asked to. */
  onUnexpectedExit: (exit: ProcessExit) => void;
}

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process that ran this long before it ended starts the back-off anew. */
const HEALTHY_AFTER_MS = 60_000;

/**
 * The child leads its own process group: a Ctrl-C in the terminal reaches only the launcher, which then stops its children
 * in order, once. An IPC channel ends the child when the launcher is killed. Owns the process; borrows `log`.
 */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  readonly #backoff = new Backoff({ firstMs: 500, maxMs: 30_000 });
  #child: ChildProcess | undefined;
  #restart: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  /** Undefined between an end and the next start. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { argv, env, log, onStart } = this.#options;
    const startedAtMs = Date.now();
    const child = spawn(process.execPath, argv, {
      env,
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    this.#child = child;
    child.once('error', () => this.#ended(child, { code: 1, signal: null }, startedAtMs));
    child.once('exit', (code, signal) => this.#ended(child, { code, signal }, startedAtMs));
    if (child.pid !== undefined) onStart(child.pid);
  }

  /** SIGTERM, then SIGKILL to the group after `stopGraceMs`. Idempotent; resolves when the process is gone. */
  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  #ended(child: ChildProcess, exit: ProcessExit, startedAtMs: number): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#closing) return;
    this.#options.onUnexpectedExit(exit);
    if (Date.now() - startedAtMs > HEALTHY_AFTER_MS) this.#backoff.succeeded();
    this.#restart = systemClock.after(this.#backoff.nextDelayMs(), () => this.start());
  }

  async #stop(): Promise<void> {
    this.#restart?.cancel();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const killer = systemClock.after(this.#options.stopGraceMs, () => killGroup(child));
    await gone;
    killer.cancel();
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}
