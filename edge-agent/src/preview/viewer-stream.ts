// What one browser is sent: the live video of some cameras, in frames, within a bound of bytes that it has not confirmed.
// Owns its subscriptions and its timers; borrows the sink.
//
//   frame: u8 kind (1 start: JSON, 2 init segment, 3 fragment, 4 trouble: JSON), u8 camera (its place in the request),
//          u16 reserved, u32 bytes, then the bytes

import { isAppError, type AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import type { Fragment, InitSegment } from '../camera/fragment.ts';
import type { LiveVideo } from '../live/live-source.ts';
import type { WatchableCameras } from './preview-cameras.ts';

const FRAME_HEADER_BYTES = 8;
export const FrameKind = { start: 1, init: 2, fragment: 3, trouble: 4 } as const;

/** Policy: drop-to-keyframe. Bounds in edge-agent/README.md. */
export const UNCONFIRMED_MAX_BYTES = 1024 * 1024;
export const UNCONFIRMED_MAX_BYTES_A_CAMERA = 512 * 1024;
/** A viewer that confirms nothing for so long is gone. */
export const SILENCE_MAX_MS = 15_000;
const RETRY_MS = 3_000;

/** What a `ServerResponse` does. */
export interface ByteSink {
  write(bytes: Uint8Array): unknown;
}

export interface ViewerStreamOptions {
  cameraIds: string[];
  cameras: WatchableCameras;
  sink: ByteSink;
  clock: Clock;
  /** It confirms nothing any more. */
  onSilent: () => void;
}

interface Channel {
  index: number;
  id: string;
  video: LiveVideo | undefined;
  end: (() => void) | undefined;
  sentInit: InitSegment | undefined;
  needsKeyframe: boolean;
  trouble: string | undefined;
}

export class ViewerStream {
  readonly #options: ViewerStreamOptions;
  readonly #channels: Channel[];
  #sentBytes = 0;
  #confirmedBytes = 0;
  #confirmedAtMs: number;
  #timer: Timer | undefined;
  #isClosed = false;
  fragmentsDropped = 0;

  constructor(options: ViewerStreamOptions) {
    this.#options = options;
    this.#confirmedAtMs = options.clock.monotonicMs();
    this.#channels = options.cameraIds.map((id, index) => ({
      index,
      id,
      video: undefined,
      end: undefined,
      sentInit: undefined,
      needsKeyframe: true,
      trouble: undefined,
    }));
  }

  start(): void {
    this.#tend();
  }

  /** @param bytes received since the start, frames with their headers. */
  confirm(bytes: number): void {
    if (!(bytes > this.#confirmedBytes && bytes <= this.#sentBytes)) return;
    this.#confirmedBytes = bytes;
    this.#confirmedAtMs = this.#options.clock.monotonicMs();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const channel of this.#channels) this.#endChannel(channel);
  }

  /** Opens what could not be opened yet, and ends a viewer that is gone. */
  #tend(): void {
    if (this.#isClosed) return;
    const { clock, onSilent } = this.#options;
    const isSilent = clock.monotonicMs() - this.#confirmedAtMs > SILENCE_MAX_MS;
    if (isSilent && this.#sentBytes > this.#confirmedBytes) return onSilent();
    for (const channel of this.#channels) {
      const failure = channel.video?.failure;
      if (failure) this.#tellTrouble(channel, failure);
      if (!channel.video) this.#open(channel);
    }
    this.#timer = clock.after(RETRY_MS, () => this.#tend());
  }

  #open(channel: Channel): void {
    try {
      const { video, release } = this.#options.cameras.watch(channel.id);
      const unsubscribe = video.onFragment((fragment) => this.#take(channel, fragment));
      channel.video = video;
      channel.end = () => {
        unsubscribe();
        release();
      };
      channel.needsKeyframe = true;
      for (const fragment of video.ring.fromLastKeyframe()) this.#take(channel, fragment);
      if (!video.ring.isNewestGopComplete) channel.needsKeyframe = true;
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.#tellTrouble(channel, error);
    }
  }

  #endChannel(channel: Channel): void {
    channel.end?.();
    channel.end = undefined;
    channel.video = undefined;
  }

  #tellTrouble(channel: Channel, { code }: AppError): void {
    if (channel.trouble === code) return;
    channel.trouble = code;
    this.#sendJson(FrameKind.trouble, channel, { code });
  }

  #take(channel: Channel, fragment: Fragment): void {
    if (this.#isClosed || fragment.init.container !== 'fmp4') return;
    const isTooMuch = this.#sentBytes - this.#confirmedBytes > this.#maxUnconfirmedBytes;
    // What follows a missing picture cannot be decoded.
    if (isTooMuch || (channel.needsKeyframe && !fragment.isKeyframe)) {
      channel.needsKeyframe = true;
      this.fragmentsDropped += 1;
      return;
    }
    channel.needsKeyframe = false;
    if (channel.sentInit !== fragment.init) this.#startOver(channel, fragment.init);
    this.#send(FrameKind.fragment, channel, fragment.bytes);
  }

  #startOver(channel: Channel, init: InitSegment): void {
    channel.sentInit = init;
    channel.trouble = undefined;
    const { mime, width, height } = init;
    this.#sendJson(FrameKind.start, channel, { mime, width, height });
    this.#send(FrameKind.init, channel, init.bytes);
  }

  get #maxUnconfirmedBytes(): number {
    return UNCONFIRMED_MAX_BYTES + this.#channels.length * UNCONFIRMED_MAX_BYTES_A_CAMERA;
  }

  #sendJson(kind: number, channel: Channel, message: object): void {
    this.#send(kind, channel, Buffer.from(JSON.stringify(message)));
  }

  #send(kind: number, { index }: Channel, bytes: Uint8Array): void {
    // It had nothing to confirm until now.
    if (this.#sentBytes === this.#confirmedBytes) this.#confirmedAtMs = this.#options.clock.monotonicMs();
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUInt8(kind, 0);
    header.writeUInt8(index, 1);
    header.writeUInt32BE(bytes.length, 4);
    this.#options.sink.write(header);
    this.#options.sink.write(bytes);
    this.#sentBytes += header.length + bytes.length;
  }
}
