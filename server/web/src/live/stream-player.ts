// Keeps one camera's picture on screen: subscribes, reports progress, falls back to stills when
// every slot is taken and asks again by itself, reconnects. Owns its channels, the screen and its timers; borrows the elements.

import type { Frame, Profile } from '@sitecast/shared/protocol/frame-header';
import type { LiveError, LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { Backoff } from '@sitecast/shared/runtime/backoff';
import { refreshSession } from '../state/session.ts';
import type { Store } from '../state/store.ts';
import { LiveChannel } from './live-channel.ts';
import { playableCodecs } from './media-support.ts';
import { StreamScreen } from './stream-screen.ts';
import {
  IDLE_STREAM,
  STREAM_TIMES,
  answerToRefusal,
  withJitter,
  type StreamNotice,
  type StreamState,
} from './stream-state.ts';

export interface StreamPlayerOptions {
  /** `site/camera` */
  camera: string;
  video: HTMLVideoElement;
  canvas: HTMLCanvasElement;
  image: HTMLImageElement;
  /** Written by the player. */
  state: Store<StreamState>;
}

/** WebSocket close code (RFC 6455 7.4.1) of a session that is over. */
const POLICY_VIOLATION = 1008;

export class StreamPlayer {
  readonly #options: StreamPlayerOptions;
  readonly #backoff = new Backoff({ firstMs: 1_000, maxMs: 30_000 });
  readonly #screen: StreamScreen;
  readonly #codecs = playableCodecs();
  #wanted: Profile;
  #current: LiveChannel | undefined;
  /** Asks for video while stills are shown. */
  #asking: LiveChannel | undefined;
  #progressTimer: ReturnType<typeof setInterval> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #askTimer: ReturnType<typeof setTimeout> | undefined;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  #lastFrameAtMs = 0;

  constructor(options: StreamPlayerOptions) {
    this.#options = options;
    this.#wanted = this.#codecs.length === 0 ? 'mpeg1' : 'main';
    this.#screen = new StreamScreen({
      video: options.video,
      canvas: options.canvas,
      image: options.image,
      onBroken: (isUnsupported) => this.#sinkBroke(isUnsupported),
      onPlayBlocked: () => this.#set({ isPlayBlocked: true }),
    });
  }

  start(): void {
    this.#screen.start();
    this.#progressTimer = setInterval(() => this.#progress(), STREAM_TIMES.progressIntervalMs);
    this.#open(this.#wanted);
  }

  close(): void {
    clearInterval(this.#progressTimer);
    this.#dropChannels();
    clearTimeout(this.#noticeTimer);
    this.#screen.close();
    this.#options.state.set(IDLE_STREAM);
  }

  /** The camera came back, or a person asked: do not wait for the next try. */
  retryNow(): void {
    if (this.#options.state.get().phase === 'retrying') this.#open(this.#wanted);
  }

  /** After a tap of the person. */
  play(): void {
    this.#set({ isPlayBlocked: false });
    this.#screen.play();
  }

  #set(change: Partial<StreamState>): void {
    this.#options.state.update((before) => ({ ...before, ...change }));
  }

  #open(profile: Profile): void {
    this.#dropChannels();
    this.#current = this.#channel(profile);
    this.#set({ phase: 'connecting' });
    this.#current.open();
  }

  #channel(profile: Profile): LiveChannel {
    return new LiveChannel({
      camera: this.#options.camera,
      profile,
      codecs: this.#codecs,
      onMessage: (channel, message) => this.#receive(channel, message),
      onFrame: (channel, frame) => this.#show(channel, frame),
      onLost: (channel, code) => this.#lost(channel, code),
    });
  }

  #dropChannels(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#askTimer);
    this.#current?.close();
    this.#asking?.close();
    this.#current = undefined;
    this.#asking = undefined;
  }

  #receive(channel: LiveChannel, message: LiveMessage): void {
    switch (message.type) {
      case 'ready':
        this.#ready(channel, message);
        break;
      case 'waiting':
        if (channel === this.#current) this.#set({ notice: { kind: 'waiting', place: message.place } });
        break;
      case 'dropped':
        this.#note({ kind: 'dropped', frames: message.frames, reason: message.reason });
        break;
      case 'profile':
        this.#steppedDown(channel, message);
        break;
      case 'error':
        this.#refused(channel, message);
        break;
      case 'ended':
        this.#lost(channel, 0);
        break;
      default:
    }
  }

  #steppedDown(channel: LiveChannel, message: Extract<LiveMessage, { type: 'profile' }>): void {
    // Asked for more, and would get what is shown already: that goes on without a break.
    if (channel === this.#asking && message.profile === this.#options.state.get().profile) {
      channel.close();
      this.#asking = undefined;
    }
    this.#set({ profile: message.profile, notice: steppedDown(message) });
    this.#askAgainAfter(STREAM_TIMES.stepUpAfterMs);
  }

  #ready(channel: LiveChannel, { profile, mime }: Extract<LiveMessage, { type: 'ready' }>): void {
    if (channel === this.#asking) {
      this.#current?.close();
      this.#current = channel;
      this.#asking = undefined;
      this.#set({ notice: undefined });
    }
    if (this.#options.state.get().notice?.kind === 'waiting') this.#set({ notice: undefined });
    this.#lastFrameAtMs = Date.now();
    this.#screen.clear(mime);
    this.#set({ phase: 'starting', profile, error: undefined });
  }

  #show(channel: LiveChannel, frame: Frame): void {
    if (channel !== this.#current) return;
    this.#lastFrameAtMs = Date.now();
    try {
      this.#screen.accept(frame);
    } catch {
      channel.framesMalformed += 1;
    }
  }

  #refused(channel: LiveChannel, error: LiveError): void {
    channel.close();
    const answer = answerToRefusal(error, channel.profile);
    if (channel === this.#asking) {
      this.#asking = undefined;
      this.#askAgainAfter(error.retryAfterMs ?? STREAM_TIMES.stepUpAfterMs);
    } else if (answer.kind === 'retry') {
      this.#retry({ error, afterMs: answer.afterMs });
    } else {
      const { message, messageKo } = error;
      this.#open('stills');
      if (answer.kind === 'stills-and-ask-again') {
        this.#set({ notice: { kind: 'queued', message, messageKo } });
        this.#askAgainAfter(answer.afterMs);
      } else {
        this.#wanted = 'stills';
        this.#set({ notice: { kind: 'codec' } });
      }
    }
  }

  #askAgainAfter(ms: number): void {
    clearTimeout(this.#askTimer);
    this.#askTimer = setTimeout(() => {
      this.#asking?.close();
      this.#asking = this.#channel(this.#wanted);
      this.#asking.open();
    }, withJitter(ms));
  }

  #lost(channel: LiveChannel, code: number): void {
    channel.close();
    if (channel === this.#asking) {
      this.#asking = undefined;
      this.#askAgainAfter(STREAM_TIMES.stepUpAfterMs / 4);
      return;
    }
    if (channel !== this.#current) return;
    if (code === POLICY_VIOLATION) void refreshSession();
    this.#retry({});
  }

  #retry({ error, afterMs }: { error?: LiveError; afterMs?: number | undefined }): void {
    this.#dropChannels();
    this.#set({
      phase: 'retrying',
      error,
      delay: undefined,
      ...(error === undefined ? {} : { notice: undefined }),
    });
    const delayMs = Math.max(this.#backoff.nextDelayMs(), withJitter(afterMs ?? 0));
    this.#retryTimer = setTimeout(() => this.#open(this.#wanted), delayMs);
  }

  #sinkBroke(isUnsupported: boolean): void {
    if (!isUnsupported) return this.#retry({});
    // The browser said that it plays H.264, and then not this one. A camera that offers no MPEG-1 is shown as stills.
    this.#wanted = 'mpeg1';
    this.#screen.clear();
    this.#open('mpeg1');
  }

  #note(notice: StreamNotice): void {
    const before = this.#options.state.get().notice;
    if (before !== undefined && before.kind !== 'dropped') return;
    this.#set({ notice });
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => {
      if (this.#options.state.get().notice === notice) this.#set({ notice: undefined });
    }, STREAM_TIMES.droppedNoticeMs);
  }

  #progress(): void {
    const { phase } = this.#options.state.get();
    if (phase !== 'starting' && phase !== 'playing') return;
    const shown = this.#screen.shown();
    if (shown !== undefined) {
      this.#current?.presented(shown.mark.sequence, shown.bufferedMs);
      this.#backoff.succeeded();
      this.#set({
        phase: 'playing',
        delay: shown.delay,
        bufferedMs: shown.bufferedMs,
      });
    }
    if (Date.now() - this.#lastFrameAtMs > STREAM_TIMES.silenceMs) this.#retry({});
  }
}

function steppedDown({ profile, reason }: Extract<LiveMessage, { type: 'profile' }>): StreamNotice {
  return { kind: 'stepped-down', profile, reason };
}
