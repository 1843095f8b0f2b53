// Sensors that are connected and say nothing: what a connection costs by itself.

import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import type { Load } from './load.ts';
import { connectMqtt } from './mqtt-connection.ts';

export interface SensorConnectionsOptions {
  port: number;
  logins: DeviceLogin[];
  connections: number;
}

/** Below the bound of new connections a second. */
const CONNECTS_AT_ONCE = 20;

export async function startSensorConnections(options: SensorConnectionsOptions): Promise<Load<object>> {
  const { port, logins, connections } = options;
  for (let from = 0; from < connections; from += CONNECTS_AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(CONNECTS_AT_ONCE, connections - from) },
      (_, i) => from + i,
    );
    await Promise.all(numbers.map((number) => connectSensor(port, logins[number % logins.length]!, number)));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return { reset: () => undefined, report: () => ({}) };
}

async function connectSensor(port: number, { id, secret }: DeviceLogin, number: number): Promise<void> {
  await connectMqtt({
    port,
    clientId: `${id}-${number}`,
    username: id,
    password: secret,
    keepalive: 60,
  });
}
