// The site of the soak: cameras, the agent with a broker for sensors, its uplink through lines that can be cut, and a server.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import { waitFor } from '../../test/e2e/support/sitecast.ts';
import { CutLine, type CutKind } from '../harness/cut-line.ts';
import { AS_DEPLOYED } from '../edge/subjects.ts';
import { freePort } from '../harness/free-port.ts';
import { LoadProcess } from '../harness/load-process.ts';
import { Program } from '../harness/program.ts';
import type { Resources } from '../harness/resources.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { TempDir } from '../harness/temp-dir.ts';
import { writeMovie } from '../loads/movie.ts';
import { FlappingCamera } from './flapping-camera.ts';

const AGENT = fileURLToPath(new URL('../../../edge-agent/bin/sitecast-agent.js', import.meta.url));
const SENSORS = 10;
const PASSWORD = 'soaked-through';
const START_TIMEOUT_MS = 60_000;
export const METRIC = 'number';
export const FLAPPING = 'flapping';

export interface Site {
  server: SitecastServer;
  agent: Program;
  /** How sensors reach the broker of the site. */
  sensors: { port: number; logins: DeviceLogin[]; metric: string; broker: 'site' };
  readonly flaps: number;
  readonly isCut: boolean;
  cutUplink(kind: CutKind): void;
  mendUplink(): void;
  /** State by id, as the server has it. */
  cameraStates(): Promise<Record<string, string>>;
}

/** Owned by `resources`. Resolves when the steady cameras are live. */
export async function openSite(resources: Resources): Promise<Site> {
  const { path: dir } = resources.use(new TempDir());
  const server = resources.use(await SitecastServer.start());
  const login = await server.createDevice('gateway', 'agent');
  const data = resources.use(await CutLine.open(server.dataPort));
  const media = resources.use(await CutLine.open(server.mediaPort));
  const steady = resources.use(
    await LoadProcess.start('rtsp-cameras', { movie: writeMovie(dir, 720), cameras: 2 }),
  );
  const flapping = resources.use(await FlappingCamera.start());
  const lockedPort = await freePort();
  resources.use(
    await LoadProcess.start('drawn-camera', { port: lockedPort, user: 'viewer', password: 'right' }),
  );
  const { urls } = await steady.report();
  const sources = {
    'cam-0': urls[0]!,
    'cam-1': urls[1]!,
    [FLAPPING]: flapping.url,
    locked: `rtsp://viewer:wrong@127.0.0.1:${lockedPort}/cam`,
  };
  const sensorPort = await freePort();
  const config = agentConfig({ dir, login, data, media, sources, sensorPort });
  const agent = resources.use(startAgent(dir, config, login));
  const cameraStates = () => statesOf(server);
  await waitFor(async () => (await cameraStates())['cam-1'] === 'live', 'live cameras', START_TIMEOUT_MS);
  let isCut = false;
  return {
    server,
    agent,
    sensors: { port: sensorPort, logins: sensorLogins(), metric: METRIC, broker: 'site' },
    get flaps() {
      return flapping.flaps;
    },
    get isCut() {
      return isCut;
    },
    cutUplink: (kind) => {
      if (!isCut) for (const line of [data, media]) line.cut(kind);
      isCut = true;
    },
    mendUplink: () => {
      if (isCut) for (const line of [data, media]) line.mend();
      isCut = false;
    },
    cameraStates,
  };
}

function startAgent(dir: string, config: object, { secret }: DeviceLogin): Program {
  const configPath = join(dir, 'agent.yaml');
  writeFileSync(configPath, stringify(config), { mode: 0o600 });
  const args = [...AS_DEPLOYED.nodeArgs, AGENT, 'run', '--config', configPath, '--log-level', 'warn'];
  return new Program({
    command: process.execPath,
    args,
    env: { SITECAST_AGENT_SECRET: secret, ...AS_DEPLOYED.env },
  });
}

interface ConfigParts {
  dir: string;
  login: DeviceLogin;
  data: CutLine;
  media: CutLine;
  sources: Record<string, string>;
  sensorPort: number;
}

function agentConfig({ dir, login, data, media, sources, sensorPort }: ConfigParts): object {
  return {
    site: 'local',
    agent: login.id,
    dataDir: join(dir, 'agent'),
    uplink: { url: `mqtt://127.0.0.1:${data.port}`, mediaUrl: `mqtt://127.0.0.1:${media.port}` },
    encoder: 'software',
    cameras: Object.entries(sources).map(([id, source]) => ({
      id,
      source,
      snapshotIntervalSeconds: 5,
      motion: {},
    })),
    siteBroker: {
      listen: '127.0.0.1',
      port: sensorPort,
      credentials: sensorLogins().map(({ id, secret }) => ({ user: id, password: secret })),
    },
    spool: {
      maxBytes: 64 * 1024 * 1024,
      lanes: { telemetry: { maxBytes: 1024 * 1024, whenFull: 'drop-oldest' } },
    },
  };
}

function sensorLogins(): DeviceLogin[] {
  return Array.from({ length: SENSORS }, (_, number) => ({ id: `sensor-${number}`, secret: PASSWORD }));
}

async function statesOf({ session }: SitecastServer): Promise<Record<string, string>> {
  const { items } = await session.get<{ items: { id: string; state: string }[] }>('cameras');
  return Object.fromEntries(items.map(({ id, state }) => [id, state]));
}
