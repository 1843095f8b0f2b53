// Puts readings into a spool for ever, and prints the number of each that is durable: the victim of a kill -9.
// Plain JavaScript on the built files: Node 20 runs no TypeScript.

import { pino } from 'pino';
import { laneLimits } from '../../dist/uplink/lanes.js';
import { Spool } from '../../dist/uplink/spool.js';

const [folder, from] = process.argv.slice(2);
const logger = pino({ level: 'silent' });
const spool = await Spool.open({ folder, lanes: laneLimits(16 * 1024 * 1024), logger });
for (let n = Number(from); ; n += 4) {
  const group = [n, n + 1, n + 2, n + 3];
  await Promise.all(
    group.map((m) =>
      spool.put('telemetry', 'sitecast/v1/demo/gateway/telemetry/climate', Buffer.from(String(m))),
    ),
  );
  process.stdout.write(`${n + 3}\n`);
}
