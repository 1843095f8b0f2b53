// Real brokers for the tests of the uplink: Mosquitto, and a raw socket that speaks just enough MQTT to misbehave.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { generate, parser, type Packet } from 'mqtt-packet';
import { onTestFinished } from 'vitest';
import { temporaryFolder, waitFor } from '../support.ts';

export interface Mosquitto {
  port: number;
  url: string;
  /** SIGKILL, and the port stays free. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** One listener, anonymous unless `password` is given; ends with the test. */
export async function startMosquitto({
  user,
  password,
}: { user?: string; password?: string } = {}): Promise<Mosquitto> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const config = [`listener ${port} 127.0.0.1`, 'set_tcp_nodelay true', 'user root'];
  if (user && password) {
    await runTool('mosquitto_passwd', ['-b', '-c', join(folder, 'passwords'), user, password]);
    config.push('allow_anonymous false', `password_file ${join(folder, 'passwords')}`);
  } else {
    config.push('allow_anonymous true');
  }
  await writeFile(join(folder, 'mosquitto.conf'), `${config.join('\n')}\n`);
  let child: ChildProcess = spawn('true');
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const start = async (): Promise<void> => {
    child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' });
    await waitFor(() => canConnect(port), `mosquitto on port ${port}`);
  };
  onTestFinished(kill);
  await start();
  return { port, url: `mqtt://127.0.0.1:${port}`, kill, start };
}

/** Answers CONNECT and SUBSCRIBE; what becomes of a PUBLISH is up to the test. */
export class RawBroker {
  readonly published: { topic: string; payload: Buffer; messageId: number; socket: Socket }[] = [];
  connects = 0;
  /** CONNACK code; 0 lets in. */
  returnCode = 0;
  isAcking = true;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<RawBroker> {
    const server = createServer();
    const broker = new RawBroker(server);
    server.on('connection', (socket) => broker.#serve(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => broker.close());
    return broker;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the broker does not listen');
    return `mqtt://127.0.0.1:${address.port}`;
  }

  ack(messageId: number, socket: Socket): void {
    socket.write(generate({ cmd: 'puback', messageId }));
  }

  disconnectAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.disconnectAll();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const packets = parser();
    packets.on('packet', (packet: Packet) => this.#answer(packet, socket));
    socket.on('data', (chunk) => packets.parse(chunk));
  }

  #answer(packet: Packet, socket: Socket): void {
    if (packet.cmd === 'connect') {
      this.connects += 1;
      socket.write(generate({ cmd: 'connack', returnCode: this.returnCode, sessionPresent: false }));
      if (this.returnCode !== 0) socket.end();
    } else if (packet.cmd === 'subscribe') {
      const granted = packet.subscriptions.map(() => 1 as const);
      socket.write(generate({ cmd: 'suback', messageId: packet.messageId ?? 0, granted }));
    } else if (packet.cmd === 'publish') {
      const messageId = packet.messageId ?? 0;
      this.published.push({ topic: packet.topic, payload: Buffer.from(packet.payload), messageId, socket });
      if (packet.qos === 1 && this.isAcking) this.ack(messageId, socket);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

async function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function runTool(command: string, parameters: string[]): Promise<void> {
  const child = spawn(command, parameters, { stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}
