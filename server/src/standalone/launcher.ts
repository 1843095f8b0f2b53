// `npm start`, as a story: PostgreSQL, the server, one agent. Owns them all, and starts again what ends by itself.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { Backoff } from '@sitecast/shared/runtime/backoff';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import type { Logger } from '@sitecast/shared/node/logger';
import { firstLoginPath } from '../auth/first-login.ts';
import { createDevice, Devices } from '../fleet/devices.ts';
import { openPool, type Database } from '../postgres/pool.ts';
import { LOCAL_AGENT, writeAgentFiles, type AgentFiles } from './agent-files.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { EmbeddedDatabase } from './embedded-postgres.ts';
import { LogFile } from './log-file.ts';
import type { StandaloneOptions } from './options.ts';
import { claimPorts } from './ports.ts';
import { prepareReadyFile, removeReadyFile, writeReadyFile, type Ready } from './ready-file.ts';
import { SupervisedProcess } from './supervised-process.ts';

const SERVER = fileURLToPath(new URL('../../bin/sitecast-server.js', import.meta.url));
const AGENT = fileURLToPath(new URL('../../../edge-agent/bin/sitecast-agent.js', import.meta.url));

/** As the commands in `bin` and the images start them. */
const NODE_ARGS = {
  server: ['--max-semi-space-size=2'],
  agent: ['--max-semi-space-size=2', '--max-old-space-size=256'],
};
const SERVER_UP_MS = 60_000;
const AGENT_UP_MS = 30_000;
/** A child that ended this often before it was up will not come up by itself. */
const MAX_ENDS_BEFORE_UP = 3;
/** Together with PostgreSQL below the 10 s that a Ctrl-C may take. */
const STOP_GRACE_MS = { agent: 4_000, server: 3_500 };

export interface LauncherOptions extends StandaloneOptions {
  env: Record<string, string | undefined>;
  logger: Logger;
  /** Aborted while the launcher still opens: `open` then rejects with SHUTTING_DOWN. */
  signal: AbortSignal;
}

interface Ports {
  http: number;
  mqtt: number;
  media: number;
}

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #lifetime: Lifetime;
  readonly #pids = { server: 0, agent: 0 };
  #ready: Ready | undefined;

  private constructor(options: LauncherOptions) {
    this.#options = options;
    this.#lifetime = new Lifetime({
      closeTimeoutMs: 9_000,
      onCloseError: (name, error) =>
        options.logger.error({ name, reason: messageOf(error) }, 'closing failed'),
    });
  }

  /**
   * Resolves when a browser can log in and the agent is connected.
   * @throws {AppError} DATA_DIR_IN_USE, PORT_IN_USE, POSTGRES_FAILED, CHILD_FAILED; everything started is ended again.
   */
  static async open(options: LauncherOptions): Promise<Launcher> {
    const launcher = new Launcher(options);
    try {
      await launcher.#start();
      return launcher;
    } catch (error) {
      await launcher.close();
      throw error;
    }
  }

  get ready(): Ready {
    if (!this.#ready) throw new TypeError('the launcher is not up');
    return this.#ready;
  }

  /** Newest first: ready file, agent, server, PostgreSQL, lock. */
  close(): Promise<void> {
    return this.#lifetime.close();
  }

  async #start(): Promise<void> {
    const { dataDir, readyFile } = this.#options;
    this.#lifetime.onClose('lock', lockDataDir(dataDir));
    // Not before the lock: until then the file may be that of a launcher which runs.
    if (readyFile !== undefined) prepareReadyFile(readyFile);
    for (const folder of ['logs', 'server'])
      mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 });
    const ports = await this.#claimPorts();
    const database = await this.#openDatabase();
    this.#throwIfStopping();
    const url = `http://127.0.0.1:${ports.http}`;

    const server = this.#supervise('server', [SERVER, 'start'], this.#serverEnv(ports, database.url));
    await this.#untilUp(server, SERVER_UP_MS, () => answers(`${url}/healthz`));
    await this.#startAgent(ports, database.url);

    this.#ready = {
      url,
      ...readFirstLogin(dataDir),
      mqttPort: ports.mqtt,
      mediaPort: ports.media,
      databaseUrl: database.url,
      pids: this.#pids,
    };
    this.#announce();
    if (readyFile !== undefined) this.#lifetime.onClose('ready file', () => removeReadyFile(readyFile));
  }

  async #claimPorts(): Promise<Ports> {
    const { port, mqttPort, mediaPort } = this.#options;
    const [http, mqtt, media] = await claimPorts([
      [port, '--port'],
      [mqttPort, '--mqtt-port'],
      [mediaPort, '--media-port'],
    ]);
    return { http, mqtt, media };
  }

  async #openDatabase(): Promise<EmbeddedDatabase> {
    const { dataDir, logger, signal } = this.#options;
    const database = this.#lifetime.own(
      'postgres',
      await EmbeddedDatabase.open({ dataDir, port: 0, logger, signal }),
    );
    const backoff = new Backoff({ firstMs: 500, maxMs: 30_000 });
    let isClosing = false;
    this.#lifetime.onClose('postgres supervision', () => void (isClosing = true));
    database.onExit(() => void this.#restartDatabase(database, backoff, () => isClosing));
    return database;
  }

  async #restartDatabase(
    database: EmbeddedDatabase,
    backoff: Backoff,
    isClosing: () => boolean,
  ): Promise<void> {
    while (!isClosing()) {
      await delay(backoff.nextDelayMs());
      try {
        await database.restart();
        backoff.succeeded();
        return;
      } catch (error) {
        this.#options.logger.error({ reason: messageOf(error) }, 'PostgreSQL did not start again');
      }
    }
  }

  #serverEnv(ports: Ports, databaseUrl: string): Record<string, string | undefined> {
    return {
      ...this.#options.env,
      HOST: '127.0.0.1',
      PORT: String(ports.http),
      MQTT_PORT: String(ports.mqtt),
      MEDIA_PORT: String(ports.media),
      DATABASE_URL: databaseUrl,
      DATA_DIR: join(this.#options.dataDir, 'server'),
    };
  }

  #supervise(name: 'server' | 'agent', argv: string[], env: Record<string, string | undefined>): Supervised {
    const { dataDir, logger } = this.#options;
    const log = this.#lifetime.own(`${name} log`, new LogFile(join(dataDir, 'logs', `${name}.log`)));
    const supervised: Supervised = { name, log, ends: 0 };
    const child = new SupervisedProcess({
      argv: [...NODE_ARGS[name], ...argv],
      env,
      log,
      stopGraceMs: STOP_GRACE_MS[name],
      onStart: (pid) => {
        this.#pids[name] = pid;
        if (this.#ready) this.#announce();
      },
      onUnexpectedExit: (exit) => {
        supervised.ends += 1;
        logger.error({ name, ...exit, log: log.path }, 'a process ended by itself and is started again');
      },
    });
    this.#lifetime.own(name, child);
    child.start();
    return supervised;
  }

  async #untilUp(supervised: Supervised, timeoutMs: number, isUp: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await isUp())) {
      this.#throwIfStopping();
      if (supervised.ends >= MAX_ENDS_BEFORE_UP || Date.now() > deadline) {
        const { name, log } = supervised;
        throw new AppError(
          'CHILD_FAILED',
          `the ${name} did not come up; its log ${log.path} ends with:\n${log.tail()}`,
        );
      }
      await delay(100);
    }
  }

  #throwIfStopping(): void {
    if (this.#options.signal.aborted) throw new AppError('SHUTTING_DOWN', 'stopped while starting');
  }

  async #startAgent(ports: Ports, databaseUrl: string): Promise<void> {
    const { dataDir, env, logger } = this.#options;
    const files = writeAgentFiles({
      ...this.#options,
      dir: join(dataDir, 'agent'),
      mqttPort: ports.mqtt,
      mediaPort: ports.media,
    });
    const database = openPool({ url: databaseUrl, logger, min: 0, max: 1 });
    try {
      await ensureSecret(files, database);
      const startedAt = new Date();
      const agent = this.#supervise('agent', [AGENT, 'run', '--config', files.configPath], env);
      await this.#untilUp(agent, AGENT_UP_MS, () => agentIsOnline(database, startedAt));
    } finally {
      await database.close();
    }
  }

  #announce(): void {
    const { readyFile } = this.#options;
    if (readyFile === undefined) return;
    writeReadyFile(readyFile, this.ready);
  }
}

interface Supervised {
  name: string;
  log: LogFile;
  /** How often it ended by itself. */
  ends: number;
}

/** The secret of an earlier start is kept while the server still knows it: the database may be another one by now. */
async function ensureSecret(files: AgentFiles, database: Database): Promise<void> {
  const { site, agent: id } = LOCAL_AGENT;
  const devices = new Devices({ database, maxDevices: 1 });
  if (files.secret !== undefined && (await devices.authenticate(id, files.secret))) return;
  files.writeSecret((await createDevice(database, { kind: 'agent', site, id, renew: true })).secret);
}

async function agentIsOnline(database: Database, since: Date): Promise<boolean> {
  const rows = await database.query(
    `select 1 from agents where site = $1 and id = $2 and state = 'online' and last_seen_at >= $3`,
    [LOCAL_AGENT.site, LOCAL_AGENT.agent, since],
  );
  return rows.length > 0;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** The password is gone from there once somebody changed it. */
function readFirstLogin(dataDir: string): { username: string; password: string | null } {
  try {
    return JSON.parse(readFileSync(firstLoginPath(join(dataDir, 'server')), 'utf8')) as {
      username: string;
      password: string;
    };
  } catch {
    return { username: 'admin', password: null };
  }
}
