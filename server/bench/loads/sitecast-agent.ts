// A gateway as our server knows it: two MQTT connections, inventory, leases, live frames of what is leased, acknowledgements,
// and snapshots on command.

import type { MqttClient } from 'mqtt';
import { ulid } from 'ulid';
import { command, type Command } from '@sitecast/shared/protocol/commands';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import type { Load } from './load.ts';
import { connectMqtt } from './mqtt-connection.ts';
import { everyPicture, FrameWriter, type StreamShape } from './picture-source.ts';

export interface SitecastAgentOptions {
  dataPort: number;
  mediaPort: number;
  login: DeviceLogin;
  shape: StreamShape;
}

interface AgentReport {
  framesSent: number;
  liveAcks: number;
  leases: number;
}

const cameraId = (stream: number): string => `cam-${stream}`;

class FakeAgent implements Load<AgentReport> {
  readonly #address: AgentAddress;
  readonly #shape: StreamShape;
  readonly #data: MqttClient;
  readonly #media: MqttClient;
  readonly #writers: FrameWriter[];
  /** By stream, ms of `performance.now`. */
  readonly #leasedUntilMs = new Map<number, number>();
  #counts: AgentReport = { framesSent: 0, liveAcks: 0, leases: 0 };

  constructor(options: SitecastAgentOptions, data: MqttClient, media: MqttClient) {
    this.#address = { site: 'local', agent: options.login.id };
    this.#shape = options.shape;
    this.#data = data;
    this.#media = media;
    this.#writers = streamNumbers(options.shape).map((stream) => new FrameWriter(options.shape, stream));
  }

  async start(): Promise<void> {
    this.#data.on('message', (_topic, payload) => this.#carryOut(decodeMessage(command, payload)));
    this.#media.on('message', () => void (this.#counts.liveAcks += 1));
    await this.#data.subscribeAsync(topics.command(this.#address), { qos: 1 });
    await this.#media.subscribeAsync(topics.liveAck(this.#address));
    const since = new Date().toISOString();
    await this.#say(topics.status(this.#address), {
      state: 'online',
      since,
      version: '0.0.0',
      bootId: ulid(),
    });
    await this.#say(topics.cameras(this.#address), { cameras: streamNumbers(this.#shape).map(reportOf) });
    everyPicture(this.#shape, (stream, tick) => this.#tick(stream, tick));
  }

  reset(): void {
    this.#counts = { framesSent: 0, liveAcks: 0, leases: 0 };
  }

  report(): AgentReport {
    return this.#counts;
  }

  #tick(stream: number, tick: number): void {
    if ((this.#leasedUntilMs.get(stream) ?? 0) < performance.now()) return;
    this.#counts.framesSent += 1;
    this.#send(stream, this.#writers[stream]!.picture(tick));
  }

  #send(stream: number, frame: Buffer): void {
    this.#media.publish(topics.live(this.#address, cameraId(stream), 'main'), frame);
  }

  #carryOut({ id, op, args }: Command): void {
    const stream = 'camera' in args ? Number(args.camera.split('-')[1]) : 0;
    if (op === 'live.lease') {
      const { epoch } = this.#writers[stream]!;
      this.#reply(id, { ...LEASE, stream: `${cameraId(stream)}/main`, epoch });
      this.#lease(stream, args.ttlMs);
      return;
    }
    if (op === 'live.release') this.#leasedUntilMs.delete(stream);
    this.#reply(id, op === 'snapshot' ? { snapshotId: ulid() } : null);
  }

  #lease(stream: number, ttlMs: number): void {
    const isNew = (this.#leasedUntilMs.get(stream) ?? 0) < performance.now();
    this.#leasedUntilMs.set(stream, performance.now() + ttlMs);
    if (!isNew) return;
    this.#counts.leases += 1;
    this.#send(stream, this.#writers[stream]!.initSegment());
  }

  #reply(id: string, result: unknown): void {
    void this.#say(topics.reply(this.#address), { id, ok: true, result }, false);
  }

  async #say(topic: string, message: unknown, retain = true): Promise<void> {
    await this.#data.publishAsync(topic, Buffer.from(encodeJson(message)), { qos: 1, retain });
  }
}

const LEASE = { container: 'fmp4', mime: 'video/mp4; codecs="avc1.64001f"', width: 1280, height: 720 };

const streamNumbers = ({ streams }: StreamShape): number[] => Array.from({ length: streams }, (_, i) => i);

function reportOf(stream: number) {
  return {
    id: cameraId(stream),
    name: cameraId(stream),
    state: 'live',
    reason: null,
    since: new Date().toISOString(),
    codec: 'avc1.64001f',
    width: 1280,
    height: 720,
    fps: 25,
    profiles: ['main'],
  };
}

export async function startSitecastAgent(options: SitecastAgentOptions): Promise<FakeAgent> {
  const { login, dataPort, mediaPort } = options;
  const identity = { username: login.id, password: login.secret, reconnectPeriod: 1_000 };
  const data = await connectMqtt({ ...identity, port: dataPort, clientId: login.id });
  const media = await connectMqtt({ ...identity, port: mediaPort, clientId: `${login.id}:media` });
  const agent = new FakeAgent(options, data, media);
  await agent.start();
  return agent;
}
