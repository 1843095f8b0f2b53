// A viewer as a browser is one: subscribes, reads frames, says what it presented; or stops reading altogether.

import { WebSocket } from 'ws';
import { decodeFrame, type FrameHeader, type Profile } from '@sitecast/shared/protocol/frame-header';
import type { LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { waitFor, type ApiSession } from './sitecast.ts';

export interface ReceivedFrame {
  header: FrameHeader;
  payload: Uint8Array;
  atMs: number;
}

const MAX_KEPT_FRAMES = 5_000;
const NOT_IN_TIME = ['COMMAND_TIMEOUT', 'ENCODER_FAILED', 'AGENT_OFFLINE', 'CAMERA_OFFLINE'];

export class LiveViewer {
  readonly messages: LiveMessage[] = [];
  readonly frames: ReceivedFrame[] = [];
  closeCode: number | undefined;
  readonly #socket: WebSocket;
  #presenting: NodeJS.Timeout | undefined;

  constructor(session: ApiSession, camera: string, profile: Profile = 'main') {
    this.#socket = new WebSocket(`${session.url.replace('http', 'ws')}/api/v1/live`, {
      headers: { cookie: session.cookie, origin: session.url },
    });
    this.#socket.on('open', () =>
      this.#socket.send(
        JSON.stringify({ type: 'subscribe', camera, profile, codecs: ['avc1.640029', 'avc1.42e01e'] }),
      ),
    );
    this.#socket.on('message', (bytes: Buffer, isBinary: boolean) => this.#receive(bytes, isBinary));
    this.#socket.on('close', (code) => this.#ended(code));
    this.#socket.on('error', () => this.#ended(1006));
    this.#presenting = setInterval(() => this.#present(), 500);
  }

  /** @returns one that was let in; asks again where a slow machine gave no answer, or no picture, in time. */
  static async ready(session: ApiSession, camera: string, profile: Profile = 'main'): Promise<LiveViewer> {
    return waitFor(async () => {
      const viewer = new LiveViewer(session, camera, profile);
      const answer = await viewer.answer();
      if (answer.type === 'ready') return viewer;
      viewer.close();
      if (answer.type === 'error' && NOT_IN_TIME.includes(answer.code)) return undefined;
      throw new Error(`${camera} as ${profile}: ${JSON.stringify(answer)}`);
    }, `${camera} as ${profile}`);
  }

  message<T extends LiveMessage['type']>(type: T): Extract<LiveMessage, { type: T }> | undefined {
    return this.messages.find(
      (message): message is Extract<LiveMessage, { type: T }> => message.type === type,
    );
  }

  /** The newest frame of this or a later moment, once there is one. */
  async framesAfter(sinceMs: number, count: number, timeoutMs?: number): Promise<ReceivedFrame[]> {
    return waitFor(
      () => {
        const newer = this.frames.filter(({ atMs }) => atMs >= sinceMs);
        return newer.length >= count && newer;
      },
      `${count} frames (messages so far: ${JSON.stringify(this.messages)}, close code ${this.closeCode})`,
      timeoutMs,
    );
  }

  /** Ready, or the error that came instead. */
  async answer(): Promise<LiveMessage> {
    return waitFor(() => this.message('ready') ?? this.message('error'), 'ready or error');
  }

  /** Stops reading from the socket, as a browser with a frozen tab does; the kernel's buffers fill up. */
  freeze(): void {
    this.#socket.pause();
  }

  thaw(): void {
    this.#socket.resume();
  }

  close(): void {
    clearInterval(this.#presenting);
    this.#socket.terminate();
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    if (!isBinary) return void this.messages.push(JSON.parse(bytes.toString('utf8')) as LiveMessage);
    const { header, payload } = decodeFrame(bytes);
    this.frames.push({ header, payload, atMs: performance.now() });
    if (this.frames.length > MAX_KEPT_FRAMES) this.frames.shift();
  }

  #present(): void {
    const newest = this.frames.at(-1);
    if (!newest || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(
      JSON.stringify({ type: 'presented', sequence: newest.header.sequence, bufferedMs: 200 }),
    );
  }

  #ended(code: number): void {
    this.closeCode ??= code;
    clearInterval(this.#presenting);
  }
}
