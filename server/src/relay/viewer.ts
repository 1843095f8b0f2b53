// One browser watching one stream: what it got, what it has shown, and what happens when it is too slow.
//
// Two bounds, because each alone is blind: bytes queued in this process say nothing of the megabytes that kernels hold, and
// the player's reports come once a second. Over either, nothing more is sent; the viewer goes on where it was once there is
// room, or at the newest keyframe when its place is gone, and is told how much it missed.

import { CloseCode, viewerMessage, type LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import type { FrameTimeline } from './frame-timeline.ts';
import type { CachedFrame, GopCache } from './gop-cache.ts';
import type { RelayLimits } from './limits.ts';
import { liveErrorOf } from './live-error.ts';
import type { RelayCounters, ViewerSocket } from './ports.ts';

/** What a viewer sees of its stream. */
export interface ViewerSource {
  readonly cache: GopCache;
  readonly timeline: FrameTimeline;
}

export interface ViewerOptions {
  socket: ViewerSocket;
  limits: RelayLimits;
  counters: RelayCounters;
  clock: Clock;
  /** Too many jumps: asks once, until `start` puts the viewer on another stream. */
  onTooSlow: (viewer: Viewer) => void;
  /** Once, whatever ended it. */
  onOver: (viewer: Viewer) => void;
}

/** No frame for this long: what comes next is not late, it is new. */
const SILENCE_MS = 1_000;
/** From our close frame to cutting the socket. */
const CLOSE_GRACE_MS = 2_000;
const MAX_MESSAGE_CHARS = 4_096;

/** Borrows its stream; owns the socket's end. */
export class Viewer {
  readonly #options: ViewerOptions;
  #source: ViewerSource | undefined;
  /** Ordinal of the frame that was sent last. */
  #cursor = -1;
  #hasPicture = false;
  #epoch = -1;
  #sentSequence = -1;
  #sentAtMs = 0;
  /** Frames from before this moment are not late: the viewer joined, jumped or there was silence. */
  #freshSinceMs = 0;
  #shown: { sequence: number; bufferedMs: number } | undefined;
  /** Since when something has been sent without any progress being reported; undefined when all was shown. */
  #awaitingSinceMs: number | undefined;
  #jumpsAtMs: number[] = [];
  #isOver = false;
  #closeTimer: Timer | undefined;

  constructor(options: ViewerOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Held in this process for its socket. */
  get queuedBytes(): number {
    return this.#options.socket.queuedBytes();
  }

  /** Shows `source` from its newest keyframe on; also how a viewer changes to another stream. */
  start(source: ViewerSource, ready: Extract<LiveMessage, { type: 'ready' }>): void {
    if (this.#isOver) return;
    this.#source = source;
    this.#cursor = -1;
    this.#hasPicture = false;
    this.#shown = undefined;
    this.#awaitingSinceMs = undefined;
    this.#jumpsAtMs = [];
    this.#freshSinceMs = this.#options.clock.monotonicMs();
    this.tell(ready);
    this.pump();
  }

  /** Sends what there is and what there is room for. Called for each new frame and each report of the player. */
  pump(): void {
    if (this.#isOver || !this.#source) return;
    const { cache } = this.#source;
    for (let next = cache.after(this.#cursor); next; next = cache.after(this.#cursor)) {
      if (!this.#hasRoomFor(next)) return;
      this.#noteJump(next);
      this.#send(next);
    }
  }

  tell(message: LiveMessage): void {
    if (!this.#isOver) this.#options.socket.sendText(JSON.stringify(message));
  }

  onMessage(text: string): void {
    if (this.#isOver) return;
    const message = parse(text);
    if (message?.type === 'presented') this.#presented(message.sequence, message.bufferedMs);
    else this.fail(new AppError('BAD_REQUEST', 'after "subscribe" a viewer sends nothing but "presented"'));
  }

  /** Closes a viewer that has been sent frames and has shown nothing new for too long. */
  check(): void {
    const { clock, limits, counters } = this.#options;
    if (this.#isOver || this.#awaitingSinceMs === undefined) return;
    if (clock.monotonicMs() - this.#awaitingSinceMs <= limits.viewerLeaseMs) return;
    counters.viewersStalled += 1;
    this.fail(new AppError('VIEWER_STALLED', `nothing was presented for ${limits.viewerLeaseMs} ms`));
  }

  /** Tells why, and closes. */
  fail(error: unknown): void {
    const { message, closeCode } = liveErrorOf(error);
    this.tell(message);
    this.#close(closeCode, message.code);
  }

  end(reason: string, closeCode: number = CloseCode.ended): void {
    this.tell({ type: 'ended', reason });
    this.#close(closeCode, reason);
  }

  /** The socket has closed. Idempotent. */
  onClose(): void {
    this.#closeTimer?.cancel();
    this.#finish();
  }

  #close(code: number, reason: string): void {
    if (this.#isOver) return;
    const { socket, clock } = this.#options;
    socket.close(code, reason);
    // A browser that does not read never answers a close frame.
    this.#closeTimer = clock.after(CLOSE_GRACE_MS, () => socket.terminate());
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#source = undefined;
    this.#options.onOver(this);
  }

  #hasRoomFor({ wire }: CachedFrame): boolean {
    const { limits, socket } = this.#options;
    const queuedBytes = socket.queuedBytes();
    if (queuedBytes > 0 && queuedBytes + wire.length > limits.viewerMaxQueuedBytes) return false;
    return this.#unpresentedMs() <= limits.viewerMaxUnpresentedMs;
  }

  /** Of all that was sent: how much is neither on screen nor in the player's buffer, so still on its way. */
  #unpresentedMs(): number {
    const shownAtMs = this.#shown && this.#source?.timeline.acceptedAtMs(this.#shown.sequence);
    if (!this.#shown || shownAtMs === undefined) return 0;
    return this.#sentAtMs - Math.max(shownAtMs, this.#freshSinceMs) - this.#shown.bufferedMs;
  }

  #send(frame: CachedFrame): void {
    const { socket, counters, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#sentAtMs > SILENCE_MS) this.#freshSinceMs = nowMs;
    if (frame.header.epoch !== this.#epoch) this.#shown = undefined;
    socket.sendFrame(frame.wire);
    counters.framesSent += 1;
    counters.bytesSent += frame.wire.length;
    this.#cursor = frame.ordinal;
    this.#epoch = frame.header.epoch;
    this.#sentSequence = frame.header.sequence;
    this.#sentAtMs = nowMs;
    if (frame === this.#source?.cache.init) return;
    this.#hasPicture = true;
    this.#awaitingSinceMs ??= nowMs;
  }

  #presented(sequence: number, bufferedMs: number): void {
    const isProgress = sequence !== this.#shown?.sequence;
    this.#shown = { sequence, bufferedMs };
    if (sequence === this.#sentSequence) this.#awaitingSinceMs = undefined;
    else if (isProgress) this.#awaitingSinceMs = this.#options.clock.monotonicMs();
    this.pump();
  }

  #noteJump(next: CachedFrame): void {
    const framesSkipped = next.ordinal - this.#cursor - 1;
    if (!this.#hasPicture || framesSkipped <= 0) return;
    const { clock, counters, limits, onTooSlow } = this.#options;
    const nowMs = clock.monotonicMs();
    counters.framesDropped += framesSkipped;
    this.#freshSinceMs = nowMs;
    this.tell({ type: 'dropped', frames: framesSkipped, reason: 'viewer-slow' });
    this.#jumpsAtMs = [...this.#jumpsAtMs.filter((atMs) => nowMs - atMs < limits.jumpWindowMs), nowMs];
    if (this.#jumpsAtMs.length < limits.jumpsBeforeStepDown) return;
    this.#jumpsAtMs = [];
    onTooSlow(this);
  }
}

function parse(text: string): ReturnType<typeof viewerMessage.parse> | undefined {
  if (text.length > MAX_MESSAGE_CHARS) return undefined;
  try {
    return viewerMessage.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
