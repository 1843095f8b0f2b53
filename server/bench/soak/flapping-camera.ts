// A camera that goes and comes back, on one port.

import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../harness/free-port.ts';
import { LoadProcess } from '../harness/load-process.ts';

const UP_MS = 40_000;
const DOWN_MS = 15_000;

export class FlappingCamera implements AsyncDisposable {
  readonly #port: number;
  readonly #stop = new AbortController();
  readonly #flapping: Promise<void>;
  flaps = 0;

  private constructor(port: number) {
    this.#port = port;
    this.#flapping = this.#flap();
  }

  static async start(): Promise<FlappingCamera> {
    return new FlappingCamera(await freePort());
  }

  get url(): string {
    return `rtsp://127.0.0.1:${this.#port}/cam`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#flapping;
  }

  async #flap(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      {
        await using _camera = await LoadProcess.start('drawn-camera', { port: this.#port });
        await delay(UP_MS, undefined, { signal }).catch(() => undefined);
      }
      this.flaps += 1;
      await delay(DOWN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
