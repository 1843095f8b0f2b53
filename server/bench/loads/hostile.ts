// Clients that want to do harm, each without pause: a header of 256 MB before the login, reconnects, uploads of 1 GB.

import { connect, type Socket } from 'node:net';
import type { Load } from './load.ts';

export interface HostileOptions {
  dataPort: number;
  httpPort: number;
  reconnectsPerSecond: number;
}

interface HostileReport {
  /** Connections made and cut off, and the most that left one of them for the kernels, bytes; those hold about 4 MB. */
  headers: Attempts;
  reconnects: Attempts;
  uploads: Attempts;
}

interface Attempts {
  made: number;
  ended: number;
  mostBytesTaken: number;
}

const MIB = 1024 * 1024;
/** Not the one that honest clients come from. */
const ADDRESS = '127.6.6.6';
const HEADERS_AT_ONCE = 8;
const UPLOADS_AT_ONCE = 4;
const AGAIN_AFTER_MS = 100;
const CHUNK = Buffer.alloc(64 * 1024);
/** CONNECT with a remaining length of 256 MB - 1, the largest there is (MQTT 3.1.1 section 2.2.3). */
const HUGE_CONNECT = Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60]);
const HUGE_UPLOAD = Buffer.from(
  `POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${1024 * MIB}\r\n\r\n`,
);
const RECONNECT = Buffer.from([
  0x10,
  0x10,
  0,
  4,
  ...Buffer.from('MQTT'),
  4,
  2,
  0,
  60,
  0,
  4,
  ...Buffer.from('nope'),
]);

const none = (): Attempts => ({ made: 0, ended: 0, mostBytesTaken: 0 });

export async function startHostile(options: HostileOptions): Promise<Load<HostileReport>> {
  const { dataPort, httpPort, reconnectsPerSecond } = options;
  const report: HostileReport = { headers: none(), reconnects: none(), uploads: none() };
  for (let i = 0; i < HEADERS_AT_ONCE; i += 1) flood(dataPort, HUGE_CONNECT, 256 * MIB, report.headers);
  for (let i = 0; i < UPLOADS_AT_ONCE; i += 1) flood(httpPort, HUGE_UPLOAD, 1_024 * MIB, report.uploads);
  setInterval(() => reconnect(dataPort, report.reconnects), 1_000 / reconnectsPerSecond);
  return { reset: () => undefined, report: () => report };
}

/** Sends as fast as it is taken; begins again when it was cut off. */
function flood(port: number, head: Buffer, totalBytes: number, attempts: Attempts): void {
  const socket = connect({ port, host: '127.0.0.1', localAddress: ADDRESS });
  attempts.made += 1;
  socket.on('connect', () => {
    socket.write(head);
    pour(socket, totalBytes);
  });
  socket.on('error', () => undefined);
  socket.resume();
  socket.on('close', () => {
    attempts.ended += 1;
    attempts.mostBytesTaken = Math.max(attempts.mostBytesTaken, socket.bytesWritten - socket.writableLength);
    setTimeout(() => flood(port, head, totalBytes, attempts), AGAIN_AFTER_MS);
  });
}

function pour(socket: Socket, leftBytes: number): void {
  while (leftBytes > 0 && !socket.destroyed) {
    leftBytes -= CHUNK.length;
    if (!socket.write(CHUNK)) return void socket.once('drain', () => pour(socket, leftBytes));
  }
}

function reconnect(port: number, attempts: Attempts): void {
  const socket = connect({ port, host: '127.0.0.1', localAddress: ADDRESS });
  attempts.made += 1;
  socket.on('connect', () => socket.write(RECONNECT));
  socket.on('data', () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', () => (attempts.ended += 1));
  setTimeout(() => socket.destroy(), 1_000);
}
