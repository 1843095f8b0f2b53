// Mosquitto with one TCP listener, as a relay: viewers are subscribers at QoS 0.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../harness/free-port.ts';
import { Program } from '../harness/program.ts';

export function hasMosquitto(): boolean {
  return spawnSync('mosquitto', ['-h']).error === undefined;
}

/** @param dir where its settings may lie. */
export async function startMosquitto(dir: string): Promise<{ program: Program; port: number }> {
  const port = await freePort();
  const path = join(dir, 'mosquitto.conf');
  const settings = [
    'persistence false',
    'allow_anonymous true',
    'set_tcp_nodelay true',
    `listener ${port} 127.0.0.1`,
  ];
  writeFileSync(path, `${settings.join('\n')}\n`);
  const program = new Program({ command: 'mosquitto', args: ['-c', path] });
  await program.printed(/running/, 10_000);
  await delay(200);
  return { program, port };
}
