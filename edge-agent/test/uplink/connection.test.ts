import { afterAll, expect, test, vi } from 'vitest';
import type { SessionOptions } from '../../src/uplink/mqtt-session.ts';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { ManualClock, silentLogger } from '../support.ts';

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

test('a connection that is closed by the broker three times right after it was opened may have a rival, and says so', () => {
  const clock = new ManualClock();
  const warnings: string[] = [];
  const logger = silentLogger.child({});
  logger.warn = (_: unknown, message?: string) => void warnings.push(message ?? '');
  const options = { name: 'data', url: 'mqtt://localhost', clientId: 'gateway', username: 'gateway' };
  const connection = new MqttConnection({
    ...options,
    ...{ password: 'secret', subscriptions: [], logger, clock, random: () => 0 },
  });
  const closed = new AppError('UPLINK_OFFLINE', 'closed', { detail: { isClosedByBroker: true } });
  const cutAfter = (ms: number, reason = closed): void => {
    sessions.at(-1)!.onOpen();
    clock.advance(ms);
    sessions.at(-1)!.onEnd(reason);
    clock.advance(10_000);
  };
  const hints = (): number => warnings.filter((message) => /same id and secret/.test(message)).length;
  connection.start();
  for (let cut = 0; cut < 5; cut += 1) cutAfter(31_000);
  for (let cut = 0; cut < 5; cut += 1) cutAfter(1_000, new AppError('UPLINK_OFFLINE', 'ECONNRESET'));
  cutAfter(2_000);
  cutAfter(2_000);
  expect(hints()).toBe(0);
  cutAfter(2_000);
  expect(hints()).toBe(1);
});
