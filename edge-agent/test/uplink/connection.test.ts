import { expect, test, vi } from 'vitest';
import { MqttConnection } from '../../src/uplink/connection.ts';
import type { SessionOptions } from '../../src/uplink/mqtt-session.ts';
import { silentLogger } from '../support.ts';

const sessions = vi.hoisted((): SessionOptions[] => []);

vi.mock('../../src/uplink/mqtt-session.ts', () => ({
  MqttSession: class {
    constructor(options: SessionOptions) {
      sessions.push(options);
    }
    start(): void {}
    async close(): Promise<void> {}
  },
}));

test('a connection that was closed stays closed, although its session opens late', async () => {
  const connection = new MqttConnection({
    name: 'data',
    url: 'mqtt://localhost',
    clientId: 'gateway',
    username: 'gateway',
    password: 'secret',
    subscriptions: [],
    logger: silentLogger,
  });
  connection.start();
  await connection.close();
  sessions[0]!.onOpen();
  expect([connection.isOnline, connection.counters.connects]).toEqual([false, 0]);
});
