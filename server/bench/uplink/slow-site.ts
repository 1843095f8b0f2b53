// A site with one camera of 3 Mbit/s behind a throttling line: the agent as it is installed, and a device beside it that asks for
// nothing but acknowledgements.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MqttClient } from 'mqtt';
import type { AgentHealth, CameraReport } from '@sitecast/shared/protocol/status';
import { topics } from '@sitecast/shared/protocol/topics';
import { ThrottledLine } from '../../../shared/test/throttled-line.ts';
import { waitFor } from '../../test/e2e/support/sitecast.ts';
import { Program } from '../harness/program.ts';
import { Resources } from '../harness/resources.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { TempDir } from '../harness/temp-dir.ts';
import { Unavailable } from '../harness/unavailable.ts';
import { connectMqtt } from '../loads/mqtt-connection.ts';

const AGENT = fileURLToPath(new URL('../../../edge-agent/bin/sitecast-agent.js', import.meta.url));
const FPS = 25;
const PROBE_EVERY_MS = 250;
const START_TIMEOUT_MS = 60_000;

/** Round trips of QoS 1 messages on a connection like that of an agent's status, through the same line. */
class Probe implements Disposable {
  readonly roundTripsMs: { atMs: number; ms: number }[] = [];
  readonly #client: MqttClient;
  readonly #timer: NodeJS.Timeout;

  constructor(client: MqttClient) {
    this.#client = client;
    this.#timer = setInterval(() => this.#ask(), PROBE_EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#client.end(true);
  }

  #ask(): void {
    const atMs = performance.now();
    const reading = Buffer.from(JSON.stringify({ value: atMs }));
    this.#client.publish(topics.sensorTelemetry('local', 'probe'), reading, { qos: 1 }, (error) => {
      if (!error) this.roundTripsMs.push({ atMs, ms: performance.now() - atMs });
    });
  }
}

export class SlowSite implements AsyncDisposable {
  readonly server: SitecastServer;
  readonly line: ThrottledLine;
  readonly probe: Probe;
  readonly #resources: Resources;

  private constructor(server: SitecastServer, line: ThrottledLine, probe: Probe, resources: Resources) {
    this.server = server;
    this.line = line;
    this.probe = probe;
    this.#resources = resources;
  }

  /** @throws {Unavailable} */
  static async start(bitsPerSecond: number): Promise<SlowSite> {
    await using resources = new Resources();
    const { path: dir } = resources.use(new TempDir());
    const movie = writeMovie(dir);
    const server = resources.use(await SitecastServer.start());
    const targets = [server.dataPort, server.mediaPort];
    const line = resources.use(await ThrottledLine.open({ targets, bitsPerSecond }));
    const { secret } = await server.createDevice('gateway', 'agent');
    const config = writeConfig(dir, movie, line.ports);
    const env = { SITECAST_AGENT_SECRET: secret };
    resources.use(new Program({ command: process.execPath, args: [AGENT, 'run', '--config', config], env }));
    const probe = resources.use(new Probe(await connectProbe(server, line)));
    const site = new SlowSite(server, line, probe, resources.move());
    await waitFor(async () => (await site.camera())?.state === 'live', 'the camera', START_TIMEOUT_MS);
    return site;
  }

  async camera(): Promise<CameraReport | undefined> {
    const { items } = await this.server.session.get<{ items: CameraReport[] }>('cameras');
    return items[0];
  }

  async uplink(): Promise<AgentHealth['uplink'] | undefined> {
    const { items } = await this.server.session.get<{ items: { health: AgentHealth | null }[] }>('agents');
    return items[0]?.health?.uplink;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

async function connectProbe(server: SitecastServer, line: ThrottledLine): Promise<MqttClient> {
  const { id, secret } = await server.createDevice('probe', 'sensor');
  return connectMqtt({ port: line.ports[0]!, clientId: id, username: id, password: secret });
}

function writeConfig(dir: string, movie: string, [dataPort, mediaPort]: number[]): string {
  const path = join(dir, 'agent.yaml');
  writeFileSync(
    path,
    `site: local
agent: gateway
dataDir: ./agent
uplink: { url: "mqtt://127.0.0.1:${dataPort}", mediaUrl: "mqtt://127.0.0.1:${mediaPort}" }
cameras: [{ id: front, source: "file:${movie}", snapshotIntervalSeconds: 60 }]
`,
  );
  return path;
}

/** Noise, because a drawn scene needs less than 3 Mbit/s. */
function writeMovie(dir: string): string {
  const path = join(dir, 'movie.mp4');
  const scene = `testsrc2=s=1280x720:r=${FPS}:d=10,noise=alls=15:allf=t`;
  const rate = ['-b:v', '3M', '-minrate', '3M', '-maxrate', '3M', '-bufsize', '1M'];
  const encoder = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '0', '-g', String(FPS)];
  const output = [...encoder, ...rate, '-pix_fmt', 'yuv420p', path];
  try {
    execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', scene, ...output]);
  } catch (cause) {
    throw new Unavailable('it needs an ffmpeg with libx264', { cause });
  }
  return path;
}
