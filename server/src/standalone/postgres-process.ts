// One postmaster: started, watched until it accepts connections, and ended. PostgreSQL's own children follow it.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { PostgresAccount } from './postgres-account.ts';

const POLL_MS = 25;
const READY_TIMEOUT_MS = 60_000;
const FAST_STOP_MS = 8_000;
const IMMEDIATE_STOP_MS = 2_000;
const KEPT_LOG_LINES = 20;

export interface PostmasterOptions {
  binary: string;
  pgData: string;
  /** `-c` settings. */
  settings: Record<string, string>;
  account: PostgresAccount | undefined;
  onLogLine: (line: string) => void;
}

/**
 * Owns the child process, and its guard. Both lead process groups of their own: Ctrl-C in a terminal must not stop PostgreSQL
 * before its clients.
 */
export class Postmaster {
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #pgData: string;
  /** Newest last, for the error when it does not come up. Bound: KEPT_LOG_LINES, `drop-oldest`. */
  readonly #logTail: string[] = [];

  constructor({ binary, pgData, settings, account, onLogLine }: PostmasterOptions) {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.#pgData = pgData;
    this.#child = spawn(binary, ['-D', pgData, ...flags], {
      ...account,
      cwd: pgData,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    });
    const guard = this.#child.pid === undefined ? undefined : new Guard(this.#child.pid, account);
    this.exited = new Promise<void>((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', (error) => {
        this.#logTail.push(error.message);
        resolve();
      });
    }).then(() => guard?.dismiss());
    if (this.#child.stderr) {
      createInterface({ input: this.#child.stderr }).on('line', (line) => {
        if (this.#logTail.push(line) > KEPT_LOG_LINES) this.#logTail.shift();
        onLogLine(line);
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws {AppError} POSTGRES_FAILED with its last log lines when it ended or stays silent. */
  async waitUntilReady(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (this.isRunning && Date.now() < deadline) {
      const lock = await readLockFile(this.#pgData);
      if (lock?.pid === this.pid && lock.isReady) return;
      await delay(POLL_MS);
    }
    const why = this.isRunning ? `is not ready after ${READY_TIMEOUT_MS} ms` : 'ended while starting';
    throw new AppError(
      'POSTGRES_FAILED',
      `PostgreSQL on ${this.#pgData} ${why}: ${this.#logTail.join(' | ')}`,
      {
        detail: { log: [...this.#logTail] },
      },
    );
  }

  /** Fast shutdown, then immediate, then SIGKILL (PostgreSQL manual, "Shutting Down the Server"). */
  async stop(): Promise<void> {
    const steps = [
      ['SIGINT', FAST_STOP_MS],
      ['SIGQUIT', IMMEDIATE_STOP_MS],
    ] as const;
    for (const [signal, graceMs] of steps) {
      if (!this.isRunning) break;
      this.#child.kill(signal);
      await Promise.race([this.exited, delay(graceMs, undefined, { ref: false })]);
    }
    if (this.isRunning) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/**
 * Waits for the end of a pipe that only this process holds, so that PostgreSQL does not outlive us, not even a SIGKILL. First
 * "smart": the server, which is told at the same moment, finishes with its database; then "fast", for clients of others.
 */
class Guard {
  readonly #shell: ChildProcess;
  readonly #gone: Promise<void>;

  constructor(pid: number, account: PostgresAccount | undefined) {
    const script = `read -r _ && exit; kill -TERM "$0"; for _ in 1 2 3 4 5 6 7 8; do sleep 1; kill -0 "$0" || exit; done; kill -INT "$0"`;
    this.#shell = spawn('/bin/sh', ['-c', script, String(pid)], {
      ...account,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH },
    });
    this.#gone = new Promise((resolve) => {
      this.#shell.once('exit', () => resolve());
      // Without a shell there is no guard; the next start then ends what was left (`endForgottenPostmaster`).
      this.#shell.once('error', () => resolve());
    });
    this.#shell.stdin?.on('error', () => undefined);
  }

  /** Resolves when it is gone: PostgreSQL needs it no longer. */
  async dismiss(): Promise<void> {
    this.#shell.kill('SIGKILL');
    await this.#gone;
  }
}

interface LockFile {
  pid: number;
  isReady: boolean;
}

// postmaster.pid: line 1 the pid, line 8 the state, written by the postmaster itself (src/include/utils/pidfile.h).
async function readLockFile(pgData: string): Promise<LockFile | undefined> {
  const text = await readFile(join(pgData, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, isReady: lines[7]?.trim() === 'ready' } : undefined;
}

/** Ends a postmaster on `pgData` that outlived the program which started it. Never touches another program's process. */
export async function endForgottenPostmaster(pgData: string): Promise<void> {
  const lock = await readLockFile(pgData);
  if (!lock || !(await isPostmasterOf(lock.pid, pgData))) return;
  for (const [signal, graceMs] of [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', IMMEDIATE_STOP_MS],
  ] as const) {
    process.kill(lock.pid, signal);
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline) {
      if (!(await isPostmasterOf(lock.pid, pgData))) return;
      await delay(POLL_MS);
    }
  }
}

/** By its command line: a pid alone may belong to anybody by now. Off Linux, PostgreSQL's own lock check has to do. */
async function isPostmasterOf(pid: number, pgData: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const [binary = '', flag, dir] = commandLine.split('\0');
  return binary.endsWith('/postgres') && flag === '-D' && dir === pgData;
}
