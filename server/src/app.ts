// Composition root: what the server opens, in order, and closes in the reverse one. `#start` is the story.

import { mkdir } from 'node:fs/promises';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { AlertFeed } from './alerts/alert-feed.ts';
import { ensureFirstAdmin } from './auth/first-login.ts';
import { LoginLimiter } from './auth/login-limiter.ts';
import { Passwords } from './auth/passwords.ts';
import { sessionSecret } from './auth/session-secret.ts';
import { Sessions } from './auth/sessions.ts';
import { Tokens } from './auth/tokens.ts';
import { Users } from './auth/users.ts';
import { AgentNotices } from './fleet/agent-notices.ts';
import { Devices } from './fleet/devices.ts';
import { Fleet } from './fleet/fleet.ts';
import { Sites } from './fleet/sites.ts';
import { UpdateHub } from './fleet/updates.ts';
import { SealStore } from './evidence/seal-store.ts';
import { SigningKeys } from './evidence/signing-keys.ts';
import { findMemoryLimit } from './guard/memory-limit.ts';
import { DiskWatch } from './guard/disk-watch.ts';
import { Readiness } from './guard/readiness.ts';
import { Vitals } from './guard/vitals.ts';
import { checkFit, limitRows, sumOf } from './limits.ts';
import { migrate } from './postgres/migrate.ts';
import { openPool, type Database } from './postgres/pool.ts';
import { OutageStore } from './timeline/outage-store.ts';
import { openAlerts } from './app-alerts.ts';
import { openGuard } from './app-guard.ts';
import { openHttp, openSystem } from './app-http.ts';
import { openRetention } from './app-retention.ts';
import type { AppOptions, Opening } from './app-opening.ts';
import { openClips, openIngest } from './app-ingest.ts';
import { openLive } from './app-live.ts';
import { openReports } from './app-reports.ts';
import { openTelemetry } from './app-telemetry.ts';
import { openTimeline } from './app-timeline.ts';
import { HttpAnswers } from './plugins/http-answers.ts';
import { HttpBodies } from './plugins/http-bodies.ts';

const CLOSE_STEP_MS = 3_000;

/** Everything that the server is made of, from its first connection to PostgreSQL to its HTTP port. */
export class App {
  readonly #lifetime: Lifetime;
  #ports = { http: 0, data: 0, media: 0 };

  private constructor({ logger }: AppOptions) {
    this.#lifetime = new Lifetime({
      closeTimeoutMs: CLOSE_STEP_MS,
      onCloseError: (name, error) => logger.error({ name, reason: messageOf(error) }, 'closing failed'),
    });
  }

  /**
   * Resolves when the server serves.
   * @throws {AppError} LIMITS_DO_NOT_FIT, MIGRATION_FAILED, STORE_UNAVAILABLE, PORT_IN_USE, CONFIG_INVALID; what was opened
   * is closed again.
   */
  static async open(options: AppOptions): Promise<App> {
    const app = new App(options);
    try {
      await app.#start({ ...options, lifetime: app.#lifetime });
      return app;
    } catch (error) {
      await app.close();
      throw error;
    }
  }

  /** As listened on: of use where a setting was 0. */
  get ports(): Readonly<{ http: number; data: number; media: number }> {
    return this.#ports;
  }

  /** Idempotent. Stops taking requests, ends viewers, lets devices go, finishes what was taken in, closes the stores. */
  close(): Promise<void> {
    return this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(opening: Opening): Promise<void> {
    const self = await openSelf(opening);
    const database = await openDatabase(opening);
    const identity = await openIdentity(opening, database);
    const fleet = await openFleet(opening, database);
    const notices = new AgentNotices();
    const ingest = await openIngest(opening, database, { ...fleet, notices });
    const kept = await openRetention(opening, database, { ...self, ...fleet, ...ingest });
    const clips = await openClips(opening, database, { ...self, ...kept });
    const feed = new AlertFeed();
    const telemetry = await openTelemetry(opening, database, { ...fleet, ...kept, feed });
    const reports = await openReports(opening, database, { ...ingest, ...kept });
    const outages = new OutageStore(database);
    const evidence = openEvidence(database);
    const needs = { ...fleet, ...ingest, ...clips, ...telemetry, outages, evidence };
    const live = await openLive(opening, needs);
    notices.sendThrough((topic, payload) => live.broker.publish(topic, payload));
    const parts = {
      ...self,
      ...identity,
      ...fleet,
      ...ingest,
      ...kept,
      ...clips,
      ...telemetry,
      ...reports,
      ...live,
      ...openTimeline(opening, { ...fleet, ...telemetry, outages, database }),
      evidence,
      database,
      feed,
    };
    const watched = { ...parts, ...(await openGuard(opening, parts)) };
    kept.retention.start();
    const guarded = { ...watched, ...(await openAlerts(opening, watched)) };
    const readiness = new Readiness({ ...guarded, clock: systemClock });
    const system = openSystem(opening, { ...guarded, readiness });
    const http = await openHttp(opening, { ...guarded, readiness, system });
    this.#ports = { http, data: live.broker.dataPort, media: live.broker.mediaPort };
    opening.logger.info({ host: opening.config.http.host, ...this.#ports }, 'serving');
  }
}

/** First, because a server that cannot fit its memory must not begin to take anything in. */
async function openSelf({ config, lifetime, logger }: Opening) {
  const limits = limitRows(config);
  const memory = await findMemoryLimit(config.memoryLimitBytes);
  if (memory.source !== 'machine') checkFit(limits, memory);
  else if (sumOf(limits) > memory.bytes) {
    logger.warn(
      { sumBytes: sumOf(limits), machineBytes: memory.bytes },
      'all limits together are above the memory',
    );
  }
  const { cpuBaselineCores, dataDir: dir, minFreeDiskBytes: minFreeBytes } = config;
  const vitals = await Vitals.open({ memoryLimit: memory, cpuBaselineCores, clock: systemClock });
  lifetime.own('vitals', vitals);
  return {
    limits,
    vitals,
    bodies: new HttpBodies(),
    answers: new HttpAnswers(),
    disk: new DiskWatch({ dir, minFreeBytes, clock: systemClock }),
  };
}

async function openDatabase({ config, lifetime, logger }: Opening): Promise<Database> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o750 });
  await migrate({ url: config.postgres.url, logger });
  return lifetime.own('postgres', openPool({ ...config.postgres, logger }));
}

async function openIdentity({ config, logger }: Opening, database: Database) {
  const { dataDir } = config;
  const passwords = new Passwords();
  const users = new Users({ database, passwords });
  await ensureFirstAdmin({ users, dataDir, logger });
  return {
    passwords,
    users,
    sessions: new Sessions({ database }),
    tokens: new Tokens({ database }),
    loginLimiter: new LoginLimiter(systemClock),
    cookieSecret: await sessionSecret(config.sessionSecret, dataDir),
  };
}

async function openFleet({ config, lifetime }: Opening, database: Database) {
  const updates = lifetime.own('updates', new UpdateHub({ share: config.updateShare }));
  const fleet = new Fleet({ database, updates });
  await fleet.load();
  const devices = new Devices({ database, maxDevices: config.maxDevices });
  return { updates, fleet, devices, sites: new Sites({ database }) };
}

function openEvidence(database: Database) {
  const seals = new SealStore({ database });
  return { seals, keys: new SigningKeys(database) };
}
