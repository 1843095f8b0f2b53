// The old design with cameras to look at; those are outside of what is measured. Owns both, and a folder for what they write.

import { fileURLToPath } from 'node:url';
import { freePort } from '../harness/free-port.ts';
import { LoadProcess } from '../harness/load-process.ts';
import { Program, type ProgramOptions } from '../harness/program.ts';
import { Resources } from '../harness/resources.ts';
import { TempDir } from '../harness/temp-dir.ts';
import { writeMovie, type PictureHeight } from '../loads/movie.ts';
import type { ViewersOptions } from '../loads/viewers.ts';

const OLD_DESIGN = fileURLToPath(new URL('./old-design.js', import.meta.url));
/** ffmpeg looks at a stream for up to 5 s before it begins, and longer where CPU is short. */
const STREAM_TIMEOUT_MS = 30_000;

export interface OldDesignOptions {
  cameras: number;
  height: PictureHeight;
  /** Wraps the command, to start it in a box. */
  launch?: (options: ProgramOptions) => ProgramOptions;
}

export class OldDesign implements AsyncDisposable {
  readonly program: Program;
  readonly cameras: LoadProcess<'rtsp-cameras'>;
  readonly url: string;
  readonly viewers: Pick<ViewersOptions, 'ports' | 'dialect'>;
  readonly #resources: Resources;

  private constructor(parts: {
    program: Program;
    cameras: LoadProcess<'rtsp-cameras'>;
    url: string;
    ports: number[];
    resources: Resources;
  }) {
    this.program = parts.program;
    this.cameras = parts.cameras;
    this.url = parts.url;
    this.viewers = { ports: parts.ports, dialect: { kind: 'jsmpeg' } };
    this.#resources = parts.resources;
  }

  /** No stream runs yet. */
  static async start({
    cameras: count,
    height,
    launch = (options) => options,
  }: OldDesignOptions): Promise<OldDesign> {
    await using resources = new Resources();
    const { path: dir } = resources.use(new TempDir());
    const movie = writeMovie(dir, height);
    const cameras = resources.use(await LoadProcess.start('rtsp-cameras', { movie, cameras: count }));
    const { urls } = await cameras.report();
    const ports: number[] = [];
    while (ports.length < count) ports.push(await freePort());
    const settings = { dir, cameras: urls.map((url, i) => ({ url, port: ports[i] })) };
    const args = [OLD_DESIGN, JSON.stringify(settings)];
    const program = resources.use(new Program(launch({ command: process.execPath, args })));
    const [, port] = await program.printed(/"ready":true,"port":(\d+)/, 10_000);
    const url = `http://127.0.0.1:${port}`;
    return new OldDesign({ program, cameras, url, ports, resources: resources.move() });
  }

  /** @returns how many of them are broadcast. */
  async startStreams(count: number): Promise<number> {
    return this.#each(count, 'POST');
  }

  async stopStreams(count: number): Promise<void> {
    await this.#each(count, 'DELETE');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }

  async #each(count: number, method: 'POST' | 'DELETE'): Promise<number> {
    const signal = AbortSignal.timeout(STREAM_TIMEOUT_MS);
    const numbers = Array.from({ length: count }, (_, number) => number);
    const answers = await Promise.allSettled(
      numbers.map((number) => fetch(`${this.url}/streams/${number}`, { method, signal })),
    );
    return answers.filter((answer) => answer.status === 'fulfilled' && answer.value.ok).length;
  }
}
