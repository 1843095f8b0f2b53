// An uplink that is slower than what wants to go through it.

import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Passes bytes on at `bytesPerSecond` upwards, and at once downwards, as an ADSL line does. */
export async function slowLine(target: number, bytesPerSecond: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((down) => {
    const up = connectTcp(target, '127.0.0.1');
    for (const socket of [down, up]) {
      sockets.add(socket.on('error', () => {}));
      socket.on('close', () => (down.destroy(), up.destroy()));
    }
    up.pipe(down);
    down.on('data', (chunk) => {
      up.write(chunk);
      down.pause();
      setTimeout(() => down.resume(), (chunk.length / bytesPerSecond) * 1_000);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as { port: number }).port;
}
