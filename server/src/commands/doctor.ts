// `sitecast-server doctor`: one look at everything that a server needs, a line each, with what to do; while one runs or not.

import { check, linesOf, skipped, type Check } from '@sitecast/shared/node/check';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { join } from 'node:path';
import { readConfig, type ServerConfig } from '../config.ts';
import {
  checkDataDir,
  checkDisk,
  checkMemory,
  checkNode,
  checkPort,
  isServerRunning,
} from '../doctor/machine-checks.ts';
import {
  checkClipUploads,
  checkGarbage,
  checkSetAside,
  checkStaging,
  stagedIds,
} from '../doctor/leftovers.ts';
import { checkMedia } from '../doctor/media-checks.ts';
import { MediaScan } from '../doctor/media-scan.ts';
import { checkClock, checkDatabase, checkMigrations, checkRedis } from '../doctor/store-checks.ts';
import { ClipFiles } from '../media-store/clip-files.ts';
import { MediaStore } from '../media-store/media-store.ts';
import { openPool, type Database } from '../postgres/pool.ts';
import { Garbage } from '../retention/garbage.ts';
import { MediaRemoval } from '../retention/media-removal.ts';
import { printAnswer, ToldFailure, type CommandContext } from './context.ts';

/** Of one piece of a scan: nobody waits for it. */
const STATEMENT_TIMEOUT_MS = 30_000;

export interface DoctorOptions {
  json?: boolean;
  repair?: boolean;
}

/** @throws {ToldFailure} when something failed. @throws {AppError} CONFIG_INVALID; SHUTTING_DOWN. */
export async function doctorCommand(context: CommandContext, options: DoctorOptions): Promise<void> {
  const config = readConfig(context.env);
  const checks = [
    await check('node', checkNode),
    await check('settings', async () => ({ state: 'ok', text: 'valid' })),
    ...(await checkMachine(config)),
    ...(await checkStores(config, context, options)),
  ];
  if (context.stopping.aborted) throw new AppError('SHUTTING_DOWN', 'not everything was looked at');
  const isWell = checks.every(({ state }) => state !== 'failed');
  printAnswer(context, options, { ok: isWell, checks }, () => linesOf(checks));
  if (!isWell) throw new ToldFailure();
}

async function checkMachine(config: ServerConfig): Promise<Check[]> {
  const { http, mqtt } = config;
  const isRunning = await isServerRunning(http);
  const ports = [
    { host: http.host, port: http.port, setting: 'PORT' },
    { host: mqtt.host, port: mqtt.dataPort, setting: 'MQTT_PORT' },
    { host: mqtt.host, port: mqtt.mediaPort, setting: 'MEDIA_PORT' },
  ];
  return [
    await check('memory', () => checkMemory(config)),
    await check('data folder', () => checkDataDir(config)),
    await check('disk', () => checkDisk(config)),
    ...(await Promise.all(ports.map((port) => check(port.setting, () => checkPort(port, isRunning))))),
  ];
}

async function checkStores(
  config: ServerConfig,
  context: CommandContext,
  options: DoctorOptions,
): Promise<Check[]> {
  const { redisUrl, postgres } = config;
  const database = openPool({
    ...{ url: postgres.url, min: 0, max: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS },
    logger: context.logger,
  });
  try {
    const reached = await check('postgresql', () => checkDatabase(database));
    const migrations = await check('migrations', async () =>
      reached.state === 'ok' ? checkMigrations(postgres) : skipped('PostgreSQL does not answer'),
    );
    const redis = redisUrl === undefined ? [] : [await check('redis', () => checkRedis(redisUrl))];
    const clock = await check('clock', async () =>
      migrations.state === 'ok'
        ? checkClock(database, Date.now())
        : skipped('only where the database is up to date'),
    );
    return [
      reached,
      migrations,
      clock,
      ...redis,
      ...(await checkFiles(config, database, migrations, context, options)),
    ];
  } finally {
    await database.close();
  }
}

async function checkFiles(
  { dataDir }: ServerConfig,
  database: Database,
  migrations: Check,
  { stopping: signal }: CommandContext,
  { repair: isRepairing = false }: DoctorOptions,
): Promise<Check[]> {
  const leftovers = { dataDir, isRepairing, nowMs: Date.now() };
  const staging = await check('staging', () => checkStaging(leftovers));
  const uploads = await check('clip uploads', () => checkClipUploads(leftovers));
  const setAside = (): Promise<Check> => check('set aside', () => checkSetAside(leftovers));
  if (migrations.state !== 'ok') {
    const why = skipped('only where the database is up to date');
    return [
      staging,
      uploads,
      ...['snapshots', 'clips', 'reports', 'garbage'].map((name) => ({ name, ...why })),
      await setAside(),
    ];
  }
  const staged = await stagedIds(dataDir);
  const scan = new MediaScan({
    ...{ ...leftovers, database, signal },
    removal: new MediaRemoval(database),
    isStaged: (id) => staged.has(id),
  });
  const garbage = new Garbage({
    database,
    mediaStore: await MediaStore.open(join(dataDir, 'media')),
    clipFiles: await ClipFiles.open(join(dataDir, 'clips/files')),
  });
  return [
    staging,
    uploads,
    await check('snapshots', () => checkMedia(scan, 'snapshots')),
    await check('clips', () => checkMedia(scan, 'clips')),
    await check('reports', () => checkMedia(scan, 'reports')),
    await check('garbage', () => checkGarbage(garbage, leftovers)),
    await setAside(),
  ];
}
