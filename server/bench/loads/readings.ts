// Sensors that send readings at QoS 1, and what of them was acknowledged. The value of a reading is its number.

import type { MqttClient } from 'mqtt';
import { topics } from '@sitecast/shared/protocol/topics';
import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import { rangesOf, type Range } from './acked-numbers.ts';
import { untilZero } from './drain.ts';
import type { Load } from './load.ts';
import { connectMqtt } from './mqtt-connection.ts';

export interface ReadingsOptions {
  port: number;
  logins: DeviceLogin[];
  perSecond: number;
  metric: string;
  /** Of the site, or the server itself. */
  broker?: 'site' | 'server';
}

interface ReadingsReport {
  sent: number;
  acked: number;
  /** Not sent, because too many were on the way without an acknowledgement. */
  heldBack: number;
  ackedNumbers: Record<string, Range[]>;
}

const MAX_IN_FLIGHT = 20;
const TICK_MS = 20;
const CONNECT_PAUSE_MS = 30;

class Sensor {
  readonly id: string;
  readonly acked: number[] = [];
  readonly #client: MqttClient;
  readonly #metric: string;
  readonly #topic: string;
  inFlight = 0;
  sent = 0;
  #lastTs = 0;

  constructor(
    id: string,
    client: MqttClient,
    { metric, broker }: Pick<ReadingsOptions, 'metric' | 'broker'>,
  ) {
    this.id = id;
    this.#topic = broker === 'site' ? `sensors/${id}/telemetry` : topics.sensorTelemetry('local', id);
    this.#client = client;
    this.#metric = metric;
  }

  send(): void {
    const number = this.sent++;
    this.#lastTs = Math.max(this.#lastTs + 1, Date.now());
    const payload = JSON.stringify({ ts: this.#lastTs, values: { [this.#metric]: number } });
    this.inFlight += 1;
    this.#client.publish(this.#topic, payload, { qos: 1 }, (error) => {
      this.inFlight -= 1;
      if (!error) this.acked.push(number);
    });
  }
}

class Readings implements Load<ReadingsReport> {
  readonly #sensors: Sensor[];
  readonly #timer: NodeJS.Timeout;
  #heldBack = 0;
  #next = 0;

  constructor(sensors: Sensor[], perSecond: number) {
    this.#sensors = sensors;
    const startMs = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      for (; due < ((performance.now() - startMs) / 1_000) * perSecond; due += 1) this.#sendNext();
    }, TICK_MS);
  }

  /** What was acknowledged must be stored, whenever it was. */
  reset(): void {}

  report(): ReadingsReport {
    const sum = (of: (sensor: Sensor) => number): number =>
      this.#sensors.reduce((total, sensor) => total + of(sensor), 0);
    return {
      sent: sum(({ sent }) => sent),
      acked: sum(({ acked }) => acked.length),
      heldBack: this.#heldBack,
      ackedNumbers: Object.fromEntries(this.#sensors.map(({ id, acked }) => [id, rangesOf(acked)])),
    };
  }

  async finish(): Promise<void> {
    clearInterval(this.#timer);
    await untilZero(() => this.#sensors.reduce((sum, { inFlight }) => sum + inFlight, 0));
  }

  #sendNext(): void {
    const sensor = this.#sensors[this.#next++ % this.#sensors.length]!;
    if (sensor.inFlight < MAX_IN_FLIGHT) sensor.send();
    else this.#heldBack += 1;
  }
}

export async function startReadings(options: ReadingsOptions): Promise<Readings> {
  const { port, logins, perSecond } = options;
  const sensors: Sensor[] = [];
  for (const { id, secret } of logins) {
    const client = await connectMqtt({ port, clientId: id, username: id, password: secret });
    sensors.push(new Sensor(id, client, options));
    await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
  }
  return new Readings(sensors, perSecond);
}
