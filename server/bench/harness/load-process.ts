// One load in a process of its own, outside of what is measured. It ends with this process, whatever ends that.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadName, OptionsOf, ReportOf } from '../loads/registry.ts';
import { descendantsOf } from '../../test/e2e/support/sitecast.ts';
import { usageOf } from './process-usage.ts';

const WORKER = fileURLToPath(new URL('./load-worker.ts', import.meta.url));
const STOP_GRACE_MS = 5_000;
const START_TIMEOUT_MS = 90_000;
/** Above this share of a core the generator may be what is slow. */
const MAX_CORE_SHARE = 0.7;

export type LoadRequest =
  | { id: number; act: 'start'; name: LoadName; options: unknown }
  | { id: number; act: 'reset' | 'report' | 'finish' };

export interface LoadAnswer {
  id: number;
  value?: unknown;
  error?: string;
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

export class LoadProcess<Name extends LoadName> implements AsyncDisposable {
  readonly #name: Name;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #since = { cpuSeconds: 0, atMs: 0 };

  private constructor(name: Name) {
    this.#name = name;
    this.#child = fork(WORKER, { execArgv: ['--import', 'tsx'], detached: true });
    this.#child.on('message', (answer: LoadAnswer) => this.#settle(answer));
    this.#child.on('exit', (code) => this.#ended(code));
  }

  /** Resolves when the load is running. */
  static async start<Name extends LoadName>(
    name: Name,
    options: OptionsOf<Name>,
  ): Promise<LoadProcess<Name>> {
    const load = new LoadProcess(name);
    try {
      const tooLate = setTimeout(() => load.#child.kill('SIGKILL'), START_TIMEOUT_MS);
      await load.#ask({ act: 'start', name, options }).finally(() => clearTimeout(tooLate));
      return load;
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Begins a window: what was counted before is forgotten. */
  async reset(): Promise<void> {
    await this.#ask({ act: 'reset' });
    this.#since = { cpuSeconds: this.#cpuSeconds, atMs: performance.now() };
  }

  async report(): Promise<ReportOf<Name>> {
    return (await this.#ask({ act: 'report' })) as ReportOf<Name>;
  }

  /** Sends no more, and waits a while for what is not acknowledged yet. */
  async finish(): Promise<void> {
    await this.#ask({ act: 'finish' });
  }

  /** Cores since `reset`. */
  get cores(): number {
    return (this.#cpuSeconds - this.#since.cpuSeconds) / ((performance.now() - this.#since.atMs) / 1_000);
  }

  get isOverloaded(): boolean {
    return this.cores > MAX_CORE_SHARE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    await exited;
    clearTimeout(timer);
  }

  /** What it started included. */
  get #cpuSeconds(): number {
    const pid = this.#child.pid!;
    return usageOf([pid, ...descendantsOf(pid).map((child) => child.pid)]).cpuSeconds;
  }

  #ask(request: { act: 'start'; name: LoadName; options: unknown } | { act: 'reset' | 'report' | 'finish' }) {
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ...request }, (error) => error && reject(error));
    });
  }

  #settle({ id, value, error }: LoadAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`load ${this.#name}: ${error}`));
  }

  #ended(code: number | null): void {
    for (const { reject } of this.#waiting.values())
      reject(new Error(`load ${this.#name} ended with ${code}`));
    this.#waiting.clear();
  }
}
