// One phase in the box: starts its loads, lets them run, stops them, and looks up what was acknowledged.

import { LoadProcess } from '../harness/load-process.ts';
import { Resources } from '../harness/resources.ts';
import { round } from '../harness/statistics.ts';
import { pause } from '../harness/wait.ts';
import type { LoadName, OptionsOf } from '../loads/registry.ts';
import type { ViewersReport } from '../loads/viewers.ts';
import { FIVE_BY_TWO, viewersOf } from '../relay/subjects.ts';
import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import type { BoxedServer } from './boxed-server.ts';
import { lookUpReadings, lookUpSnapshots, type Stored } from './stored.ts';
import { refusalsBetween, Watch, type Watched } from './watch.ts';

export interface Fleet {
  gateway: DeviceLogin;
  pictures: DeviceLogin;
  intruder: DeviceLogin;
  sensors: DeviceLogin[];
}

export interface PhaseOptions {
  name: string;
  /** Times the load of a normal day. */
  factor: number;
  isHostile: boolean;
  seconds: number;
  signal: AbortSignal;
}

export interface PhaseResult {
  name: string;
  watched: Watched;
  viewers: ViewersReport;
  control: { p50Ms: number; p99Ms: number; answers: Record<string, number> };
  stored: { readings: Stored; snapshots: Stored; uploads: Stored | undefined };
  /** Acknowledged in the window. */
  snapshotsPerSecond: number;
  readings: { sent: number; heldBack: number };
  uploads: Record<string, number> | undefined;
  reports: Record<string, number> | undefined;
  hostile: object | undefined;
  /** Counters of the server. */
  refused: Record<string, number>;
  /** Cores of each load generator. */
  generatorCores: Record<string, number>;
}

export const VIEWERS = 100;
export const STALLED = 20;
const READINGS_PER_SECOND = 300;
export const SNAPSHOTS_PER_SECOND = 5;
const UPLOADS_PER_SECOND = 10;
const PICTURE_BYTES = 100_000;
const REPORT_EVERY_SECONDS = 30;
/** Viewers that came while the server was short of something are let in a few a second. */
export const MAX_WARM_UP_SECONDS = 30;
const RECONNECTS_PER_SECOND = 200;

export async function runPhase(
  boxed: BoxedServer,
  fleet: Fleet,
  options: PhaseOptions,
): Promise<PhaseResult> {
  const before = await boxed.server.metrics();
  const watch = new Watch(boxed);
  try {
    const measured = await runLoads(boxed, fleet, options);
    const watched = watch.end();
    const after = await boxed.server.metrics().catch(() => before);
    const { sent, heldBack } = measured.readings;
    return {
      name: options.name,
      watched,
      stored: await lookUp(boxed, options.name, measured),
      refused: refusalsBetween(before, after),
      ...measured,
      readings: { sent, heldBack },
      uploads: measured.uploads?.refused,
    };
  } finally {
    watch.end();
  }
}

type Measured = Awaited<ReturnType<typeof runLoads>>;

/** They have ended when it resolves. */
async function runLoads(boxed: BoxedServer, fleet: Fleet, options: PhaseOptions) {
  await using resources = new Resources();
  const loads = await startLoads(resources, boxed, fleet, options);
  await pause(Math.min(MAX_WARM_UP_SECONDS, options.seconds), options.signal);
  await Promise.all([loads.viewers.reset(), loads.control.reset()]);
  const ackedBefore = (await loads.snapshots.report()).ackedIds.length;
  await pause(options.seconds, options.signal);
  const [viewers, control] = [await loads.viewers.report(), await loads.control.report()];
  const ackedInWindow = (await loads.snapshots.report()).ackedIds.length - ackedBefore;
  const generatorCores = coresOf(loads);
  await Promise.all([loads.readings.finish(), loads.snapshots.finish(), loads.uploads?.finish()]);
  return {
    viewers,
    control,
    generatorCores,
    snapshotsPerSecond: round(ackedInWindow / options.seconds, 1),
    readings: await loads.readings.report(),
    snapshots: await loads.snapshots.report(),
    uploads: await loads.uploads?.report(),
    reports: await loads.reports?.report(),
    hostile: await loads.hostile?.report(),
  };
}

async function lookUp(
  { server }: BoxedServer,
  metric: string,
  { readings, snapshots, uploads }: Measured,
): Promise<PhaseResult['stored']> {
  const { url } = server.database;
  return {
    readings: await lookUpReadings(url, metric, readings.ackedNumbers),
    snapshots: await lookUpSnapshots(url, snapshots.ackedIds),
    uploads: uploads && (await lookUpSnapshots(url, uploads.ackedIds)),
  };
}

type PhaseLoads = Awaited<ReturnType<typeof startLoads>>;

async function startLoads(resources: Resources, boxed: BoxedServer, fleet: Fleet, phase: PhaseOptions) {
  const { session, dataPort, mediaPort } = boxed.server;
  const { factor, isHostile, name: metric } = phase;
  const { url, cookie } = session;
  const start = async <Name extends LoadName>(
    name: Name,
    options: OptionsOf<Name>,
  ): Promise<LoadProcess<Name>> => resources.use(await LoadProcess.start(name, options));
  const shape = { ...FIVE_BY_TWO, streams: FIVE_BY_TWO.streams * factor };
  const streams = await start('sitecast-agent', { dataPort, mediaPort, login: fleet.gateway, shape });
  const watching = { viewers: VIEWERS * factor, stalled: STALLED * factor, streams: shape.streams };
  const pictures = { port: dataPort, bytes: PICTURE_BYTES, perSecond: SNAPSHOTS_PER_SECOND * factor };
  const readings = { port: dataPort, logins: fleet.sensors, perSecond: READINGS_PER_SECOND * factor, metric };
  const uploads = {
    url,
    logins: fleet.sensors,
    perSecond: UPLOADS_PER_SECOND * factor,
    bytes: PICTURE_BYTES,
  };
  const reports = { url, cookie, everySeconds: REPORT_EVERY_SECONDS / factor };
  const hostile = {
    dataPort,
    httpPort: Number(new URL(url).port),
    reconnectsPerSecond: RECONNECTS_PER_SECOND,
  };
  // The hostile ones last: the others are there when the attack begins.
  return {
    streams,
    readings: await start('readings', readings),
    snapshots: await start('snapshots', { ...pictures, login: fleet.pictures }),
    viewers: await start('viewers', { ...viewersOf(boxed.server), ...watching }),
    control: await start('control', { url, cookie }),
    uploads: (await hasRoute(boxed, 'ingest/images')) ? await start('uploads', uploads) : undefined,
    reports: (await hasRoute(boxed, 'reports')) ? await start('reports', reports) : undefined,
    absurd: isHostile
      ? await start('snapshots', { ...pictures, login: fleet.intruder, isAbsurd: true })
      : undefined,
    hostile: isHostile ? await start('hostile', hostile) : undefined,
  };
}

/** Some routes are not in every version. */
async function hasRoute({ server }: BoxedServer, path: string): Promise<boolean> {
  const response = await server.session.fetch(path, { method: 'POST', json: {} });
  await response.arrayBuffer();
  return response.status !== 404;
}

function coresOf(loads: PhaseLoads): Record<string, number> {
  const { viewers, control } = loads;
  return { viewers: round(viewers.cores, 2), control: round(control.cores, 2) };
}
