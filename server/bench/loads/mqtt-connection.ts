// An MQTT connection without Nagle's delay, as the agent opens it: mqtt.js leaves that on, and frames would wait 40 ms.

import { Socket } from 'node:net';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';

export async function connectMqtt(options: IClientOptions & { port: number }): Promise<MqttClient> {
  const client = await connectAsync({ host: '127.0.0.1', protocolVersion: 4, ...options });
  const hurry = (): void => {
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  };
  hurry();
  client.on('connect', hurry);
  client.on('error', () => undefined);
  return client;
}
