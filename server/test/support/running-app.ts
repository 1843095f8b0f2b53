// The whole server in this process, on free ports, with its first administrator logged in.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import type { LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { testLogger, type TestPostgres } from './postgres.ts';

export interface AppStart {
  dataDir?: string;
  url?: string;
  env?: Record<string, string>;
}

export function appStarter(postgres: TestPostgres): (given?: AppStart) => Promise<RunningApp> {
  return async ({ dataDir, url, env = {} } = {}) => {
    const cleanup = new Lifetime({
      closeTimeoutMs: 20_000,
      onCloseError: (name, error) => console.error(`${name} did not close`, error),
    });
    try {
      const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'sitecast-app-')));
      if (dataDir === undefined)
        cleanup.onClose('folder', () => rm(folder, { recursive: true, force: true }));
      const databaseUrl = url ?? (await createDatabase(postgres, cleanup));
      const config = readConfig({
        DATABASE_URL: databaseUrl,
        DATA_DIR: folder,
        PORT: '0',
        MQTT_PORT: '0',
        MEDIA_PORT: '0',
        ...env,
      });
      const app = cleanup.own(
        'server',
        await App.open({ config, logger: testLogger, version: '0.0.0-test' }),
      );
      return await RunningApp.login(app, { dataDir: folder, databaseUrl }, cleanup);
    } catch (error) {
      await cleanup.close();
      throw error;
    }
  };
}

async function createDatabase(postgres: TestPostgres, cleanup: Lifetime): Promise<string> {
  const test = await postgres.createDatabase();
  cleanup.onClose('database', async () => test[Symbol.asyncDispose]());
  return test.url;
}

export class RunningApp {
  readonly url: string;
  readonly cookie: string;
  readonly ports: App['ports'];
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly #cleanup: Lifetime;

  private constructor(
    app: App,
    { dataDir, databaseUrl, cookie }: { dataDir: string; databaseUrl: string; cookie: string },
    cleanup: Lifetime,
  ) {
    this.dataDir = dataDir;
    this.url = `http://127.0.0.1:${app.ports.http}`;
    this.cookie = cookie;
    this.ports = app.ports;
    this.databaseUrl = databaseUrl;
    this.#cleanup = cleanup;
  }

  static async login(
    app: App,
    { dataDir, databaseUrl }: { dataDir: string; databaseUrl: string },
    cleanup: Lifetime,
  ): Promise<RunningApp> {
    const answer = await fetch(`http://127.0.0.1:${app.ports.http}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: await readFile(join(dataDir, 'first-login.json'), 'utf8'),
    });
    expect(answer.status).toBe(200);
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    return new RunningApp(app, { dataDir, databaseUrl, cookie }, cleanup);
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { cookie: this.cookie, ...(init.body ? { 'content-type': 'application/json' } : {}) };
    return fetch(`${this.url}/api/v1/${path}`, { ...init, headers });
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.fetch(path);
    expect([path, answer.status]).toEqual([path, 200]);
    return (await answer.json()) as T;
  }

  async post<T>(path: string, body: object): Promise<T> {
    const answer = await this.fetch(path, { method: 'POST', body: JSON.stringify(body) });
    expect(answer.ok).toBe(true);
    return (await answer.json()) as T;
  }

  /** Makes a device of the site `yard`. @returns its secret. */
  async makeDevice(id: string, kind: 'agent' | 'sensor'): Promise<string> {
    const { secret } = await this.post<{ secret: string }>('devices', { site: 'yard', id, kind });
    return secret;
  }

  async agent(): Promise<{ state?: string; version?: string }> {
    const { items } = await this.get<{ items: object[] }>('agents');
    return items[0] ?? {};
  }

  /** The values of metrics without labels. */
  async metrics(names: readonly string[]): Promise<Record<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const valueOf = (name: string): number =>
      Number(new RegExp(`^sitecast_${name} (\\S+)$`, 'm').exec(text)?.[1]);
    const values = Object.fromEntries(names.map((name) => [name, valueOf(name)]));
    expect(Object.entries(values).filter(([, value]) => Number.isNaN(value))).toEqual([]);
    return values;
  }

  async metric(name: string): Promise<number> {
    return (await this.metrics([name]))[name] ?? Number.NaN;
  }

  /** A browser that wants to see a camera; ends with the server. */
  watch(camera: string): { heard: LiveMessage[] } {
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/api/v1/live`, {
      headers: { cookie: this.cookie, origin: this.url },
    });
    this.#cleanup.onClose('browser', () => socket.terminate());
    const heard: LiveMessage[] = [];
    socket.on('message', (bytes: Buffer, isBinary) => {
      if (!isBinary) heard.push(JSON.parse(bytes.toString()) as LiveMessage);
    });
    socket.on('open', () =>
      socket.send(JSON.stringify({ type: 'subscribe', camera, profile: 'main', codecs: [] })),
    );
    return { heard };
  }

  async connect(id: string, password: string): Promise<MqttClient> {
    const client = await connectAsync({
      port: this.ports.data,
      clientId: id,
      username: id,
      password,
      reconnectPeriod: 0,
      protocolVersion: 4,
    });
    client.on('error', () => undefined);
    this.#cleanup.onClose(id, () => void client.end(true));
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.close();
  }
}
