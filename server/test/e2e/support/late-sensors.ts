// Sensors that send readings of the last days in no order, some twice, and remember what was acknowledged.

import { connect, type MqttClient } from 'mqtt';
import { topics } from '@sitecast/shared/protocol/topics';
import { seededRandom } from '../../support/seeded-random.ts';
import type { DeviceLogin } from './device.ts';
import { waitFor } from './sitecast.ts';

const METRICS = ['a', 'b', 'c', 'd', 'e'];
const SPREAD_MS = 3 * 86_400_000;
const READINGS_PER_MESSAGE = 20;
const SEND_MS = 10;
const MAX_IN_FLIGHT = 20;

interface Reading {
  ts: number;
  values: Record<string, number>;
}

/** mqtt.js keeps what is not acknowledged and sends it again. */
export class LateSensor {
  /** By metric and time. */
  readonly acked = new Map<string, number>();
  readonly id: string;
  readonly #client: MqttClient;
  readonly #topic: string;
  readonly #timer: NodeJS.Timeout;
  readonly #random: () => number;
  readonly #sent: Reading[][] = [];
  readonly #endMs = Date.now() - 2 * 3_600_000;
  #inFlight = 0;

  constructor(port: number, { id, secret }: DeviceLogin, seed: number) {
    this.id = id;
    this.#random = seededRandom(seed);
    this.#topic = topics.sensorTelemetry('local', id);
    this.#client = connect({
      port,
      clientId: id,
      username: id,
      password: secret,
      reconnectPeriod: 300,
      reconnectOnConnackError: true,
      protocolVersion: 4,
    });
    this.#client.on('error', () => undefined);
    this.#timer = setInterval(() => this.#send(), SEND_MS);
  }

  /** Resolves when all that was sent is acknowledged. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    await waitFor(() => this.#inFlight === 0, `the last acknowledgement of ${this.id}`);
    await this.#client.endAsync(true);
  }

  #send(): void {
    if (this.#inFlight >= MAX_IN_FLIGHT) return;
    const again =
      this.#random() < 0.2 ? this.#sent[Math.floor(this.#random() * this.#sent.length)] : undefined;
    const readings = again ?? this.#make();
    this.#inFlight += 1;
    this.#client.publish(this.#topic, JSON.stringify(readings), { qos: 1 }, (error) => {
      this.#inFlight -= 1;
      if (!error) this.#remember(readings);
    });
  }

  /** The value follows from the time, so that a time which comes again carries the same one. Sums of eighths are exact. */
  #make(): Reading[] {
    const readings = Array.from({ length: READINGS_PER_MESSAGE }, () => {
      const ts = this.#endMs - Math.floor((this.#random() * SPREAD_MS) / 1_000) * 1_000;
      const valueOf = (n: number): number => (((ts / 1_000) * (n + 3)) % 8_191) / 8;
      return { ts, values: Object.fromEntries(METRICS.map((metric, n) => [metric, valueOf(n)])) };
    });
    this.#sent.push(readings);
    return readings;
  }

  #remember(readings: Reading[]): void {
    for (const { ts, values } of readings)
      for (const [metric, value] of Object.entries(values)) this.acked.set(`${metric} ${ts}`, value);
  }
}
