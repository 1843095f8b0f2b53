// The HTTP side on a real database, without broker, relay and queues: those are plain functions here.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { LoginLimiter } from '../../src/auth/login-limiter.ts';
import { Passwords } from '../../src/auth/passwords.ts';
import type { Role } from '../../src/auth/principal.ts';
import { Sessions } from '../../src/auth/sessions.ts';
import { Tokens } from '../../src/auth/tokens.ts';
import { Users } from '../../src/auth/users.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { Sites } from '../../src/fleet/sites.ts';
import { UpdateHub } from '../../src/fleet/updates.ts';
import { DiscoveredValues } from '../../src/foreign/discovered-values.ts';
import { SigningKeys } from '../../src/evidence/signing-keys.ts';
import { ForeignIntake } from '../../src/foreign/foreign-intake.ts';
import { UnmappedSamples } from '../../src/foreign/unmapped-samples.ts';
import { ClipDownloads } from '../../src/ingest/clip-downloads.ts';
import { ClipStore } from '../../src/ingest/clip-store.ts';
import { EventStore } from '../../src/ingest/event-store.ts';
import { SnapshotStore } from '../../src/ingest/snapshot-store.ts';
import { ClipFiles } from '../../src/media-store/clip-files.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import { Metrics } from '../../src/plugins/metrics.ts';
import { Garbage } from '../../src/retention/garbage.ts';
import { MediaRemoval } from '../../src/retention/media-removal.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { buildHttpApp, type HttpAppOptions, type HttpServices } from '../../src/routes/http-app.ts';
import { TelemetryExports } from '../../src/telemetry/telemetry-exports.ts';
import { LatestValues } from '../../src/telemetry/latest-values.ts';
import { TelemetryQueries } from '../../src/telemetry/telemetry-query.ts';
import { Timelines } from '../../src/timeline/timeline.ts';
import { testLogger, type TestPostgres } from './postgres.ts';
import { HttpAnswers } from '../../src/plugins/http-answers.ts';
import { HttpBodies } from '../../src/plugins/http-bodies.ts';

export const PASSWORD = 'correct horse battery';

export interface HttpHarness extends AsyncDisposable {
  app: FastifyInstance;
  database: Database;
  services: HttpServices;
  fleet: Fleet;
  mediaStore: MediaStore;
  clipFiles: ClipFiles;
  updates: UpdateHub;
  dataDir: string;
  disconnected: string[];
  /** Makes a user and logs in. @returns the cookie header. */
  login(role: Role, sites?: string[] | null): Promise<string>;
  request(cookie: string | null, options: InjectOptions): Promise<LightMyRequestResponse>;
}

/** Both phases, as the server does it. */
function removerOf(parts: ConstructorParameters<typeof Garbage>[0]): HttpServices['removeMedia'] {
  const garbage = new Garbage(parts);
  return async (kind, id) => {
    const removed = await new MediaRemoval(parts.database).removeOne(kind, id, 'person');
    await garbage.collect();
    return removed !== undefined;
  };
}

const refuse = (): Promise<never> =>
  Promise.reject(new AppError('NOT_FOUND', 'there is nothing of this in this harness'));
const NO_REPORTS: HttpServices['reports'] = {
  create: refuse,
  list: refuse,
  get: refuse,
  open: refuse,
  remove: refuse,
};

const NO_SCHEDULES: HttpServices['schedules'] = { create: refuse, get: refuse, list: refuse, remove: refuse };
const NO_ALERTS: Pick<
  HttpServices,
  'rules' | 'alerts' | 'siteSilences' | 'channels' | 'deliveries' | 'testRule' | 'hasMail' | 'findDevice'
> = {
  rules: {
    rules: async () => [],
    rule: refuse,
    standingsOf: () => [],
    createRule: refuse,
    replaceRule: refuse,
    removeRule: refuse,
    silence: refuse,
  },
  alerts: { list: refuse, get: refuse, acknowledge: refuse },
  siteSilences: { siteSilences: () => [], silenceSite: refuse },
  channels: { list: async () => [], get: refuse, create: refuse, replace: refuse, remove: refuse },
  deliveries: { list: refuse, get: refuse, sendAgain: refuse, remove: refuse },
  testRule: refuse,
  hasMail: () => false,
  findDevice: async () => undefined,
};

/** What services of a test may be made of. */
export interface HarnessParts {
  database: Database;
  dataDir: string;
}

export interface HarnessOptions {
  services?: Partial<HttpServices> | ((parts: HarnessParts) => Partial<HttpServices>);
  app?: Partial<HttpAppOptions>;
}

export async function openHttpHarness(
  postgres: TestPostgres,
  options: HarnessOptions = {},
): Promise<HttpHarness> {
  const test = await postgres.createDatabase();
  const { database } = test;
  const dataDir = await mkdtemp(join(tmpdir(), 'sitecast-http-'));
  const passwords = new Passwords();
  const users = new Users({ database, passwords });
  const updates = new UpdateHub({ share: { maxPerUser: 2, maxPerAddress: 3 } });
  const fleet = new Fleet({ database, updates });
  const mediaStore = await MediaStore.open(join(dataDir, 'media'));
  const clipFiles = await ClipFiles.open(join(dataDir, 'clips'));
  const disconnected: string[] = [];
  const samples = new UnmappedSamples();
  const services: HttpServices = {
    users,
    sessions: new Sessions({ database }),
    tokens: new Tokens({ database }),
    loginLimiter: new LoginLimiter(systemClock),
    cookieSecret: 'a secret of the tests, 32 characters',
    publicUrl: undefined,
    dataDir,
    sites: new Sites({ database }),
    devices: new Devices({ database, maxDevices: 5 }),
    fleet,
    updates,
    maxUpdateSockets: 4,
    snapshots: new SnapshotStore(database),
    pictures: mediaStore,
    removeMedia: removerOf({ database, mediaStore, clipFiles }),
    clips: new ClipStore(database),
    clipIntake: { arriving: [] },
    clipDownloads: new ClipDownloads(clipFiles),
    recordClip: async () => ({ clipId: '01JZ0000000000000000000000' }),
    uploadClip: async () => ({ bytes: 1 }),
    events: new EventStore(database),
    metrics: new Metrics({
      counters: () => ({ relay: { framesSent: 7 } }),
      gauges: async () => ({ live_viewers: 2 }),
    }),
    latest: new LatestValues(),
    signingKeys: new SigningKeys(database),
    samples,
    foreign: new ForeignIntake({ samples, discovered: new DiscoveredValues(database) }),
    queryTelemetry: async () => [],
    countSeriesLeftOut: async () => 0,
    timelines: new Timelines({ database, queries: new TelemetryQueries({ database }) }),
    exports: new TelemetryExports({ database }),
    reports: NO_REPORTS,
    schedules: NO_SCHEDULES,
    ...NO_ALERTS,
    isConnected: () => false,
    onDeviceChanged: (id) => void disconnected.push(id),
    onRevoked: async ({ id }) => void disconnected.push(id),
    restartAgent: async () => undefined,
    takeSnapshot: async () => ({ snapshotId: '01JZ0000000000000000000000' }),
    readSystem: () => Promise.reject(new AppError('NOT_FOUND', 'not in this harness')),
    readiness: async () => ({ database: true }),
    authenticateDevice: async () => undefined,
    uploads: { store: () => Promise.reject(new AppError('QUEUE_FULL', 'no intake in this harness')) },
    join: () => Promise.reject(new AppError('AGENT_OFFLINE', 'no agents in this harness')),
    ...(typeof options.services === 'function' ? options.services({ database, dataDir }) : options.services),
  };
  const app = await buildHttpApp({
    services,
    bodies: new HttpBodies(),
    answers: new HttpAnswers(),
    logger: testLogger,
    version: '0.0.0-test',
    trustProxy: false,
    requestsPerMinute: 100_000,
    maxConnections: 1_000,
    connectionsPerAddress: 1_000,
    metricsToken: undefined,
    webSocket: { maxSockets: 3, maxPayloadBytes: 1_000_000, pingIntervalMs: 25_000, pongTimeoutMs: 60_000 },
    ...options.app,
  });
  const request: HttpHarness['request'] = (cookie, given) =>
    app.inject({ ...given, headers: { ...(cookie === null ? {} : { cookie }), ...given.headers } });
  return {
    app,
    database,
    services,
    fleet,
    mediaStore,
    clipFiles,
    updates,
    dataDir,
    disconnected,
    request,
    login: async (role, sites = null) => {
      const username = `${role}-${Math.random().toString(36).slice(2, 8)}`;
      await users.create({ username, password: PASSWORD, role, sites });
      const answer = await request(null, {
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { username, password: PASSWORD },
      });
      return String(answer.headers['set-cookie']).split(';')[0] ?? '';
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      updates.close();
      await test[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
