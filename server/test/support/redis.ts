// A Redis of its own for the test that runs; gone when that test is.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from './wait-for.ts';

export interface RunningRedis {
  end(): Promise<void>;
  /** Takes connections and answers nothing, until it may go on. */
  hang(): void;
  goOn(): void;
}

export async function launchRedis(port: number, args: string[] = []): Promise<RunningRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-redis-'));
  const listen = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const redis = spawn('redis-server', [...listen, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(redis, 'exit');
  const end = async (): Promise<void> => {
    redis.kill();
    // One that hangs ends only once it goes on.
    redis.kill('SIGCONT');
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  onTestFinished(end);
  let log = '';
  redis.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await waitFor('Redis', () => log.includes('Ready to accept connections'));
  return { end, hang: () => void redis.kill('SIGSTOP'), goOn: () => void redis.kill('SIGCONT') };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
