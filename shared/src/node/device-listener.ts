// One TCP port for devices: owns the server and its sockets, and bounds how many there are and how fast they come.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { AppError } from '../runtime/app-error.ts';
import type { TokenBucket } from '../runtime/token-bucket.ts';

export interface DeviceListenerOptions {
  host: string;
  port: number;
  maxConnections: number;
  rate: TokenBucket;
  onConnection: (socket: Socket) => void;
  onRefused: (reason: 'too-many' | 'too-fast') => void;
}

const FLUSH_MS = 300;

export class DeviceListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws {AppError} PORT_IN_USE, with the port in `detail`; any other error of `listen` as it is. */
  static async open(options: DeviceListenerOptions): Promise<DeviceListener> {
    // keepAlive finds a peer that vanished without keepalive of MQTT; noDelay, because acknowledgements are tiny.
    const server = createServer({ keepAlive: true, keepAliveInitialDelay: 60_000, noDelay: true });
    const listener = new DeviceListener(server);
    server.maxConnections = options.maxConnections;
    server.on('drop', () => options.onRefused('too-many'));
    server.on('connection', (socket) => listener.#accept(socket, options));
    await bind(server, options);
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Refuses new connections from now on; those that exist go on. */
  stopAccepting(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Idempotent; ends every connection once what is written to it has left, or after a moment. */
  async close(): Promise<void> {
    const closed = [...this.#sockets].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve)),
    );
    this.stopAccepting();
    for (const socket of this.#sockets) socket.destroySoon();
    const timer = setTimeout(() => this.#destroyAll(), FLUSH_MS);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket, { rate, onConnection, onRefused }: DeviceListenerOptions): void {
    if (!rate.tryTake()) {
      onRefused('too-fast');
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    onConnection(socket);
  }
}

function bind(server: Server, { host, port }: DeviceListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(bindError(cause, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      // EMFILE and the like at accept(): the connection is lost, the listener goes on.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function bindError(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  if (cause.code !== 'EADDRINUSE') return cause;
  return new AppError('PORT_IN_USE', `MQTT port ${port} on ${host} is in use`, {
    cause,
    detail: { host, port },
  });
}
