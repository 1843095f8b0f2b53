// A broker on free ports with two agents and a sensor, handlers that remember, and mqtt.js clients that are cleaned up.

import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { createLogger, type Logger } from '@sitecast/shared/node/logger';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { DeviceBroker } from '../../src/broker/device-broker.ts';
import type { ConnectionChange, DeviceIdentity, DeviceMessage, LiveTopic } from '../../src/broker/device.ts';
import { BROKER_LIMITS, type BrokerLimits } from '../../src/broker/limits.ts';

export const DEVICES: Record<string, DeviceIdentity> = {
  gateway: { kind: 'agent', site: 'demo', id: 'gateway' },
  other: { kind: 'agent', site: 'demo', id: 'other' },
  thermo: { kind: 'sensor', site: 'demo', id: 'thermo' },
  bridge: { kind: 'sensor', site: 'demo', id: 'bridge', mapping: { topics: ['zigbee2mqtt', 'hall/7'] } },
};

export const secretOf = (id: string): string => `secret-of-${id}`;

export interface Harness extends AsyncDisposable {
  broker: DeviceBroker;
  messages: DeviceMessage[];
  frames: { from: DeviceIdentity; topic: LiveTopic; bytes: Buffer }[];
  changes: ConnectionChange[];
  /** Topics that a device may not publish to, and did. */
  forbidden: string[];
  /** Replaced by a test that routes frames on. */
  onLiveFrame: (topic: LiveTopic, bytes: Buffer) => void;
  /** Replaced by a test that wants a message to fail or to take long. */
  onMessage: (message: DeviceMessage) => Promise<void>;
  authenticate: (username: string, secret: string) => Promise<DeviceIdentity | undefined>;
  /** Resolves when connected; rejects when refused. */
  connect(id: string, options?: ConnectOptions): Promise<MqttClient>;
}

export interface ConnectOptions extends IClientOptions {
  listener?: 'data' | 'media';
}

export async function startBroker(
  limits: Partial<BrokerLimits> = {},
  logger: Logger = createLogger({ name: 'test', level: 'silent' }),
): Promise<Harness> {
  const clients: MqttClient[] = [];
  const harness: Harness = {
    broker: undefined as never,
    messages: [],
    frames: [],
    changes: [],
    forbidden: [],
    onLiveFrame: () => undefined,
    onMessage: async () => undefined,
    authenticate: async (username, secret) => (secret === secretOf(username) ? DEVICES[username] : undefined),
    connect: async (id, options = {}) => {
      const client = connectClient(harness.broker, id, options);
      clients.push(client);
      await new Promise<void>((resolve, reject) => {
        client.once('connect', () => resolve());
        client.once('error', reject);
        client.once('close', () => reject(new Error('closed before CONNACK')));
      });
      client.on('error', () => undefined);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.end(true);
      await harness.broker.close();
    },
  };
  harness.broker = await DeviceBroker.open({
    host: '127.0.0.1',
    dataPort: 0,
    mediaPort: 0,
    authenticate: (username, secret) => harness.authenticate(username, secret),
    handlers: {
      onLiveFrame: (from, topic, bytes) => {
        harness.onLiveFrame(topic, bytes);
        harness.frames.push({ from, topic, bytes });
      },
      onMessage: async (message) => {
        await harness.onMessage(message);
        harness.messages.push(message);
      },
      onForbidden: (_from, { topic }) => void harness.forbidden.push(topic),
    },
    limits: { ...BROKER_LIMITS, ...limits },
    logger,
  });
  harness.broker.onConnection((change) => void harness.changes.push(change));
  return harness;
}

/** Resolves when the broker has answered a PINGREQ. */
export async function pinged(client: MqttClient): Promise<void> {
  const answered = new Promise<void>((resolve) => {
    client.on('packetreceive', ({ cmd }) => cmd === 'pingresp' && resolve());
  });
  client.sendPing();
  await answered;
}

function connectClient(broker: DeviceBroker, id: string, options: ConnectOptions): MqttClient {
  const { listener = 'data', ...rest } = options;
  const port = listener === 'data' ? broker.dataPort : broker.mediaPort;
  return connect({
    protocol: 'mqtt',
    host: '127.0.0.1',
    port,
    clientId: listener === 'data' ? id : `${id}:media`,
    username: id,
    password: secretOf(id),
    reconnectPeriod: 0,
    connectTimeout: PATIENCE_MS,
    keepalive: 30,
    ...rest,
  });
}
