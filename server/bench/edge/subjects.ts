// What is compared on a gateway: our agent in each of its ways of working, and an ffmpeg a camera that only copies.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import { LiveViewer } from '../../test/e2e/support/live-viewer.ts';
import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import { waitFor, type ApiSession } from '../../test/e2e/support/sitecast.ts';
import { Program } from '../harness/program.ts';
import { Resources } from '../harness/resources.ts';
import type { SitecastServer } from '../harness/sitecast-server.ts';

const AGENT = fileURLToPath(new URL('../../../edge-agent/bin/sitecast-agent.js', import.meta.url));
/** As the systemd unit and the image start it. */
export const AS_DEPLOYED = {
  env: { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072' },
  nodeArgs: ['--max-semi-space-size=2', '--max-old-space-size=256'],
};
const LIVE_TIMEOUT_MS = 60_000;
const FIRST_FRAMES = 10;

export type EdgeSubjectName = 'plain copy' | 'passthrough' | 'low' | 'mpeg1';

/** Owned by whoever started it. */
export interface RunningSubject extends AsyncDisposable {
  readonly pids: number[];
  /** The node process of the agent. */
  readonly agentPid: number | undefined;
  /** Frames that the viewer of an encoded profile got so far. */
  readonly framesSeen: number | undefined;
}

export interface Gateway {
  dir: string;
  server: SitecastServer;
  login: DeviceLogin;
  /** RTSP addresses of cameras. */
  urls: string[];
}

export function startSubject(
  name: EdgeSubjectName,
  gateway: Gateway,
  cameras: number,
): Promise<RunningSubject> {
  if (name === 'plain copy') return startPlain(gateway.urls.slice(0, cameras));
  return startAgent(gateway, cameras, name === 'passthrough' ? undefined : name);
}

/** As the agent copies: over TCP, to MP4 with a fragment for each access unit. */
async function startPlain(urls: string[]): Promise<RunningSubject> {
  const resources = new Resources();
  const programs = urls.map((url) => {
    const input = ['-nostdin', '-loglevel', 'error', '-y', '-rtsp_transport', 'tcp', '-i', url];
    const output = ['-c', 'copy', '-movflags', 'frag_every_frame+empty_moov+default_base_moof', '-f', 'mp4'];
    return resources.use(new Program({ command: 'ffmpeg', args: [...input, ...output, '/dev/null'] }));
  });
  return {
    get pids() {
      return programs.flatMap((program) => program.pids);
    },
    agentPid: undefined,
    framesSeen: undefined,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

/** With all of its work on keyframes; `watched` is leased by one viewer of the first camera. */
async function startAgent(
  gateway: Gateway,
  cameras: number,
  watched: Profile | undefined,
): Promise<RunningSubject> {
  await using resources = new Resources();
  const { session } = gateway.server;
  const configPath = join(gateway.dir, 'agent.yaml');
  writeFileSync(configPath, stringify(agentConfig(gateway, cameras)), { mode: 0o600 });
  const env = { SITECAST_AGENT_SECRET: gateway.login.secret, ...AS_DEPLOYED.env };
  const args = [...AS_DEPLOYED.nodeArgs, AGENT, 'run', '--config', configPath, '--log-level', 'warn'];
  const program = resources.use(new Program({ command: process.execPath, args, env }));
  await waitFor(() => liveCameras(gateway, cameras), `${cameras} live cameras`, LIVE_TIMEOUT_MS);
  const viewer = watched && (await watch(session, watched));
  if (viewer) {
    resources.use({ [Symbol.dispose]: () => viewer.close() });
    await viewer.framesAfter(0, FIRST_FRAMES, LIVE_TIMEOUT_MS);
  }
  const owned = resources.move();
  return {
    get pids() {
      return program.pids;
    },
    agentPid: program.pid,
    get framesSeen() {
      return viewer && (viewer.frames.at(-1)?.header.sequence ?? 0);
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

/** What the server knows of the cameras may still be of the agent before, so the first answers may be refusals. */
async function watch(session: ApiSession, profile: Profile): Promise<LiveViewer> {
  const watchOnce = async (): Promise<LiveViewer | undefined> => {
    const viewer = new LiveViewer(session, 'local/cam-0', profile);
    if ((await viewer.answer()).type === 'ready') return viewer;
    viewer.close();
    await pause(1_000);
    return undefined;
  };
  return waitFor(watchOnce, `a stream of ${profile}`, LIVE_TIMEOUT_MS);
}

/** Pictures are looked at for motion, stillness and tampering; one of them is sent a minute, as by default. */
function agentConfig({ dir, server, urls, login }: Gateway, cameras: number): object {
  return {
    site: 'local',
    agent: login.id,
    dataDir: join(dir, 'agent'),
    uplink: {
      url: `mqtt://127.0.0.1:${server.dataPort}`,
      mediaUrl: `mqtt://127.0.0.1:${server.mediaPort}`,
    },
    encoder: 'software',
    cameras: urls.slice(0, cameras).map((source, number) => ({ id: `cam-${number}`, source, motion: {} })),
  };
}

async function liveCameras({ server }: Gateway, count: number): Promise<boolean> {
  const { items } = await server.session.get<{ items: { state: string }[] }>('cameras');
  return items.filter(({ state }) => state === 'live').length === count;
}
