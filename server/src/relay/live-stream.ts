// One (camera, profile) on its way from an agent to any number of browsers. Owns its lease, its frame cache and one timer.
//
// States: `opening` from the first ask to its answer; `live` while the lease is held or asked for again; `ended` for good,
// when the first ask failed, the lease was lost, or nobody watched for the grace time. An ended stream is forgotten by its hub.

import {
  FRAME_HEADER_BYTES,
  FrameKind,
  type FrameHeader,
  type Profile,
} from '@sitecast/shared/protocol/frame-header';
import { streamName, type LeaseResult } from '@sitecast/shared/protocol/commands';
import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import type { LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import { FrameTimeline } from './frame-timeline.ts';
import { GopCache, type CachedFrame } from './gop-cache.ts';
import type { RelayLimits } from './limits.ts';
import type { AgentPort, RelayCounters, StreamSnapshot } from './ports.ts';
import { RateMeter } from './rate-meter.ts';
import { StreamLease } from './stream-lease.ts';
import type { Viewer, ViewerSource } from './viewer.ts';
import { prebuildFrame } from './ws-frame.ts';

export type ReadyMessage = Extract<LiveMessage, { type: 'ready' }>;

/** What an agent may send on each profile. */
const KINDS_OF: Record<Profile, readonly FrameKind[]> = {
  main: [FrameKind.initSegment, FrameKind.fragment],
  low: [FrameKind.initSegment, FrameKind.fragment],
  mpeg1: [FrameKind.mpegTsChunk],
  stills: [FrameKind.jpegStill],
};

export interface LiveStreamOptions {
  camera: Address;
  profile: Profile;
  agents: AgentPort;
  limits: RelayLimits;
  counters: RelayCounters;
  clock: Clock;
  /** The agent has no encoder left for it. @returns whether one was made free: it is worth asking again. */
  freeEncoder: () => boolean;
  onEnded: (stream: LiveStream) => void;
}

export class LiveStream implements ViewerSource {
  readonly camera: Address;
  readonly profile: Profile;
  readonly cache: GopCache;
  readonly timeline = new FrameTimeline();
  readonly #options: LiveStreamOptions;
  readonly #lease: StreamLease;
  readonly #viewers = new Set<Viewer>();
  /** Viewers among them that wait for the stream, or watch another one until it is there. */
  readonly #waiting = new Set<Viewer>();
  readonly #rate: RateMeter;
  #state: 'opening' | 'live' | 'ended' = 'opening';
  #opened: Promise<ReadyMessage> | undefined;
  #ready: ReadyMessage | undefined;
  #timer: Timer | undefined;
  #emptySinceMs: number | undefined;
  #nextOrdinal = 0;
  #epoch = -1;
  #lastSequence = -1;
  #needsKeyframe = true;
  #initPayload: Buffer | undefined;
  #receivedBytes = 0;
  #isAckDue = false;
  #isWithdrawn = false;

  constructor(options: LiveStreamOptions) {
    const { camera, profile, agents, limits, clock } = options;
    this.#options = options;
    this.camera = camera;
    this.profile = profile;
    this.cache = new GopCache({ maxBytes: limits.gopCacheMaxBytes, maxFrames: limits.gopCacheMaxFrames });
    this.#rate = new RateMeter(clock);
    this.#lease = new StreamLease({
      ask: () => agents.lease(camera, profile, limits.leaseMs),
      limits,
      clock,
      onRenewed: (result) => this.#renewed(result),
      onLost: (error) => this.#lost(error),
    });
  }

  /** Nobody watches: the slot is kept for the grace time only. */
  get isIdle(): boolean {
    return this.#viewers.size === 0;
  }

  /** Since when, by the monotonic clock; undefined while somebody watches. */
  get idleSinceMs(): number | undefined {
    return this.#emptySinceMs;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** The agent does not offer it any more, and sends nothing: it takes no slot, and holds no picture. */
  get isWithdrawn(): boolean {
    return this.#isWithdrawn;
  }

  withdraw(): void {
    this.#isWithdrawn = true;
    this.cache.clear();
    this.#initPayload = undefined;
  }

  /**
   * Asks for the lease, once.
   * @returns what viewers are told first. @throws {AppError} what the agent answered; the stream has ended then.
   */
  open(): Promise<ReadyMessage> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** Counts a viewer, so that the stream stays; it sees nothing yet. */
  reserve(viewer: Viewer): void {
    this.#viewers.add(viewer);
    this.#waiting.add(viewer);
    this.#emptySinceMs = undefined;
  }

  show(viewer: Viewer): void {
    if (this.#state !== 'live' || !this.#ready || !this.#viewers.has(viewer)) return;
    this.#waiting.delete(viewer);
    viewer.start(this, this.#ready);
  }

  remove(viewer: Viewer): void {
    this.#waiting.delete(viewer);
    if (!this.#viewers.delete(viewer) || this.#viewers.size > 0) return;
    this.#emptySinceMs = this.#options.clock.monotonicMs();
  }

  accept(received: FrameHeader, bytes: Buffer): void {
    const { counters, clock } = this.#options;
    if (!KINDS_OF[this.profile].includes(received.kind)) {
      counters.framesUndecodable += 1;
      return;
    }
    const header = asShown(received);
    this.#receive(header, bytes.length);
    // What was on its way is acknowledged, and that is all.
    if (this.#isWithdrawn) return;
    if (!this.#isDecodable(header)) {
      counters.framesUndecodable += 1;
      return;
    }
    const isInit = header.kind === FrameKind.initSegment;
    if (isInit && this.#isKnownInit(header, bytes)) return;
    const frame = { ordinal: this.#nextOrdinal++, header, wire: prebuildFrame(bytes) };
    if (isInit) this.#keepInit(frame, bytes.length - FRAME_HEADER_BYTES);
    else if (!this.cache.addPicture(frame)) counters.gopsOverflowed += 1;
    this.timeline.add(header.sequence, clock.monotonicMs());
    for (const viewer of this.#showing()) viewer.pump();
  }

  /** The agent is back: it does not know of the lease. */
  renewSoon(): void {
    this.#lease.renewSoon();
  }

  snapshot(): StreamSnapshot {
    return {
      camera: formatAddress(this.camera),
      profile: this.profile,
      viewers: this.#viewers.size,
      bytesPerSecond: this.#rate.bytesPerSecond,
    };
  }

  /** Ends the upload and, with `error`, its viewers. Idempotent. */
  close(error?: unknown): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#timer?.cancel();
    this.#lease.end();
    this.#options.agents.release(this.camera, this.profile);
    for (const viewer of this.#showing()) viewer.fail(error);
    this.#options.onEnded(this);
  }

  async #open(): Promise<ReadyMessage> {
    try {
      this.#ready = this.#readyMessage(await this.#beginLease());
    } catch (error) {
      this.close(error);
      throw error;
    }
    if (this.#state === 'opening') {
      this.#state = 'live';
      this.#scheduleTick();
    }
    return this.#ready;
  }

  async #beginLease(): Promise<LeaseResult> {
    for (;;) {
      try {
        return await this.#lease.begin();
      } catch (error) {
        const mayAskAgain = this.#state === 'opening' && !this.isIdle && isAppError(error, 'ENCODER_LIMIT');
        if (!mayAskAgain || !this.#options.freeEncoder()) throw error;
      }
    }
  }

  #scheduleTick(): void {
    const { clock, limits } = this.#options;
    this.#timer = clock.after(limits.tickMs, () => this.#tick());
  }

  #tick(): void {
    const { clock, limits } = this.#options;
    if (this.#emptySinceMs !== undefined && clock.monotonicMs() - this.#emptySinceMs >= limits.graceMs) {
      return this.close();
    }
    this.#acknowledge();
    this.#lease.tick();
    for (const viewer of this.#showing()) viewer.check();
    this.#scheduleTick();
  }

  #acknowledge(): void {
    if (!this.#isAckDue) return;
    this.#isAckDue = false;
    this.#options.agents.ack(this.camera, {
      stream: streamName(this.camera.id, this.profile),
      sequence: this.#lastSequence,
      receivedBytes: this.#receivedBytes,
    });
  }

  #renewed(result: LeaseResult): void {
    const before = this.#ready;
    this.#ready = this.#readyMessage(result);
    const isOtherVideo = before?.mime !== this.#ready.mime || before.container !== this.#ready.container;
    if (isOtherVideo) for (const viewer of this.#showing()) viewer.start(this, this.#ready);
  }

  #lost(error: unknown): void {
    this.#options.counters.leasesLost += 1;
    this.close(error);
  }

  #readyMessage({ stream, container, mime, width, height }: LeaseResult): ReadyMessage {
    return { type: 'ready', stream, profile: this.profile, container, mime, width, height };
  }

  #receive({ kind, epoch, sequence, isDiscontinuity, isKeyframe }: FrameHeader, bytes: number): void {
    const { counters } = this.#options;
    counters.framesAccepted += 1;
    counters.bytesAccepted += bytes;
    this.#rate.add(bytes);
    if (epoch !== this.#epoch) this.#enterEpoch(epoch);
    else this.#noteGap((sequence - this.#lastSequence - 1) >>> 0, isDiscontinuity, isKeyframe);
    // The agent begins each lease with an init segment, and counts from there.
    if (kind === FrameKind.initSegment) this.#receivedBytes = 0;
    this.#receivedBytes += bytes;
    this.#lastSequence = sequence;
    this.#isAckDue = true;
  }

  #enterEpoch(epoch: number): void {
    // The first epoch is the one of the lease's answer; a later one may bring other video, which only the agent can name.
    if (this.#epoch !== -1) this.#lease.renewSoon();
    this.#epoch = epoch;
    this.#receivedBytes = 0;
    this.#needsKeyframe = true;
    this.timeline.clear();
  }

  // Frames that the agent left out take their numbers along. Half the range or more is a step back, not a gap.
  #noteGap(frames: number, isDiscontinuity: boolean, isKeyframe: boolean): void {
    if (frames === 0 || frames >= 0x8000_0000) return;
    if (!isKeyframe) this.#needsKeyframe = true;
    if (!isDiscontinuity) return;
    for (const viewer of this.#showing()) viewer.tell({ type: 'dropped', frames, reason: 'uplink-slow' });
  }

  #isDecodable({ kind, epoch, isKeyframe }: FrameHeader): boolean {
    if (kind === FrameKind.initSegment) {
      this.#needsKeyframe = true;
      return true;
    }
    if (kind === FrameKind.fragment && this.cache.init?.header.epoch !== epoch) return false;
    if (isKeyframe) this.#needsKeyframe = false;
    return !this.#needsKeyframe;
  }

  // A lease that was renewed too late begins with the init segment that everybody has: a player need not start over.
  #isKnownInit({ epoch }: FrameHeader, bytes: Buffer): boolean {
    const payload = bytes.subarray(FRAME_HEADER_BYTES);
    return this.cache.init?.header.epoch === epoch && this.#initPayload?.equals(payload) === true;
  }

  // The payload is a view into what the cache holds and counts; it lies at the end of the message.
  #keepInit(frame: CachedFrame, payloadBytes: number): void {
    this.#initPayload = frame.wire.subarray(frame.wire.length - payloadBytes);
    this.cache.addInit(frame);
  }

  *#showing(): Iterable<Viewer> {
    for (const viewer of this.#viewers) if (!this.#waiting.has(viewer)) yield viewer;
  }
}

// Every still is a picture by itself. Without this, stills that do not say so would pile up as one GOP.
function asShown(header: FrameHeader): FrameHeader {
  return header.kind === FrameKind.jpegStill ? { ...header, isKeyframe: true } : header;
}
