// Devices that send the rows of `telemetry/rows.ts` at QoS 1, as fast as they are acknowledged.

import type { MqttClient } from 'mqtt';
import { topics } from '@sitecast/shared/protocol/topics';
import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import { METRICS, timeOf, valueOf } from '../telemetry/rows.ts';
import { untilZero } from './drain.ts';
import type { Load } from './load.ts';
import { connectMqtt } from './mqtt-connection.ts';

export interface BulkReadingsOptions {
  port: number;
  logins: DeviceLogin[];
  /** Of one message; each has a value of all metrics. */
  readingsPerMessage: number;
  /** Where the first reading stands in time, so that a later load sends none again. */
  firstStep: number;
}

interface BulkReport {
  /** Since `reset`. */
  rowsAcked: number;
  /** Since the start. */
  rowsAckedInAll: number;
  nextStep: number;
}

const MAX_IN_FLIGHT = 10;

class Device {
  readonly #client: MqttClient;
  readonly #topic: string;
  readonly #number: number;
  readonly #readingsPerMessage: number;
  step: number;
  inFlight = 0;
  rowsAcked = 0;
  isFinished = false;

  constructor(client: MqttClient, id: string, number: number, options: BulkReadingsOptions) {
    this.#client = client;
    this.#topic = topics.sensorTelemetry('local', id);
    this.#number = number;
    this.#readingsPerMessage = options.readingsPerMessage;
    this.step = options.firstStep;
    for (let n = 0; n < MAX_IN_FLIGHT; n += 1) this.#send();
  }

  #send(): void {
    const readings = Array.from({ length: this.#readingsPerMessage }, () => this.#nextReading());
    this.inFlight += 1;
    this.#client.publish(this.#topic, JSON.stringify(readings), { qos: 1 }, (error) => {
      this.inFlight -= 1;
      if (!error) this.rowsAcked += readings.length * METRICS.length;
      if (!this.isFinished) this.#send();
    });
  }

  #nextReading(): { ts: number; values: Record<string, number> } {
    const step = this.step++;
    const values: Record<string, number> = {};
    METRICS.forEach((metric, n) => (values[metric] = valueOf(this.#number * METRICS.length + n, step)));
    return { ts: timeOf(step), values };
  }
}

class BulkReadings implements Load<BulkReport> {
  readonly #devices: Device[];
  #rowsBefore = 0;

  constructor(devices: Device[]) {
    this.#devices = devices;
  }

  reset(): void {
    this.#rowsBefore = this.#rowsAcked;
  }

  report(): BulkReport {
    return {
      rowsAcked: this.#rowsAcked - this.#rowsBefore,
      rowsAckedInAll: this.#rowsAcked,
      nextStep: Math.max(...this.#devices.map(({ step }) => step)),
    };
  }

  async finish(): Promise<void> {
    for (const device of this.#devices) device.isFinished = true;
    await untilZero(() => this.#devices.reduce((sum, { inFlight }) => sum + inFlight, 0));
  }

  get #rowsAcked(): number {
    return this.#devices.reduce((sum, { rowsAcked }) => sum + rowsAcked, 0);
  }
}

export async function startBulkReadings(options: BulkReadingsOptions): Promise<BulkReadings> {
  const clients = await Promise.all(
    options.logins.map(({ id, secret }) =>
      connectMqtt({ port: options.port, clientId: id, username: id, password: secret }),
    ),
  );
  return new BulkReadings(
    clients.map((client, number) => new Device(client, options.logins[number]!.id, number, options)),
  );
}
