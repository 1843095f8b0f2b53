// A line of a site for tests and benchmarks: what several connections send up shares one token bucket and one bounded queue,
// packet by packet in turn, as behind a router. Down it is as fast as the machine, as ADSL almost is.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const PACKET_BYTES = 1_460;
const TICK_MS = 5;
/** What the bucket saves up. */
const BURST_MS = 20;

export interface ThrottledLineOptions {
  /** Ports of 127.0.0.1 behind the line. */
  targets: number[];
  bitsPerSecond: number;
  /** What the router keeps; what is more waits in the sockets of the senders. */
  queueBytes?: number;
}

interface Packet {
  /** Nothing behind the last one: the sender has ended. */
  bytes: Buffer;
  to: Socket;
}

/** Owns its listeners, their connections and a timer. */
export class ThrottledLine implements AsyncDisposable {
  /** May be changed at any time. */
  bitsPerSecond: number;
  /** Through the line so far. */
  bytesPassed = 0;
  readonly #queueBytes: number;
  readonly #servers: Server[] = [];
  readonly #senders = new Map<Socket, Socket>();
  #queue: Packet[] = [];
  #queuedBytes = 0;
  #tokens = 0;
  #filledAtMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  private constructor({ bitsPerSecond, queueBytes = 32 * 1024 }: ThrottledLineOptions) {
    this.bitsPerSecond = bitsPerSecond;
    this.#queueBytes = queueBytes;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  static async open(options: ThrottledLineOptions): Promise<ThrottledLine> {
    const line = new ThrottledLine(options);
    for (const target of options.targets) await line.#listen(target);
    return line;
  }

  /** In the order of the targets. */
  get ports(): number[] {
    return this.#servers.map((server) => (server.address() as AddressInfo).port);
  }

  /** As a router that loses its power for a moment. */
  cut(): void {
    for (const [down, up] of this.#senders) for (const socket of [down, up]) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.cut();
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }

  async #listen(target: number): Promise<void> {
    const server = createServer((down) => this.#join(down, connect(target, '127.0.0.1')));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  #join(down: Socket, up: Socket): void {
    this.#senders.set(down, up);
    for (const socket of [down, up]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.#part(down, up));
    }
    up.pipe(down);
    down.on('readable', () => this.#fill());
    down.on('end', () => this.#queue.push({ bytes: Buffer.alloc(0), to: up }));
  }

  #part(down: Socket, up: Socket): void {
    this.#senders.delete(down);
    down.destroy();
    up.destroy();
  }

  #tick(): void {
    this.#refill();
    while (this.#queue.length > 0 && this.#tokens >= this.#queue[0]!.bytes.length) {
      const { bytes, to } = this.#queue.shift()!;
      this.#tokens -= bytes.length;
      this.#queuedBytes -= bytes.length;
      this.bytesPassed += bytes.length;
      if (bytes.length === 0) to.end();
      else if (to.writable) to.write(bytes);
    }
    this.#fill();
  }

  #refill(): void {
    const nowMs = performance.now();
    const bytesPerMs = this.bitsPerSecond / 8_000;
    const burst = Math.max(2 * PACKET_BYTES, bytesPerMs * BURST_MS);
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#filledAtMs) * bytesPerMs);
    this.#filledAtMs = nowMs;
  }

  /** A packet of each sender in turn, for as long as there is room. */
  #fill(): void {
    for (let hasTaken = true; hasTaken;) {
      hasTaken = false;
      for (const [down, up] of this.#senders) {
        if (this.#queuedBytes >= this.#queueBytes) return;
        hasTaken = this.#take(down, up) || hasTaken;
      }
    }
  }

  #take(down: Socket, up: Socket): boolean {
    const size = Math.min(PACKET_BYTES, down.readableLength);
    const bytes = (size > 0 ? down.read(size) : down.read()) as Buffer | null;
    if (bytes === null) return false;
    this.#queue.push({ bytes, to: up });
    this.#queuedBytes += bytes.length;
    return true;
  }
}
