import { afterAll, expect, test, vi } from 'vitest';
import type { SessionOptions } from '../../src/uplink/mqtt-session.ts';
import { silentLogger } from '../support.ts';

const sessions: SessionOptions[] = [];

// Test files share processes: what others loaded is loaded anew with this in it, and once more after us without.
vi.resetModules();
vi.doMock('../../src/uplink/mqtt-session.ts', () => ({
  MqttSession: class {
    constructor(options: SessionOptions) {
      sessions.push(options);
    }
    start(): void {}
    async close(): Promise<void> {}
  },
}));
const { MqttConnection } = await import('../../src/uplink/connection.ts');
afterAll(() => {
  vi.doUnmock('../../src/uplink/mqtt-session.ts');
  vi.resetModules();
});

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
