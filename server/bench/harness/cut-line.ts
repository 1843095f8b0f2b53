// A line to a server on this machine that can be cut: at once, as when a cable is pulled at the router, or silently, as when a
// radio link dies and nobody says so.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type CutKind = 'reset' | 'silent';

export class CutLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #cut: CutKind | undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => this.#carry(near));
  }

  static async open(target: number): Promise<CutLine> {
    const line = new CutLine(target);
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(kind: CutKind): void {
    this.#cut = kind;
    for (const socket of this.#sockets) {
      if (kind === 'reset') socket.resetAndDestroy();
      else socket.pause();
    }
  }

  mend(): void {
    this.#cut = undefined;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(near: Socket): void {
    if (this.#cut === 'reset') return void near.resetAndDestroy();
    const far = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk: Buffer) => this.#pass(chunk, from, to));
      from.on('drain', () => {
        if (!this.#cut) to.resume();
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#cut === 'silent') from.pause();
    }
  }

  #pass(chunk: Buffer, from: Socket, to: Socket): void {
    if (!to.write(chunk)) from.pause();
  }
}
