// One subscription: one WebSocket to `/api/v1/live`, its messages decoded. Owns the socket and its connect deadline.

import { decodeFrame, type Frame, type Profile } from '@sitecast/shared/protocol/frame-header';
import type { LiveMessage, ViewerMessage } from '@sitecast/shared/protocol/viewer-messages';
import { socketUrl } from '../api/http.ts';

export interface LiveChannelOptions {
  camera: string;
  profile: Profile;
  codecs: string[];
  onMessage: (channel: LiveChannel, message: LiveMessage) => void;
  onFrame: (channel: LiveChannel, frame: Frame) => void;
  /** Once, unless this side closed. */
  onLost: (channel: LiveChannel, code: number) => void;
}

const READY_DEADLINE_MS = 15_000;

export class LiveChannel {
  readonly #options: LiveChannelOptions;
  #socket: WebSocket | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  framesMalformed = 0;

  constructor(options: LiveChannelOptions) {
    this.#options = options;
  }

  get profile(): Profile {
    return this.#options.profile;
  }

  open(): void {
    const { camera, profile, codecs } = this.#options;
    const socket = new WebSocket(socketUrl('live'));
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#deadline = setTimeout(() => this.#lost(0), READY_DEADLINE_MS);
    socket.onopen = () => this.#send({ type: 'subscribe', camera, profile, codecs });
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lost(event.code);
  }

  presented(sequence: number, bufferedMs: number): void {
    this.#send({ type: 'presented', sequence, bufferedMs: Math.min(600_000, Math.round(bufferedMs)) });
  }

  close(): void {
    clearTimeout(this.#deadline);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(1000);
  }

  #send(message: ViewerMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #receive(received: unknown): void {
    if (received instanceof ArrayBuffer) {
      const frame = this.#decode(new Uint8Array(received));
      if (frame !== undefined) this.#options.onFrame(this, frame);
      return;
    }
    let message: LiveMessage;
    try {
      message = JSON.parse(String(received)) as LiveMessage;
    } catch {
      return;
    }
    if (message.type === 'ready') clearTimeout(this.#deadline);
    this.#options.onMessage(this, message);
  }

  #decode(bytes: Uint8Array): Frame | undefined {
    try {
      return decodeFrame(bytes);
    } catch {
      this.framesMalformed += 1;
      return undefined;
    }
  }

  #lost(code: number): void {
    if (this.#socket === undefined) return;
    this.close();
    this.#options.onLost(this, code);
  }
}
