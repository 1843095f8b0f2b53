// One ffmpeg process: started in a process group of its own, watched, and ended for certain. Owns the process, its pipes and
// its record in `runDir`.

import { spawn, type ChildProcess as NodeChild } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { redact } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import { OutputReader } from './output-reader.ts';
import { recordProcess } from './process-record.ts';

/** Policy: drop the oldest line, cut a longer line. Bounds in edge-agent/README.md. */
export const STDERR_LINES = 20;
export const STDERR_LINE_CHARACTERS = 400;
/**
 * Held of a line that has not ended: more than is kept of it by what the longest credentials take, so that these are seen as
 * a whole before the cut (`redact` looks 1,024 characters far).
 */
export const STDERR_PARTIAL_CHARACTERS = 4_096;
/** SIGTERM lets ffmpeg say TEARDOWN to the camera, some of which hold a dead session's slot for a minute; then SIGKILL. */
const KILL_AFTER_MS = 3_000;

export interface ChildProcessOptions {
  path: string;
  args: string[];
  stdin: string | undefined;
  /** More than `stdin` will be written to the standard input. */
  isStdinOpen?: boolean;
  /** 0 to 19 (nice(2)); the rest of the gateway goes first. */
  niceness?: number;
  /** Is shown each line of standard error, without credentials and cut; what it returns true for is kept no further. */
  takeLogLine?: ((line: string) => boolean) | undefined;
  /** Output pipes besides stderr, by file descriptor. */
  onOutput: Record<number, (chunk: Buffer) => void>;
  runDir: string;
  clock: Clock;
  /** From SIGTERM to SIGKILL; 0 for SIGKILL at once. */
  killAfterMs?: number;
}

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why there was no process at all. */
  spawnError: string | undefined;
  /** The last lines of standard error, without credentials. */
  stderr: string[];
}

export class ChildProcess {
  readonly #options: ChildProcessOptions;
  readonly #stderr: string[] = [];
  readonly #readers = new Map<number, OutputReader>();
  #partialLine = '';
  #child: NodeChild | undefined;
  #exited: Promise<ChildExit> | undefined;
  #hasExited = false;

  constructor(options: ChildProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#hasExited ? undefined : this.#child?.pid;
  }

  /** While it runs and was started with `isStdinOpen`. */
  get stdin(): Writable | undefined {
    return this.#hasExited ? undefined : (this.#child?.stdin ?? undefined);
  }

  /** Whether the output of a descriptor is taken as it comes, as from the start, or in batches (output-reader.ts). */
  attendTo(fd: number, isAttended: boolean): void {
    const reader = this.#hasExited ? undefined : this.#readers.get(fd);
    if (isAttended) reader?.attend();
    else reader?.rest();
  }

  /** @returns resolves once, when the process and its output have ended or when it could not be started; never rejects. */
  start(): Promise<ChildExit> {
    this.#exited ??= this.#start();
    return this.#exited;
  }

  /** Resolves when the process is gone. Idempotent. @param killAfterMs as the option. */
  async close(killAfterMs = this.#options.killAfterMs ?? KILL_AFTER_MS): Promise<void> {
    if (!this.#exited) return;
    const { clock } = this.#options;
    let timer: Timer | undefined;
    this.#signal(killAfterMs === 0 ? 'SIGKILL' : 'SIGTERM');
    if (this.pid !== undefined) timer = clock.after(killAfterMs, () => this.#signal('SIGKILL'));
    await this.#exited;
    timer?.cancel();
  }

  #start(): Promise<ChildExit> {
    const { path, args, runDir, niceness } = this.#options;
    return new Promise((resolve) => {
      let forget = (): void => {};
      const finish = (code: number | null, signal: NodeJS.Signals | null, spawnError?: string): void => {
        if (this.#hasExited) return;
        this.#hasExited = true;
        forget();
        this.#pushLine(this.#partialLine);
        resolve({ code, signal, spawnError, stderr: this.#stderr });
      };
      try {
        const child = spawn(path, args, { stdio: this.#stdio(), detached: true, env: childEnvironment() });
        this.#child = child;
        child.once(
          'error',
          (error) => child.pid === undefined && finish(null, null, redact(messageOf(error))),
        );
        child.once('close', (code, signal) => finish(code, signal));
        if (child.pid !== undefined) {
          forget = recordProcess(runDir, child.pid);
          if (niceness !== undefined) setPriority(child.pid, niceness);
        }
        this.#connect(child);
      } catch (error) {
        this.#signal('SIGKILL');
        finish(null, null, redact(messageOf(error)));
      }
    });
  }

  #stdio(): ('pipe' | 'ignore')[] {
    const { stdin, isStdinOpen, onOutput } = this.#options;
    const highest = Math.max(2, ...Object.keys(onOutput).map(Number));
    return Array.from({ length: highest + 1 }, (_, fd) => {
      const isUsed = fd === 0 ? isStdinOpen || stdin !== undefined : fd === 2 || onOutput[fd] !== undefined;
      return isUsed ? 'pipe' : 'ignore';
    });
  }

  #connect(child: NodeChild): void {
    const { stdin, isStdinOpen } = this.#options;
    // EPIPE and ECONNRESET of a dying process: its end is reported by 'close'.
    for (const stream of child.stdio) stream?.on('error', () => {});
    if (stdin !== undefined) child.stdin?.write(stdin);
    if (!isStdinOpen) child.stdin?.end();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#takeStderr(text));
    for (const [fd, take] of Object.entries(this.#options.onOutput)) {
      const stream = child.stdio[Number(fd)] as Readable | undefined;
      if (stream)
        this.#readers.set(Number(fd), new OutputReader({ stream, take, clock: this.#options.clock }));
    }
  }

  // The group, not the process alone: whatever ffmpeg may have started goes with it.
  #signal(signal: NodeJS.Signals): void {
    const pid = this.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Gone between the check and the call.
    }
  }

  #takeStderr(text: string): void {
    const lines = (this.#partialLine + text).split(/[\r\n]+/);
    this.#partialLine = cutPartial(lines.pop() ?? '');
    for (const line of lines) this.#pushLine(line);
  }

  #pushLine(line: string): void {
    if (line.trim() === '') return;
    // Cut after redaction: a cut through a URL could leave a password without the @ by which it is found.
    const kept = redact(line).slice(0, STDERR_LINE_CHARACTERS);
    if (this.#options.takeLogLine?.(kept)) return;
    this.#stderr.push(kept);
    if (this.#stderr.length > STDERR_LINES) this.#stderr.shift();
  }
}

// glibc stops learning what is not worth a mapping of its own where this is set, as it is for the agent: each picture would be
// mapped and unmapped.
function childEnvironment(): NodeJS.ProcessEnv {
  const { MALLOC_TRIM_THRESHOLD_: _, ...others } = process.env;
  return others;
}

// An address that the bound cuts goes altogether: without the @ behind it nobody can tell its password from its host.
function cutPartial(line: string): string {
  if (line.length <= STDERR_PARTIAL_CHARACTERS) return line;
  return line.slice(0, STDERR_PARTIAL_CHARACTERS).replace(/:\/\/\S*$/, '://');
}
