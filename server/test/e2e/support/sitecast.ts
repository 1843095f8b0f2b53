// Starts the whole product as `npm start` does, on free ports in a new folder, and talks to it as a program would.

import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from '../../../../shared/test/patience.ts';

const LAUNCHER = fileURLToPath(new URL('../../../dist/standalone/main.js', import.meta.url));

export interface Ready {
  url: string;
  username: string;
  password: string;
  mqttPort: number;
  mediaPort: number;
  databaseUrl: string;
  pids: { server: number; agent: number };
}

export interface StartOptions {
  args?: string[];
  /** Kept over restarts by the caller; a new folder otherwise, removed at the end. */
  dataDir?: string;
  env?: Record<string, string>;
  /** Puts into a new folder what it has before the start. */
  fill?: ((folder: string) => Promise<void>) | undefined;
}

export class Sitecast {
  readonly dataDir: string;
  readonly #launcher: ChildProcess;
  readonly #readyFile: string;
  readonly #removesDataDir: boolean;
  #output = '';

  private constructor(launcher: ChildProcess, dataDir: string, readyFile: string, removesDataDir: boolean) {
    this.#launcher = launcher;
    this.dataDir = dataDir;
    this.#readyFile = readyFile;
    this.#removesDataDir = removesDataDir;
    for (const stream of [launcher.stdout!, launcher.stderr!]) {
      stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    }
  }

  static async start({ args = [], dataDir, env = {}, fill }: StartOptions = {}): Promise<Sitecast> {
    const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'sitecast-e2e-'));
    await fill?.(folder);
    // Where the account of root's PostgreSQL may pass, or the database would lie in /var/lib and stay there.
    chmodSync(folder, 0o711);
    const readyFile = join(folder, 'ready.json');
    const ports = ['--port', '0', '--mqtt-port', '0', '--media-port', '0'];
    const launcher = spawn(
      process.execPath,
      [LAUNCHER, ...ports, '--data-dir', folder, '--ready-file', readyFile, ...args],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const sitecast = new Sitecast(launcher, folder, readyFile, dataDir === undefined);
    try {
      await waitFor(() => sitecast.#isUp(), 'the ready file');
    } catch (error) {
      await sitecast.close();
      const logs = [sitecast.output, sitecast.log('server'), sitecast.log('agent')].join('\n');
      throw new Error(`${(error as Error).message}\n${logs}`, { cause: error });
    }
    return sitecast;
  }

  /** Read anew each time: a restart of a child changes its pid. */
  get ready(): Ready {
    return JSON.parse(readFileSync(this.#readyFile, 'utf8')) as Ready;
  }

  /** What the launcher printed. */
  get output(): string {
    return this.#output;
  }

  get launcherPid(): number {
    return this.#launcher.pid!;
  }

  log(child: 'server' | 'agent' | 'postgres'): string {
    const path = join(this.dataDir, 'logs', `${child}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Logs in; later calls of `fetch` carry the cookie. */
  async login(): Promise<ApiSession> {
    const { url, username, password } = this.ready;
    const response = await fetch(`${url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    if (response.status !== 200)
      throw new Error(`login answered ${response.status}: ${await response.text()}`);
    const cookie = response.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    return new ApiSession(url, cookie);
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<{ code: number | null; tookMs: number }> {
    const startedMs = performance.now();
    if (this.#launcher.exitCode === null && this.#launcher.signalCode === null) {
      const gone = new Promise((resolve) => this.#launcher.once('exit', resolve));
      this.#launcher.kill(signal);
      await gone;
    }
    return { code: this.#launcher.exitCode, tookMs: performance.now() - startedMs };
  }

  async close(): Promise<void> {
    await this.stop();
    if (this.#removesDataDir) rmSync(this.dataDir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #isUp(): boolean {
    if (this.#launcher.exitCode !== null)
      throw new Error(`the launcher ended with ${this.#launcher.exitCode}`);
    return existsSync(this.#readyFile);
  }
}

export class ApiSession {
  readonly url: string;
  readonly cookie: string;

  constructor(url: string, cookie: string) {
    this.url = url;
    this.cookie = cookie;
  }

  /** @param path below /api/v1, without a slash in front. */
  fetch(path: string, init: RequestInit & { json?: unknown } = {}): Promise<Response> {
    const { json, ...rest } = init;
    return fetch(`${this.url}/api/v1/${path}`, {
      ...rest,
      headers: {
        cookie: this.cookie,
        origin: this.url,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(rest.headers as Record<string, string> | undefined),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  }

  async get<T>(path: string): Promise<T> {
    const response = await this.fetch(path);
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Of what an agent has to answer: posts again where a slow machine did not in time. */
  async command<T>(path: string, json: unknown): Promise<T> {
    const answered = await waitFor(async () => {
      const response = await this.fetch(path, { method: 'POST', json });
      return response.status !== 504 && response;
    }, `the answer to ${path}`);
    if (!answered.ok) throw new Error(`POST ${path} answered ${answered.status}: ${await answered.text()}`);
    return (await answered.json()) as T;
  }

  async post<T>(path: string, json: unknown): Promise<T> {
    const response = await this.fetch(path, { method: 'POST', json });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }
}

/** Polls until `probe` gives something truthy. A probe that throws ends the wait with its error. */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  what: string,
  timeoutMs = PATIENCE_MS,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found) return found as Exclude<T, false | null | undefined | 0 | ''>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await delay(100);
  }
}

/** Process ids of the children, and theirs, of `pid`, with their command names. */
export function descendantsOf(pid: number): { pid: number; command: string }[] {
  const children = childPids(pid);
  return children.flatMap((child) => [{ pid: child, command: commandOf(child) }, ...descendantsOf(child)]);
}

function childPids(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
