// A Redis of its own where redis-server is installed. Without it jobs wait in PostgreSQL.

import { spawnSync } from 'node:child_process';
import { freePort } from '../harness/free-port.ts';
import { Program } from '../harness/program.ts';
import type { MemoryGroup } from './control-groups.ts';

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).error === undefined;
}

/** @returns the program and its URL. */
export async function startRedis(
  dir: string,
  group: MemoryGroup,
): Promise<{ program: Program; url: string }> {
  const port = await freePort();
  const settings = {
    port,
    bind: '127.0.0.1',
    dir,
    appendonly: 'yes',
    save: '',
    maxmemory: '192mb',
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const program = new Program(group.launch({ command: 'redis-server', args }));
  await program.printed(/Ready to accept connections/, 10_000);
  return { program, url: `redis://127.0.0.1:${port}` };
}
