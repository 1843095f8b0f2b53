// A device as an outsider would write one with mqtt.js: sends at QoS 1, remembers what was acknowledged.

import { createHash } from 'node:crypto';
import { connect, type MqttClient } from 'mqtt';
import { ulid } from 'ulid';
import { encodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { topics } from '@sitecast/shared/protocol/topics';
import { waitFor, type ApiSession } from './sitecast.ts';

export interface DeviceLogin {
  id: string;
  secret: string;
}

export function createDevice(
  session: ApiSession,
  id: string,
  kind: 'agent' | 'sensor',
  site = 'local',
): Promise<DeviceLogin> {
  return session.post<DeviceLogin>('devices', { site, id, kind });
}

/** 16x16 pixels, one colour, encoded by ffmpeg. */
export const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAg+Pkk+SVVVVVVVVWRdZGhoaGRkZGRoaGhwcHCDg4NwcHBoaHBwfHyDg4+Tj4eHg4eTk5ubm7q6srLZ2eD/////xABMAAEBAAAAAAAAAAAAAAAAAAAABgEBAQAAAAAAAAAAAAAAAAAABQYQAQAAAAAAAAAAAAAAAAAAAAARAQAAAAAAAAAAAAAAAAAAAAD/wAARCAAQABADASIAAhEAAxEA/9oADAMBAAIRAxEAPwCbAUQF/9k=',
  'base64',
);

/** A snapshot that differs from every other one: the id is in the bytes behind the end-of-image marker. */
export function snapshotEnvelope(
  camera: string,
  picture: Buffer = JPEG,
): { id: string; sha256: string; bytes: Buffer } {
  const id = ulid();
  const snapshot = Buffer.concat([picture, Buffer.from(id)]);
  const sha256 = createHash('sha256').update(snapshot).digest('hex');
  const bytes = encodeSnapshotEnvelope({
    header: {
      id,
      camera,
      capturedAt: new Date().toISOString(),
      reason: 'interval',
      type: 'image/jpeg',
      width: 16,
      height: 16,
      bytes: snapshot.length,
      sha256,
      thumbnail: { type: 'image/jpeg', width: 16, height: 16, bytes: JPEG.length },
      maskVersion: 0,
    },
    snapshot,
    thumbnail: JPEG,
  });
  return { id, sha256, bytes: Buffer.from(bytes) };
}

/** Publishes snapshots and readings without pause until stopped. mqtt.js keeps what is not acknowledged and sends it again. */
export class BusyAgent {
  readonly ackedSnapshots = new Map<string, string>();
  readonly ackedReadings = new Map<number, number>();
  readonly #client: MqttClient;
  readonly #address: { site: string; agent: string };
  readonly #timers: NodeJS.Timeout[];
  #inFlight = 0;
  #nextTsMs = Date.now() - 60 * 60 * 1000;

  constructor(port: number, { id, secret }: DeviceLogin) {
    this.#address = { site: 'local', agent: id };
    this.#client = connect({
      port,
      clientId: id,
      username: id,
      password: secret,
      reconnectPeriod: 500,
      reconnectOnConnackError: true,
      protocolVersion: 4,
    });
    this.#client.on('error', () => undefined);
    this.#timers = [
      setInterval(() => this.#sendSnapshot(), 150),
      setInterval(() => this.#sendReadings(), 20),
    ];
  }

  /** Of the readings that were sent. */
  get newestTs(): number {
    return this.#nextTsMs;
  }

  /** Resolves when all that was sent is acknowledged. */
  async finish(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await waitFor(() => this.#inFlight === 0, 'the last acknowledgement');
    await this.#client.endAsync(true);
  }

  #sendSnapshot(): void {
    const { id, sha256, bytes } = snapshotEnvelope('cam-1');
    this.#publish(topics.snapshot(this.#address, 'cam-1'), bytes, () => this.ackedSnapshots.set(id, sha256));
  }

  #sendReadings(): void {
    const readings = Array.from({ length: 5 }, () => ({
      ts: (this.#nextTsMs += 7),
      values: { load: this.#nextTsMs % 1000 },
    }));
    this.#publish(topics.agentTelemetry(this.#address, 'busy'), Buffer.from(JSON.stringify(readings)), () => {
      for (const { ts, values } of readings) this.ackedReadings.set(ts, values.load);
    });
  }

  #publish(topic: string, payload: Buffer, onAck: () => void): void {
    if (this.#inFlight >= 40) return;
    this.#inFlight += 1;
    this.#client.publish(topic, payload, { qos: 1 }, (error) => {
      this.#inFlight -= 1;
      if (!error) onAck();
    });
  }
}
