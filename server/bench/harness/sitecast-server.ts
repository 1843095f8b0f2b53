// Our server as it is installed, `sitecast-server start`, with a PostgreSQL of its own beside it. Owns both, and their folder.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@sitecast/shared/node/logger';
import { EmbeddedDatabase } from '../../src/standalone/embedded-postgres.ts';
import { createDevice, type DeviceLogin } from '../../test/e2e/support/device.ts';
import { ApiSession, descendantsOf } from '../../test/e2e/support/sitecast.ts';
import { Program, type ProgramOptions } from './program.ts';
import { Resources } from './resources.ts';
import { TempDir } from './temp-dir.ts';

const BIN = fileURLToPath(new URL('../../bin/sitecast-server.js', import.meta.url));
/** As the image and the command start it. */
const AS_DEPLOYED = { env: { MALLOC_ARENA_MAX: '2' }, nodeArgs: ['--max-semi-space-size=2'] };
const START_TIMEOUT_MS = 60_000;

export interface SitecastServerOptions {
  env?: Record<string, string>;
  nodeArgs?: string[];
  /** Wraps the command, to start it in a box. */
  launch?: (options: ProgramOptions) => ProgramOptions;
  /** Called before the server starts, to put PostgreSQL in a box. */
  onDatabase?: (pids: number[]) => void;
  /** On top of those of the embedded one. */
  postgresSettings?: Record<string, string>;
  /** Where PostgreSQL and the server keep what is theirs; a folder that is gone at the end when left out. */
  dataDir?: string;
  /** Called once the database is there, before the server starts. */
  fill?: (database: EmbeddedDatabase) => Promise<void>;
}

/** What the server keeps of what is in `dataDir`. */
export const serverDir = (dataDir: string): string => join(dataDir, 'server');

/** Another verb of the command, with the flags of node that all of them have. */
export function startVerb(args: string[], env: Record<string, string>): Program {
  return new Program({
    command: process.execPath,
    args: [...AS_DEPLOYED.nodeArgs, BIN, ...args],
    env: { ...AS_DEPLOYED.env, ...env },
  });
}

export class SitecastServer implements AsyncDisposable {
  readonly program: Program;
  readonly database: EmbeddedDatabase;
  readonly session: ApiSession;
  readonly dataPort: number;
  readonly mediaPort: number;
  readonly #resources: Resources;

  private constructor(parts: {
    program: Program;
    database: EmbeddedDatabase;
    session: ApiSession;
    ports: { data: number; media: number };
    resources: Resources;
  }) {
    this.program = parts.program;
    this.database = parts.database;
    this.session = parts.session;
    this.dataPort = parts.ports.data;
    this.mediaPort = parts.ports.media;
    this.#resources = parts.resources;
  }

  static async start(options: SitecastServerOptions = {}): Promise<SitecastServer> {
    await using resources = new Resources();
    const path = options.dataDir ?? resources.use(new TempDir()).path;
    const logger = createLogger({ name: 'bench', level: 'silent' });
    const { postgresSettings: settings = {} } = options;
    const database = resources.use(await EmbeddedDatabase.open({ dataDir: path, port: 0, logger, settings }));
    options.onDatabase?.(postgresPids(database));
    await options.fill?.(database);
    const program = resources.use(new Program(launchOptions(options, path, database.url)));
    const [, json = ''] = await program.printed(/^(\{.*"msg":"serving".*\})$/m, START_TIMEOUT_MS);
    const ports = JSON.parse(json) as { http: number; data: number; media: number };
    const session = await login(`http://127.0.0.1:${ports.http}`, path);
    return new SitecastServer({ program, database, session, ports, resources: resources.move() });
  }

  get postgresPids(): number[] {
    return postgresPids(this.database);
  }

  createDevice(id: string, kind: 'agent' | 'sensor'): Promise<DeviceLogin> {
    return createDevice(this.session, id, kind);
  }

  /** Numbers of /metrics by name; those with labels are left out. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.session.url}/metrics`)).text();
    const lines = [...text.matchAll(/^(\w+) (\S+)$/gm)];
    return new Map(lines.map(([, name = '', value]) => [name, Number(value)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function launchOptions(
  { env = {}, nodeArgs = [], launch = (options) => options }: SitecastServerOptions,
  dataDir: string,
  databaseUrl: string,
): ProgramOptions {
  const ports = { PORT: '0', MQTT_PORT: '0', MEDIA_PORT: '0' };
  return launch({
    command: process.execPath,
    args: [...AS_DEPLOYED.nodeArgs, ...nodeArgs, BIN, 'start'],
    env: {
      ...AS_DEPLOYED.env,
      ...ports,
      DATABASE_URL: databaseUrl,
      DATA_DIR: serverDir(dataDir),
      LOG_LEVEL: 'info',
      ...env,
    },
  });
}

function postgresPids({ pid }: EmbeddedDatabase): number[] {
  return [pid, ...descendantsOf(pid).map((child) => child.pid)];
}

async function login(url: string, dataDir: string): Promise<ApiSession> {
  const credentials = await readFile(join(serverDir(dataDir), 'first-login.json'), 'utf8');
  const response = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: credentials,
  });
  if (!response.ok) throw new Error(`login answered ${response.status}: ${await response.text()}`);
  const cookies = response.headers.getSetCookie().map((line) => line.split(';')[0]);
  return new ApiSession(url, cookies.join('; '));
}
