// A program that is measured: a child process that leads its own group, so that all it started can be ended with it.

import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { descendantsOf } from '../../test/e2e/support/sitecast.ts';

const KEPT_OUTPUT_CHARS = 20_000;
const STOP_GRACE_MS = 12_000;

export interface ProgramOptions {
  command: string;
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
}

export class Program implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  /** Newest last; bound KEPT_OUTPUT_CHARS. */
  #output = '';

  constructor({ command, args, env = {}, cwd }: ProgramOptions) {
    this.name = [command, ...args].join(' ');
    this.#child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', (error) => {
        this.#keep(error.message);
        resolve();
      });
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (chunk: Buffer) => this.#keep(chunk.toString()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Itself and all that it started. */
  get pids(): number[] {
    return [this.pid, ...descendantsOf(this.pid).map(({ pid }) => pid)];
  }

  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended; undefined while it runs. */
  get ending(): string | undefined {
    if (this.isRunning) return undefined;
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }

  /** The first match in its output. @throws {Error} with its last words when it ends or stays silent. */
  async printed(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      if (!this.isRunning || performance.now() > deadline)
        throw new Error(
          `${this.name} did not print ${pattern} (${this.ending ?? 'too slow'}): ${this.#output}`,
        );
      await delay(25);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGTERM');
    await Promise.race([this.#exited, delay(STOP_GRACE_MS, undefined, { ref: false })]);
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nothing of the group is left.
    }
    await this.#exited;
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-KEPT_OUTPUT_CHARS);
  }
}
